"""Splits that do not leak."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ml.dataset import CARDIAC_CLASSES, LabelledPage, load_inputs, read_manifest, split_by_group
from ml.decode import encode_png
from ml.preprocessing import PreprocessingSpec

if TYPE_CHECKING:
    from pathlib import Path

    from ml.render import RenderedPage

PARTS = ("train", "validation", "test")


def _pages() -> list[LabelledPage]:
    rng = np.random.default_rng(7)
    pages = []
    for group in range(120):
        label = CARDIAC_CLASSES[int(rng.choice(4, p=[0.5, 0.3, 0.12, 0.08]))]
        pages += [LabelledPage(f"{group}-{n}.png", label, f"g{group}", strict=True) for n in range(rng.integers(1, 5))]
    return pages


@pytest.mark.parametrize("fold", range(5))
def test_no_group_crosses_a_split_and_no_page_is_lost(fold: int) -> None:
    pages = _pages()
    split = split_by_group(pages, seed=1, fold=fold)
    indices = [getattr(split, part) for part in PARTS]
    assert sorted(np.concatenate(indices).tolist()) == list(range(len(pages)))
    groups = [{pages[i].group for i in part} for part in indices]
    assert not groups[0] & groups[1]
    assert not groups[0] & groups[2]
    assert not groups[1] & groups[2]


def test_the_test_folds_together_are_the_whole_set_once() -> None:
    pages = _pages()
    folds = [split_by_group(pages, seed=1, fold=fold).test for fold in range(5)]
    assert sorted(np.concatenate(folds).tolist()) == list(range(len(pages)))


def test_a_split_is_the_same_every_time_and_another_for_another_seed() -> None:
    pages = _pages()
    again = [split_by_group(pages, seed=seed).test.tolist() for seed in (1, 1, 2)]
    assert again[0] == again[1]
    assert again[0] != again[2]


def test_every_class_is_in_every_part() -> None:
    pages = _pages()
    split = split_by_group(pages, seed=1)
    for part in PARTS:
        assert {pages[i].label for i in getattr(split, part)} == set(CARDIAC_CLASSES), part


def test_the_manifest_keeps_the_classes_asked_for(tmp_path: Path) -> None:
    with (tmp_path / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["file", "label", "group", "strict"])
        writer.writeheader()
        writer.writerow({"file": "a.png", "label": "normal", "group": "g1", "strict": "1"})
        writer.writerow({"file": "b.png", "label": "covid19", "group": "g2", "strict": "0"})
    assert read_manifest(tmp_path) == [LabelledPage("a.png", "normal", "g1", strict=True)]


def test_inputs_come_from_the_cache_until_the_file_or_the_spec_changes(rendered: RenderedPage, tmp_path: Path) -> None:
    file, cache = tmp_path / "page.png", tmp_path / "cache"
    pages = [LabelledPage("page.png", "normal", "g1", strict=True)]
    file.write_bytes(encode_png(rendered.image))
    first = load_inputs(tmp_path, pages, PreprocessingSpec(), cache=cache)
    load_inputs(tmp_path, pages, PreprocessingSpec(), cache=cache)
    assert len(list(cache.iterdir())) == 1
    load_inputs(tmp_path, pages, PreprocessingSpec(median_kernel=5), cache=cache)
    file.write_bytes(encode_png(rendered.image[100:]))
    changed = load_inputs(tmp_path, pages, PreprocessingSpec(), cache=cache)
    assert len(list(cache.iterdir())) == 3
    assert not np.array_equal(first, changed)


@pytest.mark.dataset
def test_the_real_pages_split_without_a_crossing_group(dataset: Path) -> None:
    pages = read_manifest(dataset)
    assert len(pages) > 1000
    split = split_by_group(pages, seed=20)
    groups = [{pages[i].group for i in getattr(split, part)} for part in PARTS]
    assert sum(map(len, groups)) == len(set.union(*groups))
    assert min(len([i for i in getattr(split, part) if pages[i].label == "mi"]) for part in PARTS) >= 5

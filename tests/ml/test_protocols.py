"""Ours never lets a group cross; the published ones leak exactly as they did."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from ml.dataset import LabelledPage, Split
from ml.protocols import PROTOCOLS, TASKS, divide

COLUMNS = ("file", "label", "group", "strict", "v2_class", "v2_names", "printed_hr_bpm")
V2 = {"normal": "Normal", "abnormal_heartbeat": "HB", "history_mi": "PMI", "mi": "MI", "covid19": ""}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two hundred pages in a hundred groups; half of them in version 2, infarctions four times."""
    with (tmp_path / "manifest.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for n in range(200):
            label = list(V2)[n % 5]
            names = "|".join(f"{label}({n}-{copy}).jpg" for copy in range(4 if label == "mi" else 1))
            listed = V2[label] if n < 100 else ""
            writer.writerow([f"{n}.jpg", label, f"g{n // 2}", 1, listed, names if listed else "", ""])
    return tmp_path


def _groups(pages: list[LabelledPage], part: np.ndarray) -> set[str]:
    return {pages[index].group for index in part}


def _parts(split: Split) -> list[np.ndarray]:
    return [split.train, split.validation, split.test]


@pytest.mark.parametrize("protocol", [name for name, protocol in PROTOCOLS.items() if protocol.leak_free])
@pytest.mark.parametrize("task", sorted(TASKS))
def test_no_group_crosses_and_every_page_is_used_once(folder: Path, protocol: str, task: str) -> None:
    pages, classes, split = divide(folder, protocol, task, seed=3)
    assert classes == TASKS[task]
    assert {page.label for page in pages} == set(classes)
    assert sorted(np.concatenate(_parts(split))) == list(range(len(pages)))
    parts = [_groups(pages, part) for part in _parts(split)]
    assert len(set.union(*parts)) == sum(map(len, parts))


def test_the_folds_together_test_every_page_once(folder: Path) -> None:
    tested = [divide(folder, "grouped", seed=3, fold=fold)[2].test for fold in range(5)]
    assert sorted(np.concatenate(tested)) == list(range(160))


def test_the_published_split_puts_copies_on_both_sides(folder: Path) -> None:
    pages, _, split = divide(folder, "published", seed=3)
    copies = [len(page.v2_names) for page in pages]
    assert sum(map(len, _parts(split))) == sum(copies)
    assert np.array_equal(np.bincount(np.concatenate(_parts(split))), copies)
    twins = set(split.train) & set(split.test)
    assert twins
    assert {pages[index].label for index in twins} == {"mi"}


def test_the_756_file_protocol_tests_on_what_it_trained_on(folder: Path) -> None:
    pages, _, split = divide(folder, "published-756", "three", seed=3)
    assert np.array_equal(split.train, split.test)
    assert {page.label for page in pages} == {"normal", "abnormal_heartbeat", "mi"}


@pytest.mark.parametrize(("protocol", "fold"), [("grouped", 5), ("grouped", -1), ("published", 10), ("70-15-15", 1)])
def test_a_fold_that_is_not_there_is_refused(folder: Path, protocol: str, fold: int) -> None:
    with pytest.raises(ValueError, match="fold"):
        divide(folder, protocol, seed=3, fold=fold)


def test_published_protocols_need_the_published_names(folder: Path) -> None:
    manifest = folder / "manifest.csv"
    with manifest.open(newline="") as file:
        rows = [dict(row, v2_names="", v2_class="") for row in csv.DictReader(file)]
    with manifest.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    with pytest.raises(ValueError, match="version 2"):
        divide(folder, "published", seed=3)


@pytest.mark.dataset
def test_the_real_manifest_holds_the_padded_set(dataset: Path) -> None:
    pages, _, split = divide(dataset, "published", seed=20)
    assert len(pages) == 394
    assert sum(map(len, _parts(split))) == 742
    shared = np.isin(split.test, split.train).mean()
    assert shared > 0.5, "a random split of the padded set tests mostly on twins of training pages"

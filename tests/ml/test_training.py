"""A run can be broken off and taken up; what it learned is what is kept."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ml.augmentation import page_augmentation
from ml.dataset import LabelledPage, Split
from ml.recipes import Recipe
from ml.training import AugmentedPages, class_weights, predict_logits, train

if TYPE_CHECKING:
    from pathlib import Path

CLASSES = ("normal", "mi")
RECIPE = Recipe("custom_cnn", epochs=2, batch_size=4, patience=9)


def _pages() -> tuple[np.ndarray, list[LabelledPage], Split]:
    """Twelve pages whose class is plain to see: a bar at the top or at the bottom."""
    inputs = np.full((12, 384, 384), 250, np.uint8)
    for page in range(12):
        inputs[page, 40 : 60 if page % 2 else 320, :] = 20 if page % 2 else 250
        inputs[page, 300:320, :] = 250 if page % 2 else 20
    pages = [LabelledPage(f"{n}.png", CLASSES[n % 2], f"g{n}", strict=True) for n in range(12)]
    return inputs, pages, Split(np.arange(8), np.arange(8, 12), np.arange(0))


def _log(folder: Path) -> list[dict[str, str]]:
    with (folder / "log.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def _tensorboard_epochs(folder: Path) -> list[int]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder / "tensorboard" / "validation"))
    events.Reload()
    return [event.step for event in events.Tensors("epoch_loss")]


def test_a_run_broken_off_goes_on_where_it_stopped(tmp_path: Path) -> None:
    inputs, pages, split = _pages()
    train(replace(RECIPE, epochs=1), inputs, pages, CLASSES, split, tmp_path)
    # The same run with a longer plan: what a machine that was switched off in between would see.
    (tmp_path / "recipe.json").write_text(
        json.dumps(json.loads((tmp_path / "recipe.json").read_text()) | {"epochs": 2})
    )
    model = train(RECIPE, inputs, pages, CLASSES, split, tmp_path)
    assert [row["epoch"] for row in _log(tmp_path)] == ["0", "1"]
    before = _log(tmp_path)
    assert _tensorboard_epochs(tmp_path) == [0, 1]
    again = train(RECIPE, inputs, pages, CLASSES, split, tmp_path)
    assert _log(tmp_path) == before, "a finished run must not train on"
    assert predict_logits(again, inputs) == pytest.approx(predict_logits(model, inputs), abs=1e-4)


def test_the_adaptive_focal_loss_moves_and_takes_its_state_up_again(tmp_path: Path) -> None:
    inputs, pages, _ = _pages()
    recipe = replace(RECIPE, loss="adaptive_focal", epochs=1)
    # Sixteen training pages in groups of one or two; an eighth of them is set aside.
    inputs, pages = np.concatenate([inputs, inputs[:8]]), [*pages, *pages[:8]]
    pages = [replace(page, group=f"g{n % 10}", file=f"{n}.png") for n, page in enumerate(pages)]
    split = Split(np.arange(16), np.arange(16, 20), np.arange(0))
    train(recipe, inputs, pages, CLASSES, split, tmp_path)
    first = json.loads((tmp_path / "focal.json").read_text())
    assert first["epochs"] == 1
    (tmp_path / "recipe.json").write_text(
        json.dumps(json.loads((tmp_path / "recipe.json").read_text()) | {"epochs": 2})
    )
    train(replace(recipe, epochs=2), inputs, pages, CLASSES, split, tmp_path)
    assert json.loads((tmp_path / "focal.json").read_text())["epochs"] == 2


def test_a_loss_that_moves_does_not_choose_the_epoch(tmp_path: Path) -> None:
    inputs, pages, _ = _pages()
    inputs, pages = np.concatenate([inputs, inputs[:8]]), [*pages, *pages[:8]]
    pages = [replace(page, group=f"g{n % 10}", file=f"{n}.png") for n, page in enumerate(pages)]
    split = Split(np.arange(16), np.arange(16, 20), np.arange(0))
    recipe = replace(RECIPE, loss="adaptive_focal", epochs=3)
    model = train(recipe, inputs, pages, CLASSES, split, tmp_path)
    logits = predict_logits(model, inputs[16:])
    labels = np.array([CLASSES.index(page.label) for page in pages[16:]])
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    mine = -log_p[np.arange(4), labels].mean()
    assert mine == pytest.approx(min(float(row["val_cross_entropy"]) for row in _log(tmp_path)), rel=0.01)


def test_a_folder_with_another_recipe_is_not_overwritten(tmp_path: Path) -> None:
    inputs, pages, split = _pages()
    (tmp_path / "recipe.json").write_text("{}")
    with pytest.raises(ValueError, match="another recipe"):
        train(RECIPE, inputs, pages, CLASSES, split, tmp_path)


def test_epochs_differ_but_each_repeats_itself() -> None:
    inputs, _, _ = _pages()
    labels = np.arange(12) % 2

    def first_batch(epoch: int) -> np.ndarray:
        return AugmentedPages(inputs, labels, 2, RECIPE, first_epoch=epoch)[0][0]

    assert np.array_equal(first_batch(3), first_batch(3))
    assert not np.array_equal(first_batch(3), first_batch(4))


def test_an_epoch_shows_every_page_once() -> None:
    inputs, _, _ = _pages()
    batches = AugmentedPages(inputs, np.arange(12) % 2, 2, RECIPE, first_epoch=0)
    assert [len(batches[i][0]) for i in range(len(batches))] == [4, 4, 4]
    assert sorted(batches._order.tolist()) == list(range(12))


def test_augmentation_keeps_a_page_upright_and_unmirrored() -> None:
    page = np.full((384, 384), 255, np.uint8)
    page[30:60, 30:60] = 0
    augment = page_augmentation(seed=1)
    for _ in range(40):
        dark = np.argwhere(augment(image=page)["image"] < 90)
        if len(dark):
            assert dark.mean(axis=0).max() < 192, "the mark must stay in its corner"


def test_rare_classes_weigh_more_and_the_mean_page_weighs_one() -> None:
    labels = np.array([0] * 90 + [1] * 10)
    weights = class_weights(labels, 2)
    assert weights[1] / weights[0] == pytest.approx(3.0)
    assert weights[labels].mean() == pytest.approx(1.0)

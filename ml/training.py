"""Train one architecture on labelled pages: resumable, seeded, judged on held-out groups only after the fact."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from ml.architectures import REGISTRY
from ml.augmentation import page_augmentation
from ml.dataset import LabelledPage, Split

Inputs = NDArray[np.uint8]
Labels = NDArray[np.intp]


@dataclass(frozen=True)
class Recipe:
    """How a network is trained; written beside the weights.

    Attributes:
        architecture: name in the registry.
        epochs: at most; early stopping usually ends before.
        batch_size: pages a step.
        learning_rate: Adam's at the start; halved when validation loss stalls for ``patience // 3`` epochs.
        patience: epochs without a better validation loss before training stops.
        weight_decay: AdamW's.
        label_smoothing: of the one-hot targets.
        seed: of initial weights, shuffling, dropout and augmentation.
    """

    architecture: str
    epochs: int = 60
    batch_size: int = 16
    learning_rate: float = 1e-3
    patience: int = 15
    weight_decay: float = 1e-4
    label_smoothing: float = 0.05
    seed: int = 20


class AugmentedPages(keras.utils.PyDataset):  # type: ignore[misc]
    """Shuffled, augmented batches of training pages with their class weights."""

    def __init__(self, inputs: Inputs, labels: Labels, classes: int, recipe: Recipe, first_epoch: int) -> None:
        super().__init__()
        self._inputs, self._targets = inputs, one_hot(labels, classes)
        self._weights = class_weights(labels, classes)[labels]
        self._recipe = recipe
        self._epoch = first_epoch
        self._start_epoch()

    def _start_epoch(self) -> None:
        # Seeded by epoch, so that a resumed run sees what an uninterrupted one would have seen.
        seed = self._recipe.seed * 10_000 + self._epoch
        self._order = np.random.default_rng(seed).permutation(len(self._inputs))
        self._augment = page_augmentation(seed)

    def __len__(self) -> int:
        return math.ceil(len(self._inputs) / self._recipe.batch_size)

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        size = self._recipe.batch_size
        chosen = self._order[index * size : (index + 1) * size]
        pages = np.stack([self._augment(image=self._inputs[i])["image"] for i in chosen])
        return pages[..., None].astype(np.float32), self._targets[chosen], self._weights[chosen]

    def on_epoch_end(self) -> None:
        self._epoch += 1
        self._start_epoch()


def train(
    recipe: Recipe,
    inputs: Inputs,
    pages: Sequence[LabelledPage],
    classes: Sequence[str],
    split: Split,
    folder: Path,
) -> keras.Model:
    """Train until validation loss stops falling, or take up a run that was broken off.

    Args:
        recipe: what to train and how.
        inputs: (N, height, width) uint8, as `ml.dataset.load_inputs` gives them.
        pages: the N pages, in the same order.
        classes: class names in the order of the outputs.
        split: indices; the test part is not touched here.
        folder: of the run: ``recipe.json``, ``log.csv``, ``best.weights.h5``, ``last.keras``; an existing one of the
            same recipe is resumed at the epoch after its last.

    Returns:
        The network with the weights of its best epoch.

    Raises:
        ValueError: ``folder`` holds a run with another recipe.
    """
    _check_same_run(recipe, folder)
    keras.utils.set_random_seed(recipe.seed)
    labels = np.array([classes.index(page.label) for page in pages])
    past = _read_log(folder / "log.csv")
    best_weights, last_state = folder / "best.weights.h5", folder / "last.keras"
    model = keras.saving.load_model(last_state) if past else _compiled_network(recipe, len(classes))
    if not _finished(past, recipe):
        model.fit(
            AugmentedPages(inputs[split.train], labels[split.train], len(classes), recipe, first_epoch=len(past)),
            validation_data=(
                inputs[split.validation, ..., None].astype(np.float32),
                one_hot(labels[split.validation], len(classes)),
                class_weights(labels[split.train], len(classes))[labels[split.validation]],
            ),
            epochs=recipe.epochs,
            initial_epoch=len(past),
            callbacks=_callbacks(recipe, folder, past, best_weights, last_state),
            verbose=2,
        )
    model.load_weights(best_weights)
    return model


def _compiled_network(recipe: Recipe, classes: int) -> keras.Model:
    model = REGISTRY[recipe.architecture].build(classes)
    model.compile(
        optimizer=keras.optimizers.AdamW(recipe.learning_rate, weight_decay=recipe.weight_decay),
        loss=keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=recipe.label_smoothing),
        weighted_metrics=[],
        metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
    )
    return model


def predict_logits(model: keras.Model, inputs: Inputs, *, batch_size: int = 16) -> NDArray[np.float64]:
    """Logits of pages (N, height, width) uint8, as (N, classes) float64."""
    batches = [
        ops.convert_to_numpy(model(inputs[i : i + batch_size, ..., None].astype(np.float32), training=False))
        for i in range(0, len(inputs), batch_size)
    ]
    return np.concatenate(batches).astype(np.float64)


def one_hot(labels: Labels, classes: int) -> NDArray[np.float32]:
    return np.asarray(np.eye(classes, dtype=np.float32)[labels])


def class_weights(labels: Labels, classes: int) -> NDArray[np.float32]:
    """Inverse square root of class frequency, mean 1 over pages.

    The full inverse makes one page of the rarest class outweigh fifteen of the commonest and training unstable.
    """
    counts = np.bincount(labels, minlength=classes).clip(min=1)
    weights = 1.0 / np.sqrt(counts)
    return np.asarray(weights / weights[labels].mean(), dtype=np.float32)


class _ReportEpoch(keras.callbacks.Callback):  # type: ignore[misc]
    """Writes the epoch's row after everything else is on disk: a row in the log means the epoch can be resumed from."""

    def __init__(self, log: Path, last_state: Path) -> None:
        super().__init__()
        self._log, self._last_state = log, last_state

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        partial = self._last_state.with_name("partial.keras")
        self.model.save(partial)
        partial.replace(self._last_state)
        row = {"epoch": epoch, **{name: float(value) for name, value in (logs or {}).items()}}
        new = not self._log.exists()
        with self._log.open("a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=list(row))
            if new:
                writer.writeheader()
            writer.writerow(row)


def _callbacks(
    recipe: Recipe, folder: Path, past: list[dict[str, float]], best_weights: Path, last_state: Path
) -> list[keras.callbacks.Callback]:
    losses = [row["val_loss"] for row in past]
    best = min(losses, default=None)
    stop = keras.callbacks.EarlyStopping(
        monitor="val_loss", patience=_patience_left(losses, recipe), baseline=best, verbose=1
    )
    return [
        keras.callbacks.ModelCheckpoint(
            str(best_weights),
            monitor="val_loss",
            save_best_only=True,
            save_weights_only=True,
            initial_value_threshold=best,
        ),
        keras.callbacks.ReduceLROnPlateau(monitor="val_loss", factor=0.5, patience=recipe.patience // 3, min_lr=1e-5),
        stop,
        _ReportEpoch(folder / "log.csv", last_state),
    ]


def _patience_left(losses: list[float], recipe: Recipe) -> int:
    if not losses:
        return recipe.patience
    return max(recipe.patience - (len(losses) - 1 - int(np.argmin(losses))), 1)


def _finished(past: list[dict[str, float]], recipe: Recipe) -> bool:
    if not past:
        return False
    losses = [row["val_loss"] for row in past]
    return len(past) >= recipe.epochs or len(losses) - 1 - int(np.argmin(losses)) >= recipe.patience


def _check_same_run(recipe: Recipe, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    state = folder / "recipe.json"
    if state.exists():
        if json.loads(state.read_text()) != asdict(recipe):
            raise ValueError(f"{folder} holds a run with another recipe; choose another folder or remove it")
    else:
        state.write_text(json.dumps(asdict(recipe), indent=2) + "\n")


def _read_log(file: Path) -> list[dict[str, float]]:
    if not file.exists():
        return []
    with file.open(newline="", encoding="utf-8") as handle:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(handle)]

"""Train one architecture on labelled pages: resumable, seeded, judged on held-out groups only after the fact."""

from __future__ import annotations

import csv
import json
import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from ml.architectures import REGISTRY
from ml.augmentation import page_augmentation
from ml.dataset import LabelledPage, Split, hold_out_groups
from ml.devices import spread_over
from ml.losses import CategoricalFocal, FocalAdaptation
from ml.pretrained import FOLDED, initialise
from ml.recipes import Recipe

logger = logging.getLogger(__name__)

Inputs = NDArray[np.uint8]
Labels = NDArray[np.intp]
# Called with the number of an epoch and the network as it stands then.
AfterEpoch = Callable[[int, keras.Model], None]

_VALIDATION_BATCH = 32


class AugmentedPages(keras.utils.PyDataset):  # type: ignore[misc]
    """Shuffled, augmented batches of training pages with their class weights."""

    def __init__(
        self, inputs: Inputs, labels: Labels, classes: int, recipe: Recipe, first_epoch: int, *, devices: int = 1
    ) -> None:
        super().__init__()
        self._devices = devices
        self._inputs, self._targets = inputs, one_hot(labels, classes)
        self._weights = page_weights(labels, labels, classes, recipe)
        self._recipe = recipe
        self._epoch = first_epoch
        self._start_epoch()

    def _start_epoch(self) -> None:
        # Seeded by epoch, so that a resumed run sees what an uninterrupted one would have seen.
        seed = self._recipe.seed * 10_000 + self._epoch
        order = np.random.default_rng(seed).permutation(len(self._inputs))
        # Devices take equal shares: the few pages that are left over have their turn in another epoch.
        self._order = order[: len(order) - len(order) % self._devices]
        self._augment = page_augmentation(seed)

    def __len__(self) -> int:
        return math.ceil(len(self._order) / self._recipe.batch_size)

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
    *,
    weights: str = "none",
    weights_folder: Path | None = None,
    devices: int = 1,
    after_epoch: AfterEpoch | None = None,
) -> keras.Model:
    """Train until validation loss stops falling, or take up a run that was broken off.

    Args:
        recipe: what to train and how.
        inputs: (N, height, width) uint8, as `ml.dataset.load_inputs` gives them.
        pages: the N pages, in the same order.
        classes: class names in the order of the outputs.
        split: indices; the test part is not touched here.
        folder: of the run: ``recipe.json``, ``weights.json``, ``log.csv``, ``best.weights.h5``, ``last.keras``,
            ``tensorboard``; an existing one of the same recipe is resumed at the epoch after its last.
        weights, weights_folder: where the backbones' weights come from (`ml.pretrained.initialise`).
        devices: how many share each batch (`ml.devices`).
        after_epoch: told of each epoch when it is on disk. What it raises ends the training, to be taken up later.

    Returns:
        The network in float32 with the weights of its best epoch.

    Raises:
        ValueError: ``folder`` holds a run with another recipe, or the batch cannot be divided among the devices.
        WeightsUnavailable: the weights asked for cannot be had.
    """
    if recipe.batch_size % devices:
        raise ValueError(f"a batch of {recipe.batch_size} pages does not divide among {devices} devices")
    _check_same_run(recipe, folder)
    keras.utils.set_random_seed(recipe.seed)
    labels = np.array([classes.index(page.label) for page in pages])
    past = read_log(folder / "log.csv")
    best_weights, last_state = folder / "best.weights.h5", folder / "last.keras"
    started_in = keras.config.dtype_policy()
    keras.config.set_dtype_policy(recipe.precision)
    try:
        with spread_over(devices):
            model = keras.saving.load_model(last_state) if past else REGISTRY[recipe.architecture].build(len(classes))
            if not past:
                used = initialise(model, recipe.architecture, wanted=weights, folder=weights_folder)
                (folder / "weights.json").write_text(json.dumps(used, indent=2) + "\n")
            if not _finished(past, recipe):
                run = _RunFolder(folder, past, devices, after_epoch)
                _fit(model, recipe, inputs, pages, labels, len(classes), split, run)
            model.load_weights(best_weights)
    finally:
        keras.config.set_dtype_policy(started_in)
    finished = REGISTRY[recipe.architecture].build(len(classes))
    finished.set_weights(model.get_weights())
    return finished


@dataclass
class _RunFolder:
    """Where a training stands, and who watches it."""

    folder: Path
    past: list[dict[str, float]]
    devices: int
    after_epoch: AfterEpoch | None


def _fit(
    model: keras.Model,
    recipe: Recipe,
    inputs: Inputs,
    pages: Sequence[LabelledPage],
    labels: Labels,
    classes: int,
    split: Split,
    run: _RunFolder,
) -> None:
    folder = run.folder
    train_part, inner = split.train, split.train[:0]
    adaptive: list[keras.callbacks.Callback] = []
    loss = _loss(recipe, labels[split.train], classes)
    if recipe.loss == "adaptive_focal":
        train_part, inner = _inner_split(pages, split.train, recipe.seed)
        adaptation = FocalAdaptation(
            np.bincount(labels[train_part], minlength=classes).tolist(),
            tau=recipe.alpha_exponent,
            k=recipe.gamma_slope,
        )
        adaptive = [_AdaptFocal(loss, adaptation, inputs[inner], labels[inner], folder / "focal.json")]
    validation = _validation(inputs, labels, split, classes, recipe, run.devices)
    for first, last in _phases(recipe, folder):
        done = len(run.past)
        if done >= last or _finished(run.past, recipe):
            continue
        if done == first or not model.compiled:
            _set_trainable(model, recipe, folder, frozen=first < last <= recipe.frozen_epochs)
            _compile(model, recipe, loss)
        else:
            model.loss = loss
        model.fit(
            AugmentedPages(
                inputs[train_part], labels[train_part], classes, recipe, first_epoch=done, devices=run.devices
            ),
            validation_data=validation,
            validation_batch_size=run.devices * max(_VALIDATION_BATCH // run.devices, 1),
            epochs=last,
            initial_epoch=done,
            callbacks=[*adaptive, *_callbacks(recipe, run)],
            verbose=2,
        )
        run.past = read_log(folder / "log.csv")


def _validation(
    inputs: Inputs, labels: Labels, split: Split, classes: int, recipe: Recipe, devices: int
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    chosen = split.validation
    weights = page_weights(labels[split.train], labels[chosen], classes, recipe)
    if left_over := len(chosen) % devices:
        # Equal shares for all devices: pages once more, without weight in the loss.
        more = chosen[np.arange(devices - left_over) % len(chosen)]
        chosen, weights = np.concatenate([chosen, more]), np.append(weights, np.zeros(len(more), np.float32))
    return inputs[chosen, ..., None].astype(np.float32), one_hot(labels[chosen], classes), weights


def _phases(recipe: Recipe, folder: Path) -> list[tuple[int, int]]:
    """First and one past the last epoch of each phase."""
    frozen = recipe.frozen_epochs if _pretrained(folder) else 0
    return [(0, frozen), (frozen, recipe.epochs)] if frozen else [(0, recipe.epochs)]


def _pretrained(folder: Path) -> set[str]:
    used = json.loads((folder / "weights.json").read_text())
    return {backbone for backbone, source in used.items() if source["kind"] != "none"}


def _set_trainable(model: keras.Model, recipe: Recipe, folder: Path, *, frozen: bool) -> None:
    pretrained = _pretrained(folder)
    backbone = [layer for layer in model.layers if not layer.name.startswith(("head_", "spatial_attention"))]
    # Freezing random layers would only cripple the network.
    kept = recipe.unfrozen_layers if pretrained else None
    for place, layer in enumerate(reversed(backbone)):
        folded = bool(pretrained & FOLDED) and isinstance(layer, keras.layers.BatchNormalization)
        layer.trainable = not (pretrained and frozen) and (kept is None or place < kept) and not folded


def _loss(recipe: Recipe, labels: Labels, classes: int) -> keras.losses.Loss:
    if recipe.loss == "weighted_cross_entropy":
        return keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=recipe.label_smoothing)
    weights = class_weights(labels, classes)
    return CategoricalFocal(weights / weights.mean(), [2.0] * classes, recipe.label_smoothing)


def _compile(model: keras.Model, recipe: Recipe, loss: keras.losses.Loss) -> None:
    metrics: list[keras.metrics.Metric] = [keras.metrics.CategoricalAccuracy(name="accuracy")]
    if _judge(recipe) != _LOSS:
        metrics.append(keras.metrics.CategoricalCrossentropy(from_logits=True, name="cross_entropy"))
    model.compile(
        optimizer=keras.optimizers.AdamW(recipe.learning_rate, weight_decay=recipe.weight_decay),
        loss=loss,
        weighted_metrics=[],
        metrics=metrics,
    )


def _inner_split(pages: Sequence[LabelledPage], train: Labels, seed: int) -> tuple[Labels, Labels]:
    """Set an eighth of the training groups aside for the loss to watch."""
    return hold_out_groups(pages, train, seed=seed + 2, fold=0, folds=8)


class _AdaptFocal(keras.callbacks.Callback):  # type: ignore[misc]
    """Moves α and γ of a focal loss after each epoch, by the recall of pages set aside for it."""

    def __init__(
        self, loss: CategoricalFocal, adaptation: FocalAdaptation, inputs: Inputs, labels: Labels, state: Path
    ) -> None:
        super().__init__()
        self._loss, self._adaptation, self._state = loss, adaptation, state
        self._inputs, self._labels = inputs, labels
        if state.exists():
            adaptation.restore(json.loads(state.read_text()))
        self._assign()

    def _assign(self) -> None:
        self._loss.alpha.assign(self._adaptation.alpha.astype(np.float32))
        self._loss.gamma.assign(self._adaptation.gamma.astype(np.float32))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        answered = predict_logits(self.model, self._inputs).argmax(axis=1)
        classes = len(self._adaptation.alpha)
        self._adaptation.observe(
            [
                float(np.mean(answered[self._labels == c] == c)) if (self._labels == c).any() else 1.0
                for c in range(classes)
            ]
        )
        self._assign()
        self._state.write_text(json.dumps(self._adaptation.state()) + "\n")


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


def page_weights(train_labels: Labels, labels: Labels, classes: int, recipe: Recipe) -> NDArray[np.float32]:
    """Weight of each page in the loss: by its class for cross-entropy; focal losses weigh classes themselves."""
    if recipe.loss == "weighted_cross_entropy":
        return class_weights(train_labels, classes)[labels]
    return np.ones(len(labels), np.float32)


class _ReportEpoch(keras.callbacks.Callback):  # type: ignore[misc]
    """Writes the epoch's row after everything else is on disk: a row in the log means the epoch can be resumed from."""

    def __init__(self, log: Path, last_state: Path) -> None:
        super().__init__()
        self._log, self._last_state = log, last_state
        self._began = time.monotonic()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._began = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        partial = self._last_state.with_name("partial.keras")
        self.model.save(partial)
        partial.replace(self._last_state)
        row = {"epoch": epoch, **{name: float(value) for name, value in (logs or {}).items()}}
        row["seconds"] = round(time.monotonic() - self._began, 1)
        new = not self._log.exists()
        with self._log.open("a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=list(row))
            if new:
                writer.writeheader()
            writer.writerow(row)


class _Tell(keras.callbacks.Callback):  # type: ignore[misc]
    """Tells somebody of each epoch."""

    def __init__(self, after_epoch: AfterEpoch) -> None:
        super().__init__()
        self._after_epoch = after_epoch

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._after_epoch(epoch, self.model)


def _tensorboard(folder: Path) -> list[keras.callbacks.Callback]:
    if keras.backend.backend() != "tensorflow":
        # Keras writes these through TensorFlow, which would take the GPU's memory away from the other backend.
        logger.warning(
            "No TensorBoard logs on the %s backend; the same figures are in log.csv", keras.backend.backend()
        )
        return []
    return [keras.callbacks.TensorBoard(str(folder / "tensorboard"), write_graph=False)]


def _callbacks(recipe: Recipe, run: _RunFolder) -> list[keras.callbacks.Callback]:
    folder = run.folder
    losses = _judged(run.past, recipe)
    best = min(losses, default=None)
    return [
        *_tensorboard(folder),
        keras.callbacks.ModelCheckpoint(
            str(folder / "best.weights.h5"),
            monitor=_judge(recipe),
            save_best_only=True,
            save_weights_only=True,
            initial_value_threshold=best,
        ),
        keras.callbacks.ReduceLROnPlateau(
            monitor=_judge(recipe), factor=0.5, patience=max(recipe.patience // 3, 1), min_lr=1e-6
        ),
        keras.callbacks.EarlyStopping(
            monitor=_judge(recipe), patience=_patience_left(losses, recipe), baseline=best, verbose=1
        ),
        _ReportEpoch(folder / "log.csv", folder / "last.keras"),
        *([_Tell(run.after_epoch)] if run.after_epoch else []),
    ]


_LOSS: Final = "val_loss"


def _judge(recipe: Recipe) -> str:
    """What tells the best epoch: the validation loss, unless the loss itself moves from epoch to epoch.

    An adaptive loss is smallest where its weights happen to be, so epochs are compared by plain cross-entropy there.
    """
    return "val_cross_entropy" if recipe.loss == "adaptive_focal" else _LOSS


def _judged(past: list[dict[str, float]], recipe: Recipe) -> list[float]:
    # Logs from before there was anything but the loss are read by it.
    return [row.get(_judge(recipe), row[_LOSS]) for row in past]


def _patience_left(losses: list[float], recipe: Recipe) -> int:
    if not losses:
        return recipe.patience
    return max(recipe.patience - (len(losses) - 1 - int(np.argmin(losses))), 1)


def _finished(past: list[dict[str, float]], recipe: Recipe) -> bool:
    if not past:
        return False
    losses = _judged(past, recipe)
    return len(past) >= recipe.epochs or len(losses) - 1 - int(np.argmin(losses)) >= recipe.patience


def _check_same_run(recipe: Recipe, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    state = folder / "recipe.json"
    if state.exists():
        if json.loads(state.read_text()) != asdict(recipe):
            raise ValueError(f"{folder} holds a run with another recipe; choose another folder or remove it")
    else:
        state.write_text(json.dumps(asdict(recipe), indent=2) + "\n")


def read_log(file: Path) -> list[dict[str, float]]:
    if not file.exists():
        return []
    with file.open(newline="", encoding="utf-8") as handle:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(handle)]

"""What each part of the adaptive focal loss does: one linear head on frozen features, everything but the loss the same.

A head costs seconds, so every fold of the leak-free protocol and several seeds can be had, which the networks of the
results table cannot. What it cannot show is what a loss does to the layers below.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from ml.calibration import softmax
from ml.dataset import LabelledPage, hold_out_groups, load_inputs
from ml.evaluation import Answers, evaluate, pooled
from ml.protocols import divide

if TYPE_CHECKING:
    import keras

BACKBONE: Final = "mobilenet_v2"
FOLDS: Final = 5
SEEDS: Final = (20, 21)
EPOCHS: Final = 30
BATCH: Final = 32
LEARNING_RATE: Final = 1e-3

Features = NDArray[np.float32]
Labels = NDArray[np.intp]


@dataclass(frozen=True)
class Variant:
    """One loss.

    Attributes:
        title: what it is, in words.
        focal: whether focal, else weighted cross-entropy.
        adapted: exponent τ and slope k of `ml.losses.FocalAdaptation`; None where nothing follows the recall.
    """

    title: str
    focal: bool
    adapted: tuple[float, float] | None = None


VARIANTS: Final = (
    Variant("weighted cross-entropy", focal=False),
    Variant("focal, α by class frequency, γ = 2, nothing adapted", focal=True),
    Variant("adaptive: α (τ = 1) and γ (k = 2) follow the recall", focal=True, adapted=(1.0, 2.0)),
    Variant("α follows the recall, γ stays (k = 0)", focal=True, adapted=(1.0, 0.0)),
    Variant("γ follows the recall, α stays (τ = 0)", focal=True, adapted=(0.0, 2.0)),
    Variant("the sign of γ turned around (k = −2)", focal=True, adapted=(1.0, -2.0)),
    Variant("the sign of α turned around (τ = −1)", focal=True, adapted=(-1.0, 2.0)),
)

Watched = Callable[[Sequence[Any]], Iterable[Any]]


def ablate(
    features: Features,
    pages: Sequence[LabelledPage],
    splits: Sequence[tuple[Labels, Labels]],
    classes: Sequence[str],
    *,
    variants: Sequence[Variant] = VARIANTS,
    seeds: Sequence[int] = SEEDS,
    epochs: int = EPOCHS,
    learning_rate: float = LEARNING_RATE,
    watched: Watched = lambda items: items,
) -> dict[str, dict[str, Any]]:
    """Train a head with every loss on every fold and seed.

    Args:
        features: (N, F) of the pages.
        pages: the N pages.
        splits: training and test indices of each fold.
        classes: names in the order of the outputs.
        variants, seeds, epochs, learning_rate: what is trained and how. The last epoch counts, nothing is chosen on
            any page.
        watched: shows progress.

    Returns:
        Title → figures (`ml.evaluation.evaluate`) of the strict test pages, folds and seeds pooled; intervals are over
        groups.
    """
    labels = np.array([classes.index(page.label) for page in pages])
    groups, strict = np.array([page.group for page in pages]), np.array([page.strict for page in pages])
    answers: dict[str, list[Answers]] = {variant.title: [] for variant in variants}
    jobs = [(variant, split, seed) for variant in variants for split in splits for seed in seeds]
    for variant, (train, test), seed in watched(jobs):
        # Set aside in every variant, so that all are taught the same pages.
        taught, watching = hold_out_groups(pages, train, seed=seed + 2, fold=0, folds=8)
        asked = test[strict[test]]
        logits = _head(variant, features, labels, taught, watching, len(classes), seed, epochs, learning_rate, asked)
        answers[variant.title].append(Answers(softmax(logits), labels[asked], groups[asked]))
    return {title: evaluate(pooled(parts), classes, threshold=0.0) for title, parts in answers.items()}


def frozen_features(data: Path, pages: list[LabelledPage], *, weights_folder: Path, cache: Path | None) -> Features:
    """Mean features (N, F) of pages by the backbone with its ImageNet weights.

    Raises:
        WeightsUnavailable: there are none; random features would show nothing.
    """
    import keras

    from ml.architectures import REGISTRY
    from ml.experiment import spec_of
    from ml.pretrained import WeightsUnavailable, initialise
    from ml.training import predict_logits

    network = REGISTRY[BACKBONE].build(4)
    used = initialise(network, BACKBONE, wanted="auto", folder=weights_folder)
    if used[BACKBONE]["kind"] == "none":
        raise WeightsUnavailable(f"there are no ImageNet weights for {BACKBONE}")
    inputs = load_inputs(data, pages, spec_of(BACKBONE), cache=cache)
    pooled = keras.Model(network.input, network.get_layer("head_mean").output)
    return predict_logits(pooled, inputs).astype(np.float32)


def splits_of(data: Path) -> tuple[list[LabelledPage], tuple[str, ...], list[tuple[Labels, Labels]]]:
    """Pages, classes, and training (with validation) and test indices of each fold of the leak-free protocol."""
    folds = [divide(data, "grouped", "four", seed=20, fold=fold) for fold in range(FOLDS)]
    pages, classes, _ = folds[0]
    return pages, classes, [(np.concatenate([split.train, split.validation]), split.test) for _, _, split in folds]


def _head(
    variant: Variant,
    features: Features,
    labels: Labels,
    taught: Labels,
    watching: Labels,
    classes: int,
    seed: int,
    epochs: int,
    learning_rate: float,
    asked: Labels,
) -> NDArray[np.float64]:
    import keras

    # The table of variants is read by every command; only training needs Keras.
    from ml.losses import CategoricalFocal, FocalAdaptation
    from ml.training import class_weights, one_hot

    keras.utils.set_random_seed(seed)
    head = keras.Sequential(
        [keras.Input(features.shape[1:]), keras.layers.Dropout(0.3), keras.layers.Dense(classes, dtype="float32")]
    )
    weights = class_weights(labels[taught], classes)
    alpha = (weights / weights.mean()).tolist()
    loss = CategoricalFocal(alpha, [2.0 if variant.focal else 0.0] * classes)
    head.compile(keras.optimizers.AdamW(learning_rate, weight_decay=1e-4), loss)
    adaptation = None
    if variant.adapted is not None:
        tau, k = variant.adapted
        adaptation = FocalAdaptation(np.bincount(labels[taught], minlength=classes).tolist(), tau=tau, k=k)
        loss.alpha.assign(adaptation.alpha.astype(np.float32))
    mean, deviation = features[taught].mean(axis=0), features[taught].std(axis=0) + 1e-3
    scaled = (features - mean) / deviation
    follow = keras.callbacks.LambdaCallback(on_epoch_end=lambda _epoch, _logs: _adapt())

    def _adapt() -> None:
        if adaptation is not None:
            adaptation.observe(_recall(_logits(head, scaled[watching]), labels[watching], classes))
            loss.alpha.assign(adaptation.alpha.astype(np.float32))
            loss.gamma.assign(adaptation.gamma.astype(np.float32))

    targets = one_hot(labels[taught], classes)
    head.fit(scaled[taught], targets, batch_size=BATCH, epochs=epochs, verbose=0, callbacks=[follow])
    return _logits(head, scaled[asked])


def _logits(head: keras.Model, features: Features) -> NDArray[np.float64]:
    from keras import ops

    return np.asarray(ops.convert_to_numpy(head(features, training=False)), np.float64)


def _recall(logits: NDArray[np.float64], labels: Labels, classes: int) -> list[float]:
    answered = logits.argmax(axis=1)
    return [float(np.mean(answered[labels == c] == c)) if (labels == c).any() else 1.0 for c in range(classes)]

"""From logits to probabilities one may believe, and to the point below which "not sure" is the honest answer."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

Floats = NDArray[np.float64]

MIN_COVERAGE: Final = 0.5


def softmax(logits: Floats) -> Floats:
    """Row-wise softmax of (N, classes)."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


def fit_temperature(logits: Floats, labels: NDArray[np.intp]) -> float:
    """The temperature that minimises the negative log-likelihood of held-out labels.

    Source: Guo et al. 2017, "On calibration of modern neural networks", arXiv:1706.04599.

    Args:
        logits: (N, classes) of validation pages.
        labels: (N,) their classes.
    """

    def loss(log_temperature: float) -> float:
        probabilities = softmax(logits / np.exp(log_temperature))
        return float(-np.log(probabilities[np.arange(len(labels)), labels].clip(min=1e-12)).mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-2.0, 3.0), method="bounded").x))


def fit_threshold(probabilities: Floats, labels: NDArray[np.intp], target_accuracy: float) -> float:
    """The lowest confidence from which on held-out answers are right often enough.

    Args:
        probabilities: (N, classes), calibrated, of validation pages.
        labels: (N,) their classes.
        target_accuracy: wanted share of right answers among those given.

    Returns:
        The threshold, rounded up to the next hundredth. Where the target would leave more than half of the pages
        unanswered, the threshold that answers half of them: a model that hardly ever answers helps no one, and the
        card shows what accuracy that gives.
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    order = np.argsort(-confidence)
    accuracy = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    good = np.flatnonzero(accuracy >= target_accuracy)
    answered = max(int(good[-1]) + 1 if good.size else 0, int(np.ceil(MIN_COVERAGE * len(order))))
    return float(np.ceil(confidence[order][answered - 1] * 100 - 1) / 100)

"""Curves of a classifier: ROC, precision–recall, reliability, risk–coverage. Points, not pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

BINS: Final = 10


@dataclass(frozen=True)
class Bin:
    """Answers of about the same confidence.

    Attributes:
        low, high: confidence, the upper bound excluded but for 1.
        pages: how many.
        confidence: their mean confidence; None where there are none.
        accuracy: share of right answers among them; None where there are none.
    """

    low: float
    high: float
    pages: int
    confidence: float | None
    accuracy: float | None


def roc_points(scores: Floats, positive: Flags) -> tuple[Floats, Floats]:
    """False and true positive rates from (0, 0) to (1, 1), one point for each distinct score.

    Pages of equal score are taken together: the area below the straight lines is the Mann–Whitney AUROC.

    Args:
        scores: (N,) higher means more likely positive.
        positive: (N,) the truth.

    Raises:
        ValueError: one of the two kinds is missing.
    """
    if positive.all() or not positive.any():
        raise ValueError("a ROC curve needs pages of the class and pages of others")
    true, false = _counts(scores, positive)
    return np.concatenate([[0.0], false / false[-1]]), np.concatenate([[0.0], true / true[-1]])


def pr_points(scores: Floats, positive: Flags) -> tuple[Floats, Floats]:
    """Recall (ascending) and precision, one point for each distinct score.

    Raises:
        ValueError: no page is positive.
    """
    if not positive.any():
        raise ValueError("a precision–recall curve needs pages of the class")
    true, false = _counts(scores, positive)
    return true / true[-1], true / (true + false)


def average_precision(scores: Floats, positive: Flags) -> float:
    """Precision averaged over the steps of recall, without interpolation."""
    recall, precision = pr_points(scores, positive)
    return float((np.diff(recall, prepend=0.0) * precision).sum())


def reliability(confidence: Floats, right: Flags, bins: int = BINS) -> list[Bin]:
    """Confidence against accuracy in bins of equal width, the ones that the calibration error is counted over."""
    which = np.minimum((confidence * bins).astype(int), bins - 1)
    found = []
    for index in range(bins):
        inside = which == index
        pages = int(inside.sum())
        means = (float(confidence[inside].mean()), float(right[inside].mean())) if pages else (None, None)
        found.append(Bin(index / bins, (index + 1) / bins, pages, *means))
    return found


def risk_coverage(confidence: Floats, right: Flags) -> tuple[Floats, Floats]:
    """Coverage and share of wrong answers when only the most confident pages are answered.

    One point for each distinct confidence: pages of equal confidence are answered together or not at all.

    Source: El-Yaniv and Wiener 2010, "On the foundations of noise-free selective classification", JMLR 11.
    """
    right_so_far, wrong_so_far = _counts(confidence, right)
    answered = right_so_far + wrong_so_far
    return answered / len(confidence), wrong_so_far / answered


def _counts(scores: Floats, positive: Flags) -> tuple[Floats, Floats]:
    """True and false positives at each distinct score, from the highest score down."""
    order = np.argsort(-scores, kind="stable")
    last_of_its_score = np.append(np.diff(scores[order]) != 0, True)
    true = np.cumsum(positive[order])[last_of_its_score].astype(np.float64)
    return true, np.flatnonzero(last_of_its_score) + 1.0 - true

"""How good a classifier is on pages it has not seen, with intervals that respect groups."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Labels = NDArray[np.intp]

BOOTSTRAP_FOLDS: Final = 2000
_ECE_BINS: Final = 10


@dataclass(frozen=True)
class Answers:
    """Calibrated answers for pages with known classes.

    Attributes:
        probabilities: (N, classes).
        labels: (N,) true classes.
        groups: (N,) recording sessions; resampled whole.
        answered: (N,) whether the answer was given at all, where each page has a threshold of its own (pooled runs).
    """

    probabilities: Floats
    labels: Labels
    groups: NDArray[np.str_]
    answered: NDArray[np.bool_] | None = None

    def at(self, indices: NDArray[np.intp]) -> Answers:
        answered = None if self.answered is None else self.answered[indices]
        return Answers(self.probabilities[indices], self.labels[indices], self.groups[indices], answered)


def pooled(parts: Sequence[Answers]) -> Answers:
    """Answers of several parts as one."""
    known = [part.answered for part in parts if part.answered is not None]
    return Answers(
        np.concatenate([part.probabilities for part in parts]),
        np.concatenate([part.labels for part in parts]),
        np.concatenate([part.groups for part in parts]),
        np.concatenate(known) if len(known) == len(parts) else None,
    )


def evaluate(
    answers: Answers, classes: Sequence[str], *, threshold: float, seed: int = 0, folds: int = BOOTSTRAP_FOLDS
) -> dict[str, Any]:
    """All figures of a set of answers, each headline with its 95 % interval.

    Args:
        answers: what the classifier said, and the truth.
        classes: names in the order of the columns.
        threshold: confidence below which the answer is "not sure"; not asked where ``answers`` say it themselves.
        seed, folds: of the bootstrap.

    Returns:
        JSON-ready: ``pages``, ``groups``, ``headline`` (name → value, low, high), ``per_class``, ``confusion``
        (rows true, columns answered).
    """
    headline: dict[str, Callable[[Answers], float]] = {
        "accuracy": accuracy,
        "balanced_accuracy": balanced_accuracy,
        "macro_precision": macro_precision,
        "macro_specificity": macro_specificity,
        "macro_f1": macro_f1,
        "macro_auroc": macro_auroc,
        "ece": expected_calibration_error,
        "brier": brier,
        "coverage": lambda some: float(_answered(some, threshold).mean()),
        "accuracy_when_answered": lambda some: _accuracy_when_answered(some, threshold),
    }
    intervals = bootstrap(answers, list(headline.values()), seed=seed, folds=folds)
    return {
        "pages": len(answers.labels),
        "groups": len(np.unique(answers.groups)),
        "headline": {
            name: {"value": _rounded(figure(answers)), "low": _rounded(low), "high": _rounded(high)}
            for (name, figure), (low, high) in zip(headline.items(), intervals, strict=True)
        },
        "per_class": {name: _one_class(answers, index) for index, name in enumerate(classes)},
        "confusion": confusion(answers).tolist(),
    }


def bootstrap(
    answers: Answers, figures: Sequence[Callable[[Answers], float]], *, seed: int, folds: int = BOOTSTRAP_FOLDS
) -> list[tuple[float, float]]:
    """95 % percentile intervals of figures, resampling whole groups with replacement."""
    rng = np.random.default_rng(seed)
    _, group_of = np.unique(answers.groups, return_inverse=True)
    members = [np.flatnonzero(group_of == group) for group in range(int(group_of.max()) + 1)]
    values = np.empty((folds, len(figures)))
    for fold in range(folds):
        drawn = rng.integers(len(members), size=len(members))
        sample = answers.at(np.concatenate([members[group] for group in drawn]))
        values[fold] = [figure(sample) for figure in figures]
    return [_interval(column) for column in values.T]


def _interval(values: Floats) -> tuple[float, float]:
    known = values[~np.isnan(values)]
    if not known.size:
        return float("nan"), float("nan")
    low, high = np.percentile(known, [2.5, 97.5])
    return float(low), float(high)


def accuracy(answers: Answers) -> float:
    return float((answers.probabilities.argmax(axis=1) == answers.labels).mean())


def confusion(answers: Answers) -> NDArray[np.int64]:
    """(classes, classes) counts: rows true, columns answered."""
    classes = answers.probabilities.shape[1]
    flat = answers.labels * classes + answers.probabilities.argmax(axis=1)
    return np.bincount(flat, minlength=classes**2).reshape(classes, classes)


def balanced_accuracy(answers: Answers) -> float:
    """Mean sensitivity over the classes that occur."""
    counts = confusion(answers)
    present = counts.sum(axis=1) > 0
    return float((counts.diagonal()[present] / counts.sum(axis=1)[present]).mean())


def macro_precision(answers: Answers) -> float:
    """Mean precision over the classes that were answered."""
    counts = confusion(answers)
    given = counts.sum(axis=0) > 0
    return float((counts.diagonal()[given] / counts.sum(axis=0)[given]).mean())


def macro_specificity(answers: Answers) -> float:
    """Mean specificity over the classes that some page is not of."""
    counts = confusion(answers)
    negatives = counts.sum() - counts.sum(axis=1)
    wrong = counts.sum(axis=0) - counts.diagonal()
    some = negatives > 0
    return float((1 - wrong[some] / negatives[some]).mean())


def macro_f1(answers: Answers) -> float:
    """Mean F1 over the classes that occur or were answered."""
    counts = confusion(answers)
    involved = counts.sum(axis=0) + counts.sum(axis=1)
    present = involved > 0
    return float((2 * counts.diagonal()[present] / involved[present]).mean())


def macro_auroc(answers: Answers) -> float:
    """Mean one-against-rest area under the ROC curve over the classes that occur."""
    values = [auroc(answers.probabilities[:, k], answers.labels == k) for k in range(answers.probabilities.shape[1])]
    return float(np.nanmean(values)) if not np.all(np.isnan(values)) else float("nan")


def auroc(scores: Floats, positive: NDArray[np.bool_]) -> float:
    """Probability that a positive scores above a negative, ties counted half (Mann–Whitney); NaN if one is missing."""
    from scipy.stats import rankdata

    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    if not n_positive or not n_negative:
        return float("nan")
    rank_sum = float(rankdata(scores)[positive].sum())
    return (rank_sum - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative)


def expected_calibration_error(answers: Answers) -> float:
    """Mean gap between confidence and accuracy over ten bins of confidence, weighted by their pages."""
    confidence = answers.probabilities.max(axis=1)
    right = answers.probabilities.argmax(axis=1) == answers.labels
    bins = np.minimum((confidence * _ECE_BINS).astype(int), _ECE_BINS - 1)
    pages = np.bincount(bins, minlength=_ECE_BINS)
    gap = np.abs(np.bincount(bins, right - confidence, minlength=_ECE_BINS))
    return float(gap.sum() / pages.sum())


def brier(answers: Answers) -> float:
    """Mean squared distance of the probabilities from the truth, summed over classes (0 best, 2 worst)."""
    truth = np.eye(answers.probabilities.shape[1])[answers.labels]
    return float(((answers.probabilities - truth) ** 2).sum(axis=1).mean())


def _answered(answers: Answers, threshold: float) -> NDArray[np.bool_]:
    if answers.answered is not None:
        return answers.answered
    return np.asarray(answers.probabilities.max(axis=1) >= threshold)


def _accuracy_when_answered(answers: Answers, threshold: float) -> float:
    answered = np.flatnonzero(_answered(answers, threshold))
    return accuracy(answers.at(answered)) if answered.size else float("nan")


def _one_class(answers: Answers, index: int) -> dict[str, float | int | None]:
    counts = confusion(answers)
    true_positive = int(counts[index, index])
    actual, answered = int(counts[index].sum()), int(counts[:, index].sum())
    negatives = int(counts.sum()) - actual
    return {
        "pages": actual,
        "sensitivity": _share(true_positive, actual),
        "specificity": _share(negatives - (answered - true_positive), negatives),
        "precision": _share(true_positive, answered),
        "f1": _share(2 * true_positive, actual + answered),
        "auroc": _rounded(auroc(answers.probabilities[:, index], answers.labels == index)),
    }


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _rounded(value: float) -> float | None:
    return None if np.isnan(value) else round(value, 4)

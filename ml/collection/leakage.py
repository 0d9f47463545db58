"""How much a split of files leaks, and how much of the class the print style gives away."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Hashable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

SEEDS: Final = 50
_TEST_SHARE: Final = 0.2


def random_split_leak(
    twins: Sequence[NDArray[np.intp]], copies: NDArray[np.intp], *, seeds: int = SEEDS
) -> list[dict[str, float]]:
    """Share of the test files of random 80/20 splits that have a relative among the training files.

    Args:
        twins: for each kind of relation (N,) numbers, equal where pages are related.
        copies: (N,) as how many files each page occurs.
        seeds: how many splits.

    Returns:
        For each kind ``mean``, ``sd``, ``low``, ``high`` over the splits.
    """
    files = np.repeat(np.arange(len(copies)), copies)
    held_out = round(_TEST_SHARE * len(files))
    shares = np.zeros((seeds, len(twins)))
    for seed in range(seeds):
        order = np.random.default_rng(seed).permutation(files)
        test, train = order[:held_out], order[held_out:]
        for kind, numbers in enumerate(twins):
            shares[seed, kind] = np.isin(numbers[test], numbers[train]).mean() if held_out else 0.0
    return [
        {
            "mean": round(float(column.mean()), 4),
            "sd": round(float(column.std()), 4),
            "low": round(float(column.min()), 4),
            "high": round(float(column.max()), 4),
        }
        for column in shares.T
    ]


def cramers_v(one: Sequence[str], other: Sequence[str]) -> float:
    """Association of two nominal variables, 0 (none) … 1 (each gives the other away).

    Cramér, Mathematical Methods of Statistics, 1946, without bias correction.
    """
    rows, row_of = np.unique(one, return_inverse=True)
    columns, column_of = np.unique(other, return_inverse=True)
    least = min(len(rows), len(columns)) - 1
    if least < 1:
        return 0.0
    table = np.zeros((len(rows), len(columns)))
    np.add.at(table, (row_of, column_of), 1)
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0, keepdims=True) / table.sum()
    chi_squared = float(((table - expected) ** 2 / expected).sum())
    return float(np.sqrt(chi_squared / (table.sum() * least)))


def cell_rule(
    cells: Sequence[Hashable], labels: Sequence[str], groups: NDArray[np.intp], *, folds: int = 5, seed: int = 0
) -> dict[str, Any] | None:
    """How far one gets without looking at the ECG: in each cell (of layout and filter, say) answer its majority.

    Returns:
        ``accuracy``, ``balanced_accuracy`` and ``always_majority`` (accuracy of the most frequent class), each the mean
        over grouped folds with its ``…_sd``; None where there are too few pages or groups for folds.
    """
    # Imported here: a lab dependency, absent where the application only serves.
    from sklearn.model_selection import StratifiedGroupKFold

    truth = np.array(labels)
    if min(len(np.unique(groups)), min(Counter(labels).values(), default=0)) < folds or len(set(labels)) < 2:
        return None
    figures: dict[str, list[float]] = {"accuracy": [], "balanced_accuracy": [], "always_majority": []}
    with warnings.catch_warnings():
        # A class with fewer groups than folds is absent from some folds; the others still count.
        warnings.simplefilter("ignore", UserWarning)
        splits = list(StratifiedGroupKFold(folds, shuffle=True, random_state=seed).split(truth, truth, groups))
    for train, test in splits:
        overall = _majority(truth[train])
        members: dict[Hashable, list[str]] = {}
        for at in train:
            members.setdefault(cells[at], []).append(str(truth[at]))
        rule = {cell: _majority(some) for cell, some in members.items()}
        right = np.array([rule.get(cells[at], overall) == truth[at] for at in test])
        figures["accuracy"].append(float(right.mean()))
        figures["balanced_accuracy"].append(
            float(np.mean([right[truth[test] == label].mean() for label in np.unique(truth[test])]))
        )
        figures["always_majority"].append(float((truth[test] == overall).mean()))
    result = {name: round(float(np.mean(values)), 4) for name, values in figures.items()}
    return result | {f"{name}_sd": round(float(np.std(values)), 4) for name, values in figures.items()}


def _majority(labels: Sequence[str] | NDArray[np.str_]) -> str:
    return str(Counter(str(label) for label in labels).most_common(1)[0][0])

"""Ways of dividing the pages between training and evaluation: ours, and those that the published claims rest on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from ml.dataset import CARDIAC_CLASSES, LabelledPage, Split, hold_out_groups, read_manifest, split_by_group

TASKS: Final[dict[str, tuple[str, ...]]] = {
    "three": ("normal", "abnormal_heartbeat", "mi"),
    "four": CARDIAC_CLASSES,
    "five": (*CARDIAC_CLASSES, "covid19"),
}

_V2_LABELS: Final = {"Normal": "normal", "HB": "abnormal_heartbeat", "PMI": "history_mi", "MI": "mi"}


@dataclass(frozen=True)
class Protocol:
    """One way of dividing pages.

    Attributes:
        summary: one line for people.
        leak_free: no picture and no recording group is on both sides.
        divide: (pages of the task, seed, fold) → the pages used, and the split of them.
    """

    summary: str
    leak_free: bool
    divide: Callable[[Sequence[LabelledPage], int, int], tuple[list[LabelledPage], Split]]


def divide(
    folder: Path, protocol: str, task: str = "four", *, seed: int, fold: int = 0
) -> tuple[list[LabelledPage], tuple[str, ...], Split]:
    """Pages, classes and split of a protocol.

    Args:
        folder: of the data, with ``manifest.csv``.
        protocol: key of `PROTOCOLS`.
        task: key of `TASKS`.
        seed, fold: which of the repetitions.

    Raises:
        FileNotFoundError: there is no manifest.
        ValueError: the manifest has no pages for this protocol, or there is no such fold.
    """
    classes = TASKS[task]
    pages, split = PROTOCOLS[protocol].divide(read_manifest(folder, classes), seed, fold)
    return pages, classes, split


def _grouped(pages: Sequence[LabelledPage], seed: int, fold: int) -> tuple[list[LabelledPage], Split]:
    return list(pages), split_by_group(pages, seed=seed, fold=fold)


def _holdout(pages: Sequence[LabelledPage], seed: int, fold: int) -> tuple[list[LabelledPage], Split]:
    if fold:
        raise ValueError("70-15-15 is one split: vary the seed, not the fold")
    rest, test = hold_out_groups(pages, np.arange(len(pages)), seed=seed, fold=0, folds=7)
    # 6 / 7 × 1 / 6 = 1 / 7 again: 71, 14 and 14 %, as near as whole folds come.
    train, validation = hold_out_groups(pages, rest, seed=seed + 1, fold=0, folds=6)
    return list(pages), Split(train, validation, test)


def _published(pages: Sequence[LabelledPage], seed: int, fold: int) -> tuple[list[LabelledPage], Split]:
    """A random split of the files, copies included: 80 % training, 10 % validation, 10 % test."""
    from sklearn.model_selection import StratifiedKFold

    listed, files = _files_of_version_2(pages)
    labels = np.array([listed[index].label for index in files])
    tenths = [test for _, test in StratifiedKFold(10, shuffle=True, random_state=seed).split(files, labels)]
    if not 0 <= fold < len(tenths):
        raise ValueError(f"there is no fold {fold} among {len(tenths)}")
    test, validation = tenths[fold], tenths[(fold + 1) % len(tenths)]
    train = np.setdiff1d(np.arange(len(files)), np.concatenate([test, validation]))
    return listed, Split(files[train], files[validation], files[test])


def _trained_on_the_test(pages: Sequence[LabelledPage], seed: int, fold: int) -> tuple[list[LabelledPage], Split]:
    """Every file is training, validation and test file at once, as in the copy with 756 files of three classes."""
    listed, files = _files_of_version_2(pages)
    return listed, Split(files, files, files)


def _files_of_version_2(
    pages: Sequence[LabelledPage],
) -> tuple[list[LabelledPage], np.ndarray[tuple[int], np.dtype[np.intp]]]:
    listed = [replace(page, label=_V2_LABELS[page.v2_class]) for page in pages if page.v2_names]
    if not listed:
        raise ValueError("the manifest names no files of version 2 of the published set (columns v2_class, v2_names)")
    return listed, np.repeat(np.arange(len(listed)), [len(page.v2_names) for page in listed])


PROTOCOLS: Final[dict[str, Protocol]] = {
    "grouped": Protocol("five folds, no recording group crosses", leak_free=True, divide=_grouped),
    "70-15-15": Protocol("one split of 70, 15 and 15 %, no recording group crosses", leak_free=True, divide=_holdout),
    "published": Protocol(
        "random split of the published files, copies included: twins on both sides", leak_free=False, divide=_published
    ),
    "published-756": Protocol(
        "the test files are the training files (three classes)", leak_free=False, divide=_trained_on_the_test
    ),
}

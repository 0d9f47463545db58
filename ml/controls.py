"""Controls of an evaluation: is the division clean, and how far does one get without reading a trace?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ml.dataset import LabelledPage, Split
from ml.evaluation import Answers, accuracy, bootstrap, macro_f1
from ml.protocols import PROTOCOLS, divide
from ml.runs import Run

ABNORMAL_ABOVE_BPM: Final = 90
EVERYWHERE: Final = "all of the headline's pages"

Figures = dict[str, Any]


def leaks(runs: Sequence[Run], data: Path) -> Figures:
    """What of the test is also on another side: files and groups, counted on the split that the protocol gives again.

    Returns:
        ``runs`` (counts with validation, shares with training; ``split_repeated`` is False where the manifest no
        longer gives the run's own test pages, and then there are no shares), ``clean`` and a ``verdict`` in words.
    """
    rows = [_leaks_of(run, data) for run in runs]
    clean = all(row["split_repeated"] and not _crossings(row) for row in rows)
    claimed = all(run.description["leak_free"] for run in runs)
    if clean:
        verdict = "Passed: no file and no group of the test is in training or validation."
    elif not all(row["split_repeated"] for row in rows):
        verdict = "Not shown: the manifest no longer gives the test pages of every run, so training was not compared."
    elif claimed:
        verdict = "FAILED: the protocol is said to be free of leaks, but files or groups are on both sides."
    else:
        verdict = "The protocol leaks by its design; this is how much."
    return {"runs": rows, "clean": clean, "verdict": verdict}


def _leaks_of(run: Run, data: Path) -> Figures:
    experiment, test, validation = run.description["experiment"], run.parts["test"], run.parts["validation"]
    row: Figures = {
        "run": run.folder.name,
        "test_validation_files": len(set(test.files.tolist()) & set(validation.files.tolist())),
        "test_validation_groups": len(set(test.groups.tolist()) & set(validation.groups.tolist())),
        "split_repeated": False,
    }
    pages, split = split_of(run, data)
    if Counter(pages[index].file for index in split.test.tolist()) != Counter(test.files.tolist()):
        return row
    trained_files = {pages[index].file for index in split.train.tolist()}
    trained_groups = {pages[index].group for index in split.train.tolist()}
    return row | {
        "split_repeated": True,
        "protocol_leak_free": PROTOCOLS[experiment["protocol"]].leak_free,
        "test_pictures_in_training": round(float(np.mean([file in trained_files for file in test.files.tolist()])), 4),
        "test_groups_in_training": round(
            float(np.mean([group in trained_groups for group in test.groups.tolist()])), 4
        ),
    }


def split_of(run: Run, data: Path) -> tuple[list[LabelledPage], Split]:
    """The pages and the split that a run was made with."""
    experiment = run.description["experiment"]
    pages, _, split = divide(
        data, experiment["protocol"], experiment["task"], seed=experiment["split_seed"], fold=experiment["fold"]
    )
    return pages, split


def _crossings(row: Figures) -> float:
    counted = (
        "test_validation_files",
        "test_validation_groups",
        "test_pictures_in_training",
        "test_groups_in_training",
    )
    return float(sum(row[key] for key in counted))


def baselines(
    answers: Answers,
    pages: Sequence[LabelledPage],
    classes: Sequence[str],
    majority: NDArray[np.intp],
    *,
    folds: int,
) -> Figures:
    """Rules that read no trace, and the model beside them on the same pages.

    Args:
        answers: of the model to the test pages.
        pages: rows of the manifest, one for each answer.
        classes: names, in the order of the columns; ``normal`` and ``abnormal_heartbeat`` must be among them.
        majority: (N,) the most frequent class in the training pages of each answer's run.
        folds: of the bootstrap.
    """
    rates = np.array([np.nan if page.printed_hr_bpm is None else page.printed_hr_bpm for page in pages])
    read = np.flatnonzero(~np.isnan(rates))
    normal, abnormal = classes.index("normal"), classes.index("abnormal_heartbeat")
    rule = np.where(rates > ABNORMAL_ABOVE_BPM, abnormal, normal)
    everywhere = np.arange(len(pages))
    rows = [
        _rule_row("this model", EVERYWHERE, answers, everywhere, normal, folds),
        _rule_row(
            "always the most frequent training class",
            EVERYWHERE,
            _said(answers, majority),
            everywhere,
            normal,
            folds,
        ),
    ]
    if read.size:
        where = "pages whose rate was read"
        rows += [
            _rule_row("this model", where, answers, read, normal, folds),
            _rule_row(
                f"printed heart rate above {ABNORMAL_ABOVE_BPM} means abnormal",
                where,
                _said(answers, rule),
                read,
                normal,
                folds,
            ),
        ]
    sentences = [
        f"The heart-rate rule answers abnormal_heartbeat above {ABNORMAL_ABOVE_BPM} bpm and normal otherwise.",
        f"The printed rate could be read on {read.size} of {len(pages)} pages.",
        "“Normal or not” counts every other class as abnormal.",
    ]
    return {"rows": rows, "sentences": sentences, "rate_read": int(read.size)}


def _said(answers: Answers, answered: NDArray[np.intp]) -> Answers:
    return Answers(np.eye(answers.probabilities.shape[1])[answered], answers.labels, answers.groups)


def _rule_row(name: str, pages_of: str, answers: Answers, chosen: NDArray[np.intp], normal: int, folds: int) -> Figures:
    def abnormal_accuracy(some: Answers) -> float:
        return float(((some.probabilities.argmax(axis=1) == normal) == (some.labels == normal)).mean())

    named: dict[str, Callable[[Answers], float]] = {
        "accuracy": accuracy,
        "macro_f1": macro_f1,
        "abnormal_accuracy": abnormal_accuracy,
    }
    return {
        "name": name,
        "pages_of": pages_of,
        "pages": int(chosen.size),
        **with_intervals(answers.at(chosen), named, folds),
    }


def with_intervals(answers: Answers, named: dict[str, Callable[[Answers], float]], folds: int) -> Figures:
    intervals = bootstrap(answers, list(named.values()), seed=0, folds=folds)
    return {
        name: {
            part: None if np.isnan(number) else round(number, 4)
            for part, number in zip(("value", "low", "high"), (figure(answers), *bounds), strict=True)
        }
        for (name, figure), bounds in zip(named.items(), intervals, strict=True)
    }


def majority_of(run: Run, data: Path) -> int:
    """The most frequent class among a run's training pages, as an index into its classes."""
    pages, split = split_of(run, data)
    counts = Counter(pages[index].label for index in split.train.tolist())
    return int(run.description["classes"].index(counts.most_common(1)[0][0]))

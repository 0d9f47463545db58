"""Several finished runs of one kind, each calibrated by itself, put together for one evaluation."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.bundle import Calibration
from ml.dataset import LabelledPage, read_manifest
from ml.evaluation import Answers, pooled
from ml.protocols import PROTOCOLS, TASKS
from ml.runs import DESCRIPTION, Run, is_finished, read_run


@dataclass(frozen=True)
class Pool:
    """The test parts of runs that differ in fold and seed only.

    Attributes:
        runs: as read.
        classes: names, in the order of the columns.
        files: (N,) of the test pages; a page that several runs tested occurs several times.
        pages: (N,) rows of the manifest.
        strict: (N,) whether of the strict print style.
        answers: calibrated, each run by its own temperature and threshold.
        raw: the same before temperature scaling.
    """

    runs: tuple[Run, ...]
    classes: tuple[str, ...]
    files: NDArray[np.str_]
    pages: tuple[LabelledPage, ...]
    strict: NDArray[np.bool_]
    answers: Answers
    raw: Answers

    @property
    def experiment(self) -> dict[str, Any]:
        """Of the first run."""
        return dict(self.runs[0].description["experiment"])


def read_finished(folder: Path) -> Run:
    """Read a run.

    Raises:
        ValueError: the folder is missing, is none of a run, or the run has not finished; in words.
    """
    if not folder.is_dir():
        raise ValueError(f"there is no folder {folder}")
    if not is_finished(folder):
        raise ValueError(f"{folder} has no {DESCRIPTION}: the run has not finished, or this is not the folder of a run")
    try:
        run = read_run(folder)
        experiment, calibration = run.description["experiment"], Calibration(**run.description["calibration"])
        known = experiment["protocol"] in PROTOCOLS and experiment["task"] in TASKS and calibration.temperature > 0
        sizes = {len(part.labels) for part in run.parts.values()}
    except (OSError, ValueError, KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"{folder} cannot be read as a run: {error}") from error
    if not known:
        raise ValueError(f"{folder} was made with a protocol, task or calibration that is not known here")
    if 0 in sizes:
        raise ValueError(f"{folder} has no validation or no test pages")
    return run


def pool(runs: Sequence[Run], data: Path) -> Pool:
    """Put runs together and find their pages in the manifest.

    Raises:
        ValueError: the runs are a mixture, or are of other data than ``data``.
    """
    _refuse_mixture(runs)
    if not data.is_dir():
        raise ValueError(f"there is no data folder {data}")
    if not (data / "manifest.csv").is_file():
        raise ValueError(f"{data} has no manifest.csv: not a folder of labelled pages")
    classes = tuple(runs[0].description["classes"])
    known = {page.file: page for page in read_manifest(data, classes)}
    tests = [run.parts["test"] for run in runs]
    files, groups = np.concatenate([test.files for test in tests]), np.concatenate([test.groups for test in tests])
    strange = sum(file not in known for file in files.tolist())
    if strange:
        raise ValueError(f"{strange} of {len(files)} test pages are not in {data / 'manifest.csv'}: other data?")
    pages = tuple(known[file] for file in files.tolist())
    if any(page.group != group for page, group in zip(pages, groups.tolist(), strict=True)):
        raise ValueError(f"the groups in {data / 'manifest.csv'} are not those of the run: other data?")
    answers = _calibrated(runs, as_trained=False)
    strict = np.concatenate([test.strict for test in tests])
    return Pool(tuple(runs), classes, files, pages, strict, answers, _calibrated(runs, as_trained=True))


def _calibrated(runs: Sequence[Run], *, as_trained: bool) -> Answers:
    parts = []
    for run in runs:
        calibration = Calibration(**run.description["calibration"])
        part = run.parts["test"].answers(1.0 if as_trained else calibration.temperature)
        parts.append(replace(part, answered=part.probabilities.max(axis=1) >= calibration.threshold))
    return pooled(parts)


def _refuse_mixture(runs: Sequence[Run]) -> None:
    first, seen = runs[0], set()
    for run in runs:
        for what, ours in _kind(run).items():
            theirs = _kind(first).get(what)
            if ours != theirs:
                raise ValueError(
                    f"{run.folder} and {first.folder} are not of one kind: {what} {ours} and {theirs}; "
                    "only folds and seeds may differ"
                )
        experiment = run.description["experiment"]
        which = (experiment["fold"], experiment["split_seed"], experiment["recipe"]["seed"])
        if which in seen:
            raise ValueError(f"{run.folder} is given twice, or is a copy: fold {which[0]} and its seeds are there")
        seen.add(which)


def _kind(run: Run) -> dict[str, Any]:
    experiment = run.description["experiment"]
    recipe = {name: value for name, value in experiment["recipe"].items() if name != "seed"}
    return {
        "architecture": recipe.pop("architecture"),
        "protocol": experiment["protocol"],
        "task": experiment["task"],
        "classes": run.description["classes"],
        "weights": experiment.get("weights"),
        **recipe,
    }

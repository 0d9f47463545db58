"""A finished run on disk: what was trained how, and what it answered to every page. Evaluation starts from here."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ml.calibration import softmax
from ml.dataset import LabelledPage
from ml.evaluation import Answers

DESCRIPTION: Final = "run.json"
PREDICTIONS: Final = "predictions.npz"


@dataclass(frozen=True)
class Predictions:
    """Answers to the pages of one part of a run.

    Attributes:
        files: (N,) page files, below the data folder.
        labels: (N,) indices into the run's classes.
        groups: (N,) recording groups.
        strict: (N,) whether of the strict print style.
        logits: (N, classes).
    """

    files: NDArray[np.str_]
    labels: NDArray[np.intp]
    groups: NDArray[np.str_]
    strict: NDArray[np.bool_]
    logits: NDArray[np.float64]

    @classmethod
    def of(cls, pages: Sequence[LabelledPage], classes: Sequence[str], logits: NDArray[np.float64]) -> Predictions:
        """What was said of pages, (N, classes) logits in their order."""
        return cls(
            files=np.array([page.file for page in pages]),
            labels=np.array([classes.index(page.label) for page in pages]),
            groups=np.array([page.group for page in pages]),
            strict=np.array([page.strict for page in pages]),
            logits=logits,
        )

    def answers(self, temperature: float) -> Answers:
        """As calibrated answers."""
        return Answers(softmax(self.logits / temperature), self.labels, self.groups)

    def at(self, chosen: NDArray[Any]) -> Predictions:
        return Predictions(
            self.files[chosen], self.labels[chosen], self.groups[chosen], self.strict[chosen], self.logits[chosen]
        )


@dataclass(frozen=True)
class Run:
    """One finished run.

    Attributes:
        folder: where it lies.
        description: architecture, protocol, task, classes, fold, seed, recipe, weights, parameters, epochs, minutes,
            inference_ms, device, calibration.
        parts: ``validation`` and ``test``.
    """

    folder: Path
    description: dict[str, Any]
    parts: dict[str, Predictions]


def write_run(folder: Path, description: dict[str, Any], parts: dict[str, Predictions]) -> None:
    """Store a finished run; ``run.json`` is written last and only when everything else is there."""
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {f"{part}_{name}": value for part, answers in parts.items() for name, value in vars(answers).items()}
    np.savez_compressed(folder / PREDICTIONS, allow_pickle=False, **arrays)
    partial = folder / f"{DESCRIPTION}.partial"
    partial.write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")
    partial.replace(folder / DESCRIPTION)


def read_run(folder: Path) -> Run:
    """Read a finished run.

    Raises:
        FileNotFoundError: the run is not there or has not finished.
    """
    description = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
    with np.load(folder / PREDICTIONS) as stored:
        parts = {
            part: Predictions(*(stored[f"{part}_{name}"] for name in Predictions.__dataclass_fields__))
            for part in ("validation", "test")
        }
    return Run(folder, description, parts)


def is_finished(folder: Path) -> bool:
    return (folder / DESCRIPTION).is_file()

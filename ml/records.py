"""What is kept of a run for good: how it was made and its figures, without weights and without answers to single pages.

A record is small enough to lie beside the documentation, so that a table outlives the folder of the runs.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ml.bundle import Calibration
from ml.calibration import softmax
from ml.evaluation import Answers, evaluate
from ml.runs import Predictions, Run

Record = dict[str, Any]


def record_of(run: Run) -> Record:
    """A finished run's description with its calibrated figures (`ml.evaluation.evaluate`).

    Returns:
        JSON-ready: the description, and ``figures`` with ``test`` (all test pages), ``test_strict`` and
        ``validation_strict``; a part without strict pages has None there.
    """
    calibration = Calibration(**run.description["calibration"])

    def figures(part: Predictions) -> dict[str, Any] | None:
        if not len(part.labels):
            return None
        answers = Answers(softmax(part.logits / calibration.temperature), part.labels, part.groups)
        return evaluate(answers, run.description["classes"], threshold=calibration.threshold)

    test, validation = run.parts["test"], run.parts["validation"]
    return run.description | {
        "figures": {
            "test": figures(test),
            "test_strict": figures(test.at(test.strict)),
            "validation_strict": figures(validation.at(validation.strict)),
        }
    }


def write_record(file: Path, record: Record) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(".partial")
    partial.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    partial.replace(file)


def read_record(file: Path) -> Record | None:
    """The record in a file, or None where there is no such file."""
    if not file.exists():
        return None
    record: Record = json.loads(file.read_text(encoding="utf-8"))
    return record

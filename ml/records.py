"""What is kept of a run for good: how it was made and its figures, without weights and without answers to single pages.

A record is small enough to lie beside the documentation, so that a table outlives the folder of the runs.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ml.bundle import MODEL, Calibration
from ml.evaluation import evaluate
from ml.runs import Predictions, Run

if TYPE_CHECKING:
    from ml.experiment import Experiment

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
        return evaluate(
            part.answers(calibration.temperature), run.description["classes"], threshold=calibration.threshold
        )

    test, validation = run.parts["test"], run.parts["validation"]
    return run.description | {
        "figures": {
            "test": figures(test),
            "test_strict": figures(test.at(test.strict)),
            "validation_strict": figures(validation.at(validation.strict)),
        }
    }


def record_of_bundle(folder: Path, experiment: Experiment, data: Path, *, cache: Path | None) -> Record:
    """The record of a network that is at hand as a sealed bundle only, not as a run.

    Args:
        folder: the bundle.
        experiment: how it was trained. Its split must be the one of the training, or the figures are worth nothing;
            the bundle's card holds the command.
        data: folder with the manifest and its pages.
        cache: for the pages as model inputs.

    Raises:
        BundleCorrupt: the bundle is not intact.
        ValueError: its classes are not those of the experiment's task.
    """
    from ml.dataset import load_inputs
    from ml.predictor import load_verified
    from ml.protocols import PROTOCOLS
    from ml.training import predict_logits

    manifest, model = load_verified(folder)
    pages, classes, split = experiment.divide(data)
    if manifest.classes != classes:
        raise ValueError(f"{folder} tells {', '.join(manifest.classes)} apart, the task is {', '.join(classes)}")
    inputs = load_inputs(data, pages, manifest.preprocessing, cache=cache)

    def answered(chosen: NDArray[np.intp]) -> Predictions:
        some = [pages[index] for index in chosen.tolist()]
        return Predictions.of(some, classes, predict_logits(model, inputs[chosen]))

    description = {
        "experiment": asdict(experiment),
        "bundle": {"name": manifest.name, "version": manifest.version, "model_sha256": manifest.files[MODEL]},
        "leak_free": PROTOCOLS[experiment.protocol].leak_free,
        "classes": list(classes),
        "pages": {part: len(getattr(split, part)) for part in ("train", "validation", "test")},
        "calibration": asdict(manifest.calibration),
        "weights": {},
        "parameters": model.count_params(),
        "epochs": f"≤ {experiment.recipe.epochs}",
        "minutes": None,
        "inference_ms": None,
    }
    return record_of(Run(folder, description, {"validation": answered(split.validation), "test": answered(split.test)}))


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

"""A finished run becomes a bundle: judged on its test pages, model, card and manifest written."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

from ml import pipelines
from ml.architectures import REGISTRY
from ml.bundle import CARD, MODEL, PIPELINE, Calibration, write_manifest
from ml.card import write_card
from ml.evaluation import evaluate
from ml.experiment import Experiment, finished_network, finished_pipeline, spec_of
from ml.runs import Predictions, Run


def judge(finished: Run) -> dict[str, Any]:
    """Figures of the test pages, which nothing was fitted on."""
    classes, calibration = finished.description["classes"], Calibration(**finished.description["calibration"])
    test = finished.parts["test"]
    strict = test.at(test.strict)

    def figures(part: Predictions) -> dict[str, Any]:
        return evaluate(part.answers(calibration.temperature), classes, threshold=calibration.threshold)

    raw = evaluate(strict.answers(1.0), classes, threshold=calibration.threshold)
    return {
        "split": finished.description["pages"],
        "test": {"strict": figures(strict), "all": figures(test)},
        "uncalibrated_ece_strict": raw["headline"]["ece"]["value"],
    }


def summary(metrics: dict[str, Any]) -> str:
    """The headline of the strict test pages in a line."""
    headline = metrics["test"]["strict"]["headline"]
    return (
        f"strict test pages: accuracy {headline['accuracy']['value']}, macro F1 {headline['macro_f1']['value']}, "
        f"macro AUROC {headline['macro_auroc']['value']}"
    )


def can_be_sealed(experiment: Experiment) -> bool:
    """Only models of the cardiac classes become bundles: the fifth class is mostly another make of machine."""
    return experiment.task != "five"


def seal(
    experiment: Experiment,
    finished: Run,
    metrics: dict[str, Any],
    data: Path,
    *,
    version: str,
    out: Path | None = None,
    cache: Path | None = None,
) -> Path:
    """Write model, card and manifest.

    Args:
        experiment: what was carried out.
        finished: its run.
        metrics: of its test pages, from `judge`.
        data: the pages; read only where a pipeline of an earlier run has to be fitted again.
        version: of the bundle.
        out: its folder; default ``bundle`` below the run.
        cache: of the pages as model inputs.

    Returns:
        The bundle's folder.

    Raises:
        ValueError: the run kept no pipeline, and fitted again it answers otherwise.
    """
    out = out or finished.folder / "bundle"
    out.mkdir(parents=True, exist_ok=True)
    architecture = experiment.recipe.architecture
    classes = tuple(finished.description["classes"])
    parameters = None
    if REGISTRY[architecture].classical:
        pipelines.save(finished_pipeline(experiment, finished, data, cache=cache), out / PIPELINE)
        # Before anybody relies on it.
        pipelines.load(out / PIPELINE)
    else:
        model = finished_network(experiment, len(classes), finished.folder)
        model.save(out / MODEL)
        parameters = model.count_params()
    spec, calibration = spec_of(architecture), Calibration(**finished.description["calibration"])
    card = write_card(
        name=architecture,
        version=version,
        architecture=architecture,
        parameters=parameters,
        classes=classes,
        preprocessing=spec,
        calibration=calibration,
        metrics=metrics,
        command=command_for(experiment, finished.description.get("settings", {}), version),
    )
    (out / CARD).write_text(card, encoding="utf-8")
    write_manifest(
        out,
        name=architecture,
        version=version,
        classes=classes,
        architecture=architecture,
        attribution_layer=REGISTRY[architecture].attribution_layer,
        preprocessing=spec,
        calibration=calibration,
        metrics=metrics,
        kind="pipeline" if REGISTRY[architecture].classical else "network",
    )
    return out


def command_for(experiment: Experiment, settings: pipelines.Settings, version: str) -> str:
    """The command that trains the same again, whoever chose its settings."""
    values: dict[str, Any] = {name: getattr(experiment, name) for name in ("protocol", "task", "fold", "split_seed")}
    values = vars(experiment.recipe) | values
    values |= {"weights": experiment.weights, "target_accuracy": experiment.target_accuracy, "version": version}
    del values["architecture"]
    given = {name: value for name, value in values.items() if value is not None}
    options = [part for name, value in given.items() for part in (f"--{name.replace('_', '-')}", str(value))]
    options += [part for name, value in settings.items() for part in ("--set", f"{name}={json.dumps(value)}")]
    return "python -m ml train " + shlex.join([experiment.recipe.architecture, "DATA", *options])

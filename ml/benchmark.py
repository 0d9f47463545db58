"""The results table: models × protocols, each row from a run on disk or an honest "not trained"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from ml.bundle import DEFAULT_BUNDLE, Calibration, read_manifest
from ml.calibration import softmax
from ml.evaluation import Answers, evaluate
from ml.experiment import Experiment
from ml.recipes import RECIPES, Recipe
from ml.runs import Run, is_finished, read_run


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        architecture: name in the registry.
        claim: what was published for it on this data set, and by whom.
        settings: of the recipe, where the table's runs differ from the architecture's own for want of time.
    """

    architecture: str
    claim: str
    settings: dict[str, Any]

    def experiment(self, protocol: str) -> Experiment:
        own = RECIPES.get(self.architecture, Recipe(self.architecture))
        return Experiment(replace(own, **self.settings), protocol)


_C: Final = "SmartECG: “strong”, a sister repository 0.87"

TABLE: Final = (
    Row("custom_cnn", "0.951 (validation), F1 0.95", {"epochs": 40}),
    Row("mobilenet_v2", "0.902; elsewhere 0.48", {"epochs": 12}),
    Row("efficientnet_b0_msa", "0.96, F1 0.95", {"epochs": 12, "batch_size": 16, "learning_rate": 1e-3}),
    Row("efficientnet_b0", "leak-free, 491 pages: 0.838, F1 0.749", {"epochs": 5}),
    Row("resnet50", "1.00 everything (three classes); elsewhere 0.962, 0.68", {"epochs": 8, "batch_size": 16, "learning_rate": 3e-4}),
    Row("vgg16", "not stated", {"epochs": 3}),
    Row("densenet121", "0.90", {"epochs": 5}),
    Row("convnext_tiny", "baseline, figure not stated", {"epochs": 3}),
    Row("fused", "not stated", {"epochs": 4, "batch_size": 16, "learning_rate": 3e-4}),
    Row("svm", _C, {}),
    Row("random_forest", _C, {}),
    Row("logistic_regression", _C, {}),
)

_FIGURES: Final = ("accuracy", "macro_f1", "macro_auroc", "ece")
_TITLES: Final = ("accuracy", "macro F1", "macro AUROC", "ECE")


def folder_of(row: Row, protocol: str, runs: Path) -> Path:
    return runs / row.experiment(protocol).folder_name


def figures(run: Run, *, strict: bool) -> dict[str, Any]:
    """Calibrated figures of a run's test pages (`ml.evaluation.evaluate`)."""
    calibration = Calibration(**run.description["calibration"])
    part = run.parts["test"].at(run.parts["test"].strict) if strict else run.parts["test"]
    answers = Answers(softmax(part.logits / calibration.temperature), part.labels, part.groups)
    return evaluate(answers, run.description["classes"], threshold=calibration.threshold)


def table(runs: Path, rows: Sequence[Row] = TABLE) -> str:
    """The table as Markdown, from the finished runs below a folder."""
    columns = (
        "model",
        "published claim (accuracy)",
        "published protocol: accuracy",
        "**leak-free, strict pages**: accuracy",
        "macro F1",
        "macro AUROC",
        "ECE",
        "parameters",
        "ImageNet weights",
        "epochs",
        "training min",
        "inference ms",
    )
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    lines += [_line(row, runs) for row in rows]
    return "\n".join(lines)


def shipped(folder: Path = DEFAULT_BUNDLE) -> str:
    """The shipped bundle's own figures as a Markdown sentence."""
    manifest = read_manifest(folder)
    strict = manifest.metrics["test"]["strict"]
    figures_of = zip(_TITLES, _FIGURES, strict=True)
    cells = ", ".join(f"{title} {_interval(strict['headline'][name])}" for title, name in figures_of)
    return (
        f"The shipped bundle, `{manifest.name}` {manifest.version} (SHA-256 {manifest.sha256[:12]}…), on "
        f"{strict['pages']} strict test pages of {strict['groups']} groups: {cells}."
    )


def _line(row: Row, runs: Path) -> str:
    published, grouped = (folder_of(row, protocol, runs) for protocol in ("published", "grouped"))
    cells = [f"`{row.architecture}`", row.claim]
    if is_finished(published):
        cells.append(_interval(figures(read_run(published), strict=False)["headline"]["accuracy"]))
    else:
        cells.append("not run")
    if not is_finished(grouped):
        return "| " + " | ".join([*cells, "not trained", *["–"] * 8]) + " |"
    run = read_run(grouped)
    headline = figures(run, strict=True)["headline"]
    facts = run.description
    parameters = "–" if facts["parameters"] is None else f"{facts['parameters']:,}"
    kinds = ", ".join(f"{source['kind']}" for source in facts["weights"].values()) or "–"
    cells += [_interval(headline[name]) for name in _FIGURES]
    cells += [
        parameters,
        kinds,
        str(facts.get("epochs", "–")),
        f"{facts['minutes']:.1f}",
        f"{facts['inference_ms']:.0f}",
    ]
    return "| " + " | ".join(cells) + " |"


def _interval(figure: dict[str, float]) -> str:
    return f"{figure['value']:.3f} ({figure['low']:.3f}–{figure['high']:.3f})"

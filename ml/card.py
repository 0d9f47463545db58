"""The model card: what a model is, what it was measured to do, and what it is bad at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ml.bundle import Calibration
from ml.image_features import FEATURES
from ml.preprocessing import PreprocessingSpec

_HEADLINES = {
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "macro_f1": "Macro F1",
    "macro_auroc": "Macro AUROC",
    "ece": "Expected calibration error",
    "brier": "Brier score",
    "coverage": "Pages answered (rest: “not sure”)",
    "accuracy_when_answered": "Accuracy when answered",
}


def write_card(
    *,
    name: str,
    version: str,
    architecture: str,
    parameters: int | None,
    classes: Sequence[str],
    preprocessing: PreprocessingSpec,
    calibration: Calibration,
    metrics: dict[str, Any],
    command: str,
) -> str:
    """The card as Markdown. Every figure in it is taken from ``metrics``. A pipeline has no ``parameters``."""
    strict = metrics["test"]["strict"]
    what = (
        f"pipeline on {FEATURES:,} features of the picture" if parameters is None else f"with {parameters:,} parameters"
    )
    return (
        "\n\n".join(
            [
                f"# {name} {version}",
                "Research software, not a medical device. Not for use in the care of patients.",
                f"A `{architecture}` {what} that sorts 12-lead ECG pages into "
                f"{', '.join(f'`{label}`' for label in classes)}. It sees the inside of the ECG grid only: cropped, "
                f"grayscale, CLAHE (clip limit {preprocessing.clahe_clip_limit}), median filter, "
                f"{preprocessing.height}×{preprocessing.width} pixels.",
                "## Measured on held-out pages",
                f"{strict['pages']} pages of {strict['groups']} recording groups in the one print style in which all "
                "classes occur (4×2.5 s, 0.67–25 Hz). No group of them was used for training, early stopping, "
                "temperature or threshold. 95 % intervals: bootstrap over groups, 2,000 folds. One split: "
                f"{metrics['split']['train']} training, {metrics['split']['validation']} validation, "
                f"{metrics['split']['test']} test pages.",
                headline_table(metrics["test"]),
                "### By class (strict pages)",
                class_table(strict),
                "### Confusion (strict pages; rows: true, columns: answered)",
                confusion_table(strict, classes),
                "## Calibration",
                f"Logits are divided by {calibration.temperature:.3f}, fitted on the validation pages. Below a highest "
                f"probability of {calibration.threshold:.2f} the answer is “not sure”.",
                "## What it is bad at",
                _weaknesses(strict, classes),
                "## Training data",
                "*ECG Images dataset of Cardiac Patients*, A. H. Khan and M. Hussain, Mendeley Data, "
                "doi:10.17632/gwbz3fsgp8, CC BY 4.0; Ch. Pervaiz Elahi Institute of Cardiology, Multan, Pakistan; "
                "EDAN SE-3 electrocardiograph. Byte-identical copies in the published set were removed and pages "
                "grouped by recording session before splitting. The pages themselves are not part of this repository.",
                "## How it was made",
                f"```\n{command}\n```",
            ]
        )
        + "\n"
    )


def headline_table(test: dict[str, Any]) -> str:
    lines = ["| | strict pages | all layouts |", "|---|---|---|"]
    for key, title in _HEADLINES.items():
        lines.append(f"| {title} | {_interval(test['strict'], key)} | {_interval(test['all'], key)} |")
    return "\n".join(lines)


def _interval(result: dict[str, Any], key: str) -> str:
    figure = result["headline"][key]
    if figure["value"] is None:
        return "–"
    return f"{figure['value']:.3f} ({figure['low']:.3f}–{figure['high']:.3f})"


def class_table(result: dict[str, Any]) -> str:
    lines = ["| class | pages | sensitivity | specificity | precision | F1 | AUROC |", "|---|---|---|---|---|---|---|"]
    for label, row in result["per_class"].items():
        cells = [_figure(row[key]) for key in ("sensitivity", "specificity", "precision", "f1", "auroc")]
        lines.append(f"| {label} | {row['pages']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def confusion_table(result: dict[str, Any], classes: Sequence[str]) -> str:
    lines = [f"| | {' | '.join(classes)} |", "|---" * (len(classes) + 1) + "|"]
    for label, row in zip(classes, result["confusion"], strict=True):
        lines.append(f"| {label} | {' | '.join(map(str, row))} |")
    return "\n".join(lines)


def _weaknesses(strict: dict[str, Any], classes: Sequence[str]) -> str:
    rows = strict["per_class"]
    weakest = min((label for label in classes if rows[label]["f1"] is not None), key=lambda label: rows[label]["f1"])
    rarest = min(classes, key=lambda label: rows[label]["pages"])
    return "\n".join(
        [
            f"- Weakest class: `{weakest}` (F1 {_figure(rows[weakest]['f1'])}, sensitivity "
            f"{_figure(rows[weakest]['sensitivity'])}). Do not rely on it to find or exclude that condition.",
            f"- Only {rows[rarest]['pages']} strict test pages are `{rarest}`; its figures are little more than an "
            "anecdote.",
            "- All training pages come from one make of machine in one hospital. Pages of other machines, photos and "
            "other layouts are read, but nothing is known of how well.",
            "- Layout and filter give the class away in the training data (every normal page is 4×2.5 s at "
            "0.67–25 Hz); the all-layouts column is flattered by that.",
            "- Labels are coarse and noisy; a page has one label even where it shows two conditions.",
        ]
    )


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"

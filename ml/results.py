"""Records → the Markdown tables of docs/results.md. A cell without a record says so."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ml.ablation import VARIANTS
from ml.benchmark import TABLE, Row, record_file
from ml.bundle import DEFAULT_BUNDLE, PICTURE_BUNDLE, read_manifest
from ml.explain import TRACE_METHODS
from ml.explain.table import table as faithfulness_table
from ml.records import Record, read_record
from ml.trace_suite import table

_SIGNAL_FIGURES: Final = {
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "macro_auroc": "macro AUROC",
    "ece": "ECE",
    "coverage": "answered",
    "accuracy_when_answered": "accuracy of those",
}
_PARTS: Final = {
    "strict": "strict pages",
    "version_2": "distinct pictures of the published set",
    "all": "all pages",
}
_FIGURES: Final = {"accuracy": "accuracy", "macro_f1": "macro F1", "macro_auroc": "macro AUROC", "ece": "ECE"}


def models(records: Path, rows: Sequence[Row] = TABLE) -> str:
    """The table of models × protocols."""
    titles = (
        "model",
        "published claim (accuracy)",
        "tested on its training files, three classes: accuracy",
        "published protocol: accuracy",
        "**leak-free, strict pages**: accuracy",
        *list(_FIGURES.values())[1:],
        "macro AUROC on validation pages",
        "parameters",
        "ImageNet weights",
        "epochs",
        "training min",
        "inference ms",
    )
    return _table(titles, [_model(row, records, len(titles)) for row in rows])


def ablation(records: Path) -> str:
    """The table of losses."""
    record = read_record(ablation_file(records)) or {}
    lines = []
    for variant in VARIANTS:
        figures = record.get(variant.title)
        if figures is None:
            lines.append([variant.title, "not trained", "–", "–", "–"])
            continue
        sensitivities = [row["sensitivity"] for row in figures["per_class"].values()]
        lines.append(
            [
                variant.title,
                *(interval(figures["headline"][name]) for name in ("accuracy", "macro_f1", "macro_auroc")),
                " · ".join("–" if value is None else f"{value:.2f}" for value in sensitivities),
            ]
        )
    return _table(("loss", "accuracy", "macro F1", "macro AUROC", "sensitivity by class"), lines)


def ablation_file(records: Path) -> Path:
    return records / "ablation.json"


def traces(records: Path) -> str:
    """The table of measurements."""
    record = read_record(traces_file(records))
    return "Not measured." if record is None else table(record)


def traces_file(records: Path) -> Path:
    return records / "traces.json"


def explanations(records: Path, folder: Path = PICTURE_BUNDLE) -> str:
    """The table of explanation methods, for the shipped network that sees pictures."""
    record = read_record(explanations_file(records, folder))
    return "Not measured." if record is None else faithfulness_table(record)


def explanations_file(records: Path, folder: Path = PICTURE_BUNDLE) -> Path:
    return records / f"faithfulness-{folder.name}.json"


def signals(folder: Path = DEFAULT_BUNDLE) -> str:
    """What was found of the network that reads signals, as it stands in the shipped bundle."""
    manifest = read_manifest(folder)
    if manifest.traces is None:
        return "The shipped bundle has no network that reads signals."
    figures = manifest.traces.metrics
    titles = ("answers to", "pages", *_SIGNAL_FIGURES.values(), "set holds the class", "classes in the set")
    lines = []
    for part, title in _PARTS.items():
        found = figures[part]
        cells = [interval(found["headline"][name]) for name in _SIGNAL_FIGURES]
        sets = found["sets"]
        lines.append([title, str(found["pages"]), *cells, f"{sets['coverage']:.3f}", f"{sets['mean_size']:.2f}"])
    alone = [[name, f"{value:.3f}"] for name, value in figures["controls"].items()]
    judged = [
        [
            TRACE_METHODS[name].title,
            f"{found['spearman']:.2f} ({found['threshold']:.2f})",
            "yes" if found["passes_randomisation"] else "**no**",
            f"{found['lead_left_out']['pointed_at']:.3f} ({found['lead_left_out']['random']:.3f})",
            "{difference:+.3f} [{low:+.3f}, {high:+.3f}]".format(**found["lead_left_out"]),
        ]
        for name, found in manifest.explanations.items()
        if name in TRACE_METHODS
    ]
    mixed = figures["with_picture"]
    mixtures = [
        [f"{row['share']:.1f}", *(interval(row[name]) for name in ("accuracy", "macro_f1", "macro_auroc"))]
        for row in mixed["mixtures"]
    ]
    checks = ("method", "randomised ρ (threshold)", "passes", "fall without its lead (a random one)", "difference")
    left_out = f"{figures['unread']} of {figures['pages']} pages could not be read as signals and are not among these."
    return "\n\n".join(
        [
            f"`{manifest.name}` {manifest.version}; {left_out}",
            _table(titles, lines),
            _table(("macro AUROC on strict pages from … alone", ""), alone),
            f"With the picture network, on {mixed['pages']} strict pages of {mixed['groups']} groups new to both:",
            _table(("share of the picture", "accuracy", "macro F1", "macro AUROC"), mixtures),
            _table(checks, judged),
        ]
    )


def shipped(folder: Path = PICTURE_BUNDLE) -> str:
    """The figures of the shipped network that sees pictures, as a Markdown sentence."""
    manifest = read_manifest(folder)
    strict = manifest.metrics["test"]["strict"]
    cells = ", ".join(f"{title} {interval(strict['headline'][name])}" for name, title in _FIGURES.items())
    return (
        f"The network that ships for pictures, `{manifest.name}` {manifest.version} "
        f"(SHA-256 {manifest.sha256[:12]}…), on "
        f"{strict['pages']} strict test pages of {strict['groups']} groups: {cells}."
    )


def interval(figure: dict[str, float | None]) -> str:
    """``0.790 (0.735–0.851)``, or a dash for what has no value."""
    if figure["value"] is None:
        return "–"
    return f"{figure['value']:.3f} ({figure['low']:.3f}–{figure['high']:.3f})"


def _model(row: Row, records: Path, columns: int) -> list[str]:
    def found(protocol: str) -> Record | None:
        return read_record(record_file(records, row.experiment(protocol)))

    cells = [f"`{row.architecture}`", row.claim]
    for protocol in ("published-756", "published"):
        record = found(protocol)
        cells.append("not run" if record is None else interval(record["figures"]["test"]["headline"]["accuracy"]))
    record = found("grouped")
    if record is None:
        return [*cells, "not trained", *["–"] * (columns - len(cells) - 1)]
    strict, validation = record["figures"]["test_strict"]["headline"], record["figures"]["validation_strict"]
    kinds = ", ".join(source["kind"] for source in record["weights"].values())
    return [
        *cells,
        *(interval(strict[name]) for name in _FIGURES),
        "–" if validation is None else f"{validation['headline']['macro_auroc']['value']:.3f}",
        "–" if record["parameters"] is None else f"{record['parameters']:,}",
        kinds or "–",
        str(record.get("epochs", "–")),
        "–" if record["minutes"] is None else f"{record['minutes']:.1f}",
        "–" if record["inference_ms"] is None else f"{record['inference_ms']:.0f}",
    ]


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)

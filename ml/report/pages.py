"""The report for people: the same sections as Markdown and as one HTML page that needs no other file."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any, Final

_HEADLINES: Final = {
    "accuracy": "Accuracy",
    "balanced_accuracy": "Macro recall (balanced accuracy)",
    "macro_precision": "Macro precision",
    "macro_specificity": "Macro specificity",
    "macro_f1": "Macro F1",
    "macro_auroc": "Macro AUROC",
    "ece": "Expected calibration error",
    "brier": "Brier score (0–2)",
    "coverage": "Pages answered (rest: “not sure”)",
    "accuracy_when_answered": "Accuracy when answered",
}
_STYLE: Final = """
body{font:16px/1.5 system-ui,sans-serif;color:#1a1a1a;background:#fff;max-width:80rem;margin:0 auto;padding:1rem}
h1{font-size:1.5rem;overflow-wrap:anywhere}h2{font-size:1.2rem;margin-top:2rem}
.table{overflow-x:auto}table{border-collapse:collapse;font-size:.9rem}
th,td{padding:.3rem .6rem;border-bottom:1px solid #ddd;text-align:right;white-space:nowrap}
th:first-child,td:first-child{text-align:left;white-space:normal;min-width:8rem}
.pictures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(20rem,100%),1fr));gap:1rem}
figure{margin:0}svg{width:100%;height:auto}figcaption{font-weight:600}
"""


@dataclass(frozen=True)
class Section:
    """A heading, sentences, and a table whose first row is its head."""

    title: str
    sentences: tuple[str, ...]
    table: tuple[tuple[str, ...], ...] = ()


def as_markdown(figures: dict[str, Any]) -> str:
    blocks = [f"# {_title(figures)}"]
    for section in _sections(figures):
        blocks += [f"## {section.title}", *section.sentences]
        if section.table:
            head, *rows = section.table
            lines = [f"| {' | '.join(row)} |" for row in (head, *rows)]
            blocks.append("\n".join([lines[0], "|---" * len(head) + "|", *lines[1:]]))
    return "\n\n".join(blocks) + "\n"


def as_html(figures: dict[str, Any], pictures: dict[str, dict[str, str]]) -> str:
    """One page.

    Args:
        figures: of the report.
        pictures: heading → title → SVG.
    """
    drawn = "".join(
        f"<h2>{escape(heading)}</h2><div class=pictures>"
        + "".join(f"<figure><figcaption>{escape(name)}</figcaption>{svg}</figure>" for name, svg in some.items())
        + "</div>"
        for heading, some in pictures.items()
    )
    headline, *rest = [_section_html(section) for section in _sections(figures)]
    title = escape(_title(figures))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style></head><body><main><h1>{title}</h1>"
        f"{headline}{drawn}{''.join(rest)}</main></body></html>\n"
    )


def _section_html(section: Section) -> str:
    parts = [f"<section><h2>{escape(section.title)}</h2>", *(f"<p>{escape(text)}</p>" for text in section.sentences)]
    if section.table:
        head, *rows = section.table
        parts.append("<div class=table><table><thead><tr>")
        parts += [f"<th>{escape(cell)}</th>" for cell in head]
        parts.append("</tr></thead><tbody>")
        parts += ["<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows]
        parts.append("</tbody></table></div>")
    return "".join([*parts, "</section>"])


def _title(figures: dict[str, Any]) -> str:
    return f"{figures['architecture']}, protocol {figures['protocol']}, {len(figures['classes'])} classes"


def _sections(figures: dict[str, Any]) -> list[Section]:
    parts = {name: figures[key] for key, name in (("strict", "strict pages"), ("all", "all pages")) if figures[key]}
    return [
        _headline(figures, parts),
        *(_classes(part, name) for name, part in parts.items()),
        *(_confusion(part, figures["classes"], name) for name, part in parts.items()),
        _calibration(parts),
        _subgroups(figures["subgroups"]),
        _leaks(figures["controls"]["leaks"]),
        _baselines(figures["controls"]["baselines"]),
        *([_trained(figures["controls"]["trained"])] if "trained" in figures["controls"] else []),
        _runs(figures["runs"]),
    ]


def _headline(figures: dict[str, Any], parts: dict[str, Any]) -> Section:
    sizes = "; ".join(
        f"{name}: {part['pages']} answers to {part['distinct_pages']} pages of {part['groups']} recording groups"
        for name, part in parts.items()
    )
    sentences = [
        "Research software, not a medical device. Not for use in the care of patients.",
        f"{sizes}. Runs pooled: {len(figures['runs'])}.",
        f"In brackets: 95 % intervals, bootstrap over groups, {figures['bootstrap_folds']:,} folds.",
    ]
    if not figures["leak_free"]:
        sentences.append(
            "This protocol leaks: pictures of the test are in the training. Its figures repeat a published way of "
            "measuring and say nothing about new pages; see the leaks below."
        )
    if "strict pages" not in parts:
        sentences.append("No page is of the strict print style, so there is no headline on it.")
    rows = [
        (title, *(_interval(part["headline"][key]) for part in parts.values())) for key, title in _HEADLINES.items()
    ]
    return Section("Headline", tuple(sentences), (("", *parts), *rows))


def _classes(part: dict[str, Any], name: str) -> Section:
    keys = ("precision", "sensitivity", "specificity", "f1", "auroc")
    rows = [
        (
            label,
            str(row["pages"]),
            *(_figure(row[key]) for key in keys),
            _figure((part["curves"][label] or {}).get("average_precision")),
        )
        for label, row in part["per_class"].items()
    ]
    head = ("class", "pages", "precision", "recall", "specificity", "F1", "AUROC", "average precision")
    return Section(f"By class, {name}", (), (head, *rows))


def _confusion(part: dict[str, Any], classes: list[str], name: str) -> Section:
    rows = [(label, *map(str, row)) for label, row in zip(classes, part["confusion"], strict=True)]
    return Section(f"Confusion, {name}", ("Rows: true. Columns: answered.",), (("", *classes), *rows))


def _calibration(parts: dict[str, Any]) -> Section:
    rows = []
    for name, part in parts.items():
        for key, title in (("ece", "expected calibration error"), ("brier", "Brier score")):
            after = part["headline"][key]["value"]
            rows.append((f"{title}, {name}", _figure(part["before_scaling"][key]), _figure(after)))
    text = "Before and after dividing each run's logits by its own temperature, which was fitted on validation pages."
    return Section("Calibration", (text,), (("", "before", "after"), *rows))


def _subgroups(subgroups: list[dict[str, Any]]) -> Section:
    rows = [
        (
            f"{row['kind']}: {row['name']}{' *' if row['small'] else ''}",
            str(row["pages"]),
            str(row["groups"]),
            *(_interval(row[key]) for key in ("accuracy", "macro_f1", "macro_auroc")),
        )
        for row in subgroups
    ]
    text = (
        "Layout over all pages, the rest over strict pages. * fewer than 30 pages or 10 groups: little more than an "
        "anecdote. Macro figures of subgroups go over the classes that occur in them."
    )
    return Section("Subgroups", (text,), (("", "pages", "groups", "accuracy", "macro F1", "macro AUROC"), *rows))


def _leaks(leaks: dict[str, Any]) -> Section:
    rows = [
        (
            row["run"],
            f"{row['test_validation_files']} / {row['test_validation_groups']}",
            *(
                f"{_percent(row[key])}" if row["split_repeated"] else "not known"
                for key in ("test_pictures_in_training", "test_groups_in_training")
            ),
        )
        for row in leaks["runs"]
    ]
    head = (
        "run",
        "files / groups in test and validation",
        "test samples whose picture is in training",
        "whose group is in training",
    )
    return Section("Control: leaks", (leaks["verdict"],), (head, *rows))


def _baselines(baselines: dict[str, Any]) -> Section:
    rows = [
        (
            row["name"],
            row["pages_of"],
            str(row["pages"]),
            _interval(row["accuracy"]),
            _interval(row["macro_f1"]),
            _interval(row["abnormal_accuracy"]),
        )
        for row in baselines["rows"]
    ]
    head = ("", "on", "pages", "accuracy", "macro F1", "normal or not: accuracy")
    return Section("Control: rules that read no trace", tuple(baselines["sentences"]), (head, *rows))


def _trained(trained: dict[str, Any]) -> Section:
    rows = [
        (row["name"], _interval(row["accuracy"]), _interval(row["balanced_accuracy"]), _interval(row["macro_auroc"]))
        for row in trained["rows"]
    ]
    return Section(
        "Control: shuffled labels, and pages without traces",
        tuple(trained["sentences"]),
        (("", "accuracy", "macro recall", "macro AUROC"), *rows),
    )


def _runs(runs: list[dict[str, Any]]) -> Section:
    rows = [
        (
            run["name"],
            *(str(run[key]) for key in ("fold", "split_seed", "seed")),
            f"{run['calibration']['temperature']:.3f}",
            f"{run['calibration']['threshold']:.2f}",
        )
        for run in runs
    ]
    return Section("Runs", (), (("run", "fold", "split seed", "seed", "temperature", "threshold"), *rows))


def _interval(figure: dict[str, Any] | None) -> str:
    if figure is None or figure["value"] is None:
        return "–"
    if figure.get("low") is None:
        return f"{figure['value']:.3f}"
    return f"{figure['value']:.3f} ({figure['low']:.3f}–{figure['high']:.3f})"


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"

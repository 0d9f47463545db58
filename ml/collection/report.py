"""The audit as one HTML file that needs nothing else: no network, no scripts, readable on a phone."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import cv2

from ml.collection import plots
from ml.collection.reading import Seen, read_file
from ml.decode import decode

SAMPLES: Final = 4
_THUMBNAIL: Final = 420
_MOST_LISTED: Final = 40

_STYLE: Final = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1180px; padding: 1rem; font: 16px/1.5 system-ui, sans-serif; color: #1a1a1a;
       background: #fff; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: .5rem 0; } h2 { font-size: 1.2rem; margin: 2.2rem 0 .4rem; }
h3 { font-size: 1rem; margin: 1.2rem 0 .3rem; }
p { max-width: 46rem; } .note { color: #555; } code { font-size: .9em; overflow-wrap: anywhere; }
.figures { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 360px), 1fr));
           align-items: start; }
figure { margin: 0; } figcaption { font-weight: 600; } figure img { width: 100%; max-width: 480px; height: auto; }
.samples { display: grid; gap: .6rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 250px), 1fr)); }
.samples figcaption { font-weight: 400; font-size: .8rem; overflow-wrap: anywhere; }
.samples img { border: 1px solid #ccc; }
.key { display: grid; gap: .6rem; grid-template-columns: repeat(auto-fill, minmax(140px, 1fr)); padding: 0; }
.key div { border: 1px solid #ddd; border-radius: 6px; padding: .5rem .7rem; }
.key dt { font-size: .85rem; color: #555; }
.key dd { margin: 0; font-size: 1.35rem; font-variant-numeric: tabular-nums; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .92rem; }
th, td { padding: .25rem .6rem; border-bottom: 1px solid #e2e2e2; text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; } td:first-child { white-space: normal; min-width: 7rem; }
.words th, .words td { text-align: left; white-space: normal; overflow-wrap: anywhere; }
details { margin: .5rem 0; } summary { cursor: pointer; padding: .4rem 0; }
"""


def write_report(file: Path, title: str, figures: Mapping[str, Any], pages: Sequence[Seen], folder: Path) -> None:
    """Write the report.

    Args:
        file: HTML file to write.
        title: name of the collection.
        figures: what `ml.collection.audit.audit` found.
        pages: the pages, of which a few of each class are shown.
        folder: where they lie.
    """
    parts = [
        f"<h1>{_text(title)}: what is in it</h1>",
        _key_figures(figures),
        _classes(figures),
        _leak(figures),
        _print_style(figures),
        _duplicates(figures["duplicates"]),
        _images(figures),
        _samples(pages, folder),
        _unread(figures["unread"]),
    ]
    file.write_text(
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Audit of {_text(title)}</title><style>{_STYLE}</style></head><body>{''.join(parts)}</body></html>",
        encoding="utf-8",
    )


def _key_figures(figures: Mapping[str, Any]) -> str:
    found = figures["duplicates"]
    shown = {
        "pages": figures["pages"],
        "files as published": figures["published_files"],
        "distinct pictures": found["distinct_pictures"],
        "near-duplicate pairs": len(found["near"]),
        "label conflicts": len(found["conflicts"]),
        "unreadable": len(figures["unread"]),
    }
    return '<dl class="key">' + "".join(f"<div><dt>{k}</dt><dd>{v:,}</dd></div>" for k, v in shown.items()) + "</dl>"


def _classes(figures: Mapping[str, Any]) -> str:
    return (
        "<h2>Classes</h2>"
        + _charts(
            {"Pages per class": plots.class_bars(figures["classes"]), "Shares": plots.class_pie(figures["classes"])}
        )
        + _table({name: {"pages": count} for name, count in figures["classes"].items()})
    )


def _leak(figures: Mapping[str, Any]) -> str:
    leak = figures["leak"]
    parts = {name: part for name, part in leak.items() if isinstance(part, dict)}
    text = (
        "<h2>What a random split would leak</h2><p>Share of the test files of a random 80/20 split that have a "
        f"relative among the training files, over {leak['seeds']} splits of the files as published: a page with "
        "several names occurs once for each. A classifier can answer these files by heart.</p>"
    )
    for name, part in parts.items():
        rows = {
            kind: {
                "mean": _percent(share["mean"]),
                "sd": _percent(share["sd"]),
                "range": f"{_percent(share['low'])} – {_percent(share['high'])}",
            }
            for kind, share in part["share_of_test"].items()
        }
        text += f"<h3>{_text(name.capitalize())} ({part['files']:,})</h3>" + _table(rows)
        if "per_class" in part:
            each = ", ".join(f"{_text(label)} {_percent(share)}" for label, share in part["per_class"].items())
            text += f"<p>With a copy in training, class by class: {each}.</p>"
    return text + _charts({"Test files with a relative in training": plots.leak_bars(leak)})


def _print_style(figures: Mapping[str, Any]) -> str:
    text = "<h2>What the print style gives away</h2>"
    rows = {}
    for name, part in figures["print_style"].items():
        rule = part["layout_and_filter_alone"]
        rows[f"{name} ({part['pages']:,} pages)"] = {
            "V class–layout": f"{part['cramers_v_class_layout']:.2f}",
            "V class–filter": f"{part['cramers_v_class_filter']:.2f}",
            "layout and filter alone": _with_spread(rule, "accuracy"),
            "… balanced": _with_spread(rule, "balanced_accuracy"),
            "always the commonest": _with_spread(rule, "always_majority"),
        }
    text += _table(rows)
    text += (
        '<p class="note">V is Cramér’s: 0 means no association, 1 that the one gives the other away. “Layout and '
        "filter alone” answers the commonest class of each cell without looking at a trace; accuracy ± standard "
        "deviation over five folds in which no group crosses. A dash: too few pages or groups.</p>"
    )
    tables = {"layout": "class_by_layout", "filter (Hz)": "class_by_filter", "strict": "class_by_strict"}
    return (
        text
        + _charts({f"Class by {name}": plots.heatmap(figures[key]) for name, key in tables.items()})
        + "".join(
            f"<details><summary>Table: class by {n}</summary>{_table(figures[k])}</details>" for n, k in tables.items()
        )
    )


def _duplicates(found: Mapping[str, Any]) -> str:
    text = (
        "<h2>Duplicates</h2>"
        f"<p>{found['superfluous_files_by_bytes']:,} files repeat another byte for byte, "
        f"{found['superfluous_files_by_pixels']:,} pixel for pixel. Near copies are told by their traces (likeness "
        f"{found['near_from']} and more), not by a hash of the whole picture, which is paper for the most part.</p>"
    )
    text += _conflicts(found["conflicts"])
    text += _pairs("Pairs of near copies", found["near"])
    text += _pairs(
        f"Pairs that may be one heart recorded twice (likeness {found['similar_from']} and more)", found["similar"]
    )
    sets = found["same_pixels"]
    if sets:
        rows = [[", ".join(members)] for members in sets[:_MOST_LISTED]]
        more = _more(len(sets))
        text += (
            f"<details><summary>Sets of equal pictures: {len(sets)}</summary>{_words(['files'], rows)}{more}</details>"
        )
    return text


def _conflicts(conflicts: Sequence[Sequence[Mapping[str, str]]]) -> str:
    if not conflicts:
        return "<p>No recording bears two classes.</p>"
    rows = [[", ".join(f"{one['file']} ({one['label']})" for one in some)] for some in conflicts[:_MOST_LISTED]]
    return f"<h3>One recording, two classes: {len(conflicts)}</h3>" + _words(["files"], rows) + _more(len(conflicts))


def _pairs(title: str, pairs: Sequence[Mapping[str, Any]]) -> str:
    if not pairs:
        return f"<p>{_text(title)}: none.</p>"
    said = {True: "yes", False: "no", None: "–"}
    rows = [[*pair["files"], f"{pair['likeness']:.3f}", said[pair["same_group"]]] for pair in pairs[:_MOST_LISTED]]
    table = _words(["one", "other", "likeness", "same group"], rows)
    return f"<details open><summary>{_text(title)}: {len(pairs)}</summary>{table}{_more(len(pairs))}</details>"


def _images(figures: Mapping[str, Any]) -> str:
    titles = {
        "brightness": "Brightness (mean grey level)",
        "contrast": "Contrast (standard deviation)",
        "ink_percent": "Ink (% of pixels darker than 100)",
        "kilobytes": "File size (kB)",
    }
    rows = {
        f"{label}: {name.replace('_', ' ')}": {five: f"{value:,.1f}" for five, value in numbers.items()}
        for name, by_class in figures["statistics"].items()
        for label, numbers in by_class.items()
    }
    return (
        "<h2>The images</h2>"
        + _charts({"Minimum, quartiles, maximum": plots.boxes(figures["statistics"], titles)})
        + _table({size: {"pages": count} for size, count in list(figures["sizes"].items())[:12]})
        + f"<details><summary>Table: image statistics per class</summary>{_table(rows)}</details>"
    )


def _samples(pages: Sequence[Seen], folder: Path) -> str:
    by_class: dict[str, list[Seen]] = {}
    for page in pages:
        by_class.setdefault(page.listed.label or "(none)", []).append(page)
    text = "<h2>Samples</h2>"
    for label, some in sorted(by_class.items()):
        # Spread over the list: neighbours are often of one session.
        chosen = some[:: max(len(some) // SAMPLES, 1)][:SAMPLES]
        shown = "".join(
            f'<figure><img src="{_thumbnail(folder / one.listed.file)}" alt="Page {_text(one.listed.file)}">'
            f"<figcaption>{_text(one.listed.file)}</figcaption></figure>"
            for one in chosen
        )
        text += f'<h3>{_text(label)}</h3><div class="samples">{shown}</div>'
    return text


def _thumbnail(file: Path) -> str:
    page = decode(read_file(file)).pages[0]
    scale = min(_THUMBNAIL / page.shape[1], 1.0)
    small = cv2.resize(page, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 70])
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode()


def _unread(unread: Sequence[Mapping[str, str]]) -> str:
    if not unread:
        return ""
    rows = [[one["file"], one["reason"]] for one in unread]
    return f"<h2>Not readable: {len(unread)}</h2>" + _words(["file", "reason"], rows)


def _charts(charts: Mapping[str, str]) -> str:
    return (
        '<div class="figures">'
        + "".join(
            f'<figure><figcaption>{_text(caption)}</figcaption><img alt="Chart: {_text(caption)}" '
            f'src="data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"></figure>'
            for caption, svg in charts.items()
        )
        + "</div>"
    )


def _table(rows: Mapping[str, Mapping[str, Any]]) -> str:
    if not rows:
        return ""
    columns = list(next(iter(rows.values())))
    head = "<th></th>" + "".join(f"<th>{_text(column)}</th>" for column in columns)
    body = "".join(
        f"<tr><td>{_text(name)}</td>" + "".join(f"<td>{_text(row[column])}</td>" for column in columns) + "</tr>"
        for name, row in rows.items()
    )
    return f'<div class="wide"><table><tr>{head}</tr>{body}</table></div>'


def _words(head: Iterable[str], rows: Iterable[Sequence[str]]) -> str:
    top = "".join(f"<th>{_text(word)}</th>" for word in head)
    body = "".join("<tr>" + "".join(f"<td>{_text(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="wide"><table class="words"><tr>{top}</tr>{body}</table></div>'


def _more(count: int) -> str:
    return f'<p class="note">… and {count - _MOST_LISTED} more in audit.json.</p>' if count > _MOST_LISTED else ""


def _with_spread(rule: Mapping[str, float] | None, name: str) -> str:
    return f"{rule[name]:.2f} ± {rule[f'{name}_sd']:.2f}" if rule else "–"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _text(value: Any) -> str:
    # A file name need not be text; HTML must be.
    return html.escape(str(value).encode("utf-8", "backslashreplace").decode("utf-8"))

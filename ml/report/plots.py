"""The report's pictures, as SVG text for the inside of a page. Drawn from the figures alone, without a display."""

from __future__ import annotations

import io
from typing import Any, Final

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

_COLOURS: Final = ("#1b6ca8", "#c2571a", "#2e7d4f", "#7b3f98", "#8a6d00")
_STYLES: Final = ("-", "--", "-.", ":", "-")


def pictures(part: dict[str, Any], classes: list[str]) -> dict[str, str]:
    """Title → SVG of one part (strict or all pages) of `ml.report.figures.assess`."""
    return {
        "Confusion": _confusion(part, classes),
        "ROC": _curves(part, "roc"),
        "Precision and recall": _curves(part, "pr"),
        "Reliability": _reliability(part),
        "Risk and coverage": _risk_coverage(part),
    }


def _svg(figure: Figure, name: str) -> str:
    buffer = io.StringIO()
    # The salt keeps the pictures' inner names apart when they stand in one page.
    with rc_context({"svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    drawn = buffer.getvalue()
    return drawn[drawn.index("<svg") :].replace("<svg ", f'<svg role="img" aria-label="{name}" ', 1)


def _axes(x: str, y: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(4.4, 3.8), layout="constrained")
    axes = figure.subplots()
    axes.set(xlabel=x, ylabel=y, xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
    axes.grid(alpha=0.25)
    return figure, axes


def _confusion(part: dict[str, Any], classes: list[str]) -> str:
    figure = Figure(figsize=(4.4, 3.8), layout="constrained")
    axes = figure.subplots()
    counts = part["confusion"]
    shares = [[cell / max(sum(row), 1) for cell in row] for row in counts]
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    names = [name.replace("_", "\n") for name in classes]
    axes.set_xticks(range(len(classes)), names, fontsize=8)
    axes.set_yticks(range(len(classes)), names, fontsize=8)
    axes.set(xlabel="answered", ylabel="true")
    for row, cells in enumerate(counts):
        for column, cell in enumerate(cells):
            colour = "white" if shares[row][column] > 0.5 else "black"
            axes.text(column, row, str(cell), ha="center", va="center", color=colour)
    return _svg(figure, "confusion")


def _curves(part: dict[str, Any], kind: str) -> str:
    x, y = ("false_positive_rate", "true_positive_rate") if kind == "roc" else ("recall", "precision")
    figure, axes = _axes(x.replace("_", " "), y.replace("_", " "))
    for index, (name, curve) in enumerate(part["curves"].items()):
        if curve is None:
            continue
        area = part["per_class"][name]["auroc"] if kind == "roc" else curve["average_precision"]
        across = [*curve[kind][x]] if kind == "roc" else [0.0, *curve[kind][x]]
        up = [*curve[kind][y]] if kind == "roc" else [curve[kind][y][0], *curve[kind][y]]
        label = f"{name.replace('_', ' ')} ({area:.2f})"
        axes.plot(
            across,
            up,
            label=label,
            drawstyle="default" if kind == "roc" else "steps-pre",
            color=_COLOURS[index],
            linestyle=_STYLES[index],
        )
    if kind == "roc":
        axes.plot([0, 1], [0, 1], color="grey", linewidth=0.8)
    axes.legend(fontsize=8, loc="lower right" if kind == "roc" else "lower left")
    return _svg(figure, kind)


def _reliability(part: dict[str, Any]) -> str:
    figure, axes = _axes("confidence", "share of right answers")
    axes.plot([0, 1], [0, 1], color="grey", linewidth=0.8)
    before = part["before_scaling"]
    sets = (
        (before["reliability"], before["ece"], "before scaling", "o"),
        (part["reliability"], part["headline"]["ece"]["value"], "after scaling", "s"),
    )
    for index, (bins, ece, name, marker) in enumerate(sets):
        filled = [found for found in bins if found["pages"]]
        axes.plot(
            [found["confidence"] for found in filled],
            [found["accuracy"] for found in filled],
            color=_COLOURS[index],
            linestyle=_STYLES[index],
            marker=marker,
            label=f"{name} (ECE {ece:.3f})",
        )
    axes.legend(fontsize=8, loc="upper left")
    return _svg(figure, "reliability")


def _risk_coverage(part: dict[str, Any]) -> str:
    figure, axes = _axes("share of pages answered", "share of wrong answers")
    curve = part["risk_coverage"]
    axes.plot(curve["coverage"], curve["risk"], color=_COLOURS[0], drawstyle="steps-post")
    point = part["headline"]["coverage"]["value"], part["headline"]["accuracy_when_answered"]["value"]
    if point[1] is not None:
        axes.plot([point[0]], [1 - point[1]], "o", color=_COLOURS[1], label="at the fitted threshold")
        axes.legend(fontsize=8, loc="upper left")
    axes.set_ylim(-0.01, max(0.1, 1.15 * max(curve["risk"])))
    return _svg(figure, "risk-coverage")

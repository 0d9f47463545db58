"""The audit's charts, as SVG that a page can hold inside itself."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure

# Wong, Points of view: Color blindness, Nature Methods 8:441, 2011.
_COLOURS: Final = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#8c8c8c", "#F0E442")
# Narrow enough that a phone shows the letters hardly smaller than they are.
_SIZE: Final = (4.4, 3.4)


def class_bars(classes: Mapping[str, int]) -> str:
    """Pages per class."""
    figure = Figure(_SIZE, layout="constrained")
    axes = figure.subplots()
    names = list(classes)[::-1]
    bars = axes.barh(names, [classes[name] for name in names], color=_colours(len(names))[::-1])
    axes.bar_label(bars, padding=3)
    axes.margins(x=0.15)
    axes.set_xlabel("pages")
    axes.spines[["top", "right"]].set_visible(False)
    return _svg(figure)


def class_pie(classes: Mapping[str, int]) -> str:
    """Shares of the classes."""
    figure = Figure(_SIZE, layout="constrained")
    axes = figure.subplots()
    parts = axes.pie(list(classes.values()), colors=_colours(len(classes)), startangle=90, counterclock=False)
    total = sum(classes.values())
    shares = [f"{name}  {100 * count / total:.1f} %" for name, count in classes.items()]
    axes.legend(parts[0], shares, loc="upper center", bbox_to_anchor=(0.5, 0.02), ncols=2, frameon=False, fontsize=9)
    return _svg(figure)


def heatmap(table: Mapping[str, Mapping[str, int]]) -> str:
    """Counts of class (rows) by another property (columns), shaded by the share within the class."""
    rows, columns = list(table), list(next(iter(table.values())))
    counts = np.array([[table[row][column] for column in columns] for row in rows], dtype=float)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = Figure((_SIZE[0], max(2.0, 1.1 + 0.45 * len(rows))), layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(len(columns)), columns, rotation=0 if len(columns) < 4 else 25, ha="center")
    axes.set_yticks(range(len(rows)), rows)
    for row, column in np.ndindex(counts.shape):
        colour = "white" if shares[row, column] > 0.6 else "black"
        axes.text(column, row, f"{counts[row, column]:.0f}", ha="center", va="center", color=colour)
    return _svg(figure)


def boxes(statistics: Mapping[str, Mapping[str, Mapping[str, float]]], titles: Mapping[str, str]) -> str:
    """Minimum, quartiles and maximum of image statistics, one row of boxes per class."""
    figure = Figure((_SIZE[0], 0.6 + 1.5 * len(titles)), layout="constrained")
    all_axes = np.atleast_1d(figure.subplots(len(titles), 1))
    for axes, (name, title) in zip(all_axes, titles.items(), strict=True):
        by_class = statistics[name]
        drawn = [
            {
                "label": label,
                "whislo": five["min"],
                "q1": five["q1"],
                "med": five["median"],
                "q3": five["q3"],
                "whishi": five["max"],
                "fliers": [],
            }
            for label, five in list(by_class.items())[::-1]
        ]
        axes.bxp(drawn, orientation="horizontal", showfliers=False, widths=0.6, medianprops={"color": _COLOURS[3]})
        axes.set_title(title, fontsize=10, loc="left")
        axes.spines[["top", "right"]].set_visible(False)
    return _svg(figure)


def leak_bars(leak: Mapping[str, Any]) -> str:
    """Share of test files with a relative in training, by kind of relation, with the range over the splits."""
    parts = [name for name, part in leak.items() if isinstance(part, dict)]
    kinds = list(leak[parts[0]]["share_of_test"])
    figure = Figure((_SIZE[0], 0.9 + 0.75 * len(kinds)), layout="constrained")
    axes = figure.subplots()
    height = 0.8 / len(parts)
    for number, part in enumerate(parts):
        shares = [leak[part]["share_of_test"][kind] for kind in kinds]
        mean = np.array([100 * share["mean"] for share in shares])
        around = np.abs(np.array([[100 * share["low"], 100 * share["high"]] for share in shares]).T - mean)
        at = np.arange(len(kinds)) + number * height
        axes.barh(at, mean, height, xerr=around, color=_COLOURS[number], label=part, capsize=3)
    axes.set_yticks(np.arange(len(kinds)) + 0.4 - height / 2, [_wrapped(kind) for kind in kinds])
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.set_xlabel("% of test files")
    axes.legend(loc="upper center", bbox_to_anchor=(0.4, 1.25), ncols=2, frameon=False, fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    return _svg(figure)


def _wrapped(words: str) -> str:
    return words.replace(" or ", "\nor ").replace(", ", ",\n")


def _colours(count: int) -> Sequence[str]:
    return [_COLOURS[index % len(_COLOURS)] for index in range(count)]


def _svg(figure: Figure) -> str:
    file = io.StringIO()
    # Letters as outlines look the same on every machine; a fixed salt makes equal charts equal files.
    with rc_context({"svg.fonttype": "path", "svg.hashsalt": "isoline"}):
        figure.savefig(file, format="svg", metadata={"Date": None}, transparent=True)
    return file.getvalue()

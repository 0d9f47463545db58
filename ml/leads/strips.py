"""Where the strips of traces lie on an upright page: calibration pulses, baselines, left and right ends, separators."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Strokes = NDArray[np.bool_]

# In millimetres of a page whose traces are 250 mm wide, as ten seconds at 25 mm/s are. The true scale comes later.
_LEAST_DISTANCE_MM: Final = 9.0
_PULSE_MM: Final = (3.5, 24.0)
_ROUGH_WIDTH_MM: Final = 262.0


class Pulse(NamedTuple):
    """A calibration pulse, in pixels: columns of its uprights, first and last row of their ink, its pen's thickness."""

    left: float
    right: float
    top: float
    foot: float
    pen: float

    @property
    def height(self) -> float:
        """From the middle of the foot to the middle of the bar."""
        return self.foot - self.top + 1 - self.pen


@dataclass(frozen=True)
class Strips:
    """The strips of a page.

    Attributes:
        baselines: row of each strip's resting line, from the top.
        pulses: the pulse before each strip, where there is one.
        left: column where the traces begin.
        right: column behind their last.
        separators: columns of the lines between the leads of a row.
        pen: usual thickness of the traces' strokes.
    """

    baselines: tuple[float, ...]
    pulses: tuple[Pulse | None, ...]
    left: float
    right: float
    separators: tuple[float, ...]
    pen: float


def vertical_runs(strokes: Strokes) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """For every pixel of a stroke, the first and last row of the unbroken ink above and below it; (H, W) each.

    Elsewhere the values mean nothing.
    """
    height = strokes.shape[0]
    rows = np.arange(height, dtype=np.int32)[:, None]
    first = np.maximum.accumulate(np.where(strokes, 0, rows + 1), axis=0)
    last = np.minimum.accumulate(np.where(strokes, height, rows - 1)[::-1], axis=0)[::-1]
    return first.astype(np.int32, copy=False), np.minimum(last, height - 1).astype(np.int32, copy=False)


def pen_width(strokes: Strokes, rough_mm: float) -> float:
    """Thickness of the flat parts of the traces, in pixels: the height of runs in which most of the ink lies."""
    first, last = vertical_runs(strokes)
    lengths = (last - first + 1)[strokes & (np.arange(strokes.shape[0])[:, None] == first)]
    counts = np.bincount(lengths[lengths <= max(1.2 * rough_mm, 3)], minlength=4).astype(np.float64)
    ink = counts * np.arange(counts.size)
    if not ink.any():
        return 1.0
    # The mean over the strongest and its neighbours: strokes of 3 and 4 pixels are drawn with one pen of 3.5.
    near = np.arange(max(int(ink.argmax()) - 1, 1), min(int(ink.argmax()) + 2, counts.size))
    return float((near * counts[near]).sum() / counts[near].sum())


class Line(NamedTuple):
    """An upright line: its column at the middle of its height, columns it leans to the right per row, its rows."""

    column: float
    lean: float
    top: int
    bottom: int

    def enlarged(self, factor: int) -> Line:
        """The same on a picture ``factor`` times as large."""
        return Line((self.column + 0.5) * factor - 0.5, self.lean, self.top * factor, self.bottom * factor)

    def columns(self) -> NDArray[np.intp]:
        """Its column in every of its rows."""
        rows = np.arange(self.top, self.bottom)
        middle = (self.top + self.bottom - 1) / 2
        return np.round(self.column + self.lean * (rows - middle)).astype(np.intp)


def separator_lines(strokes: Strokes, rough_mm: float) -> list[Line]:
    """Long straight upright lines, also where they lean a little."""
    tall = max(round(26 * rough_mm), round(0.45 * strokes.shape[0]))
    # A line that leans by some pixels on its way; a few broken pixels must not hide it.
    bridged = cv2.morphologyEx(strokes.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 1), np.uint8))
    lines = cv2.morphologyEx(
        cv2.dilate(bridged, np.ones((1, 5), np.uint8)), cv2.MORPH_OPEN, np.ones((tall, 1), np.uint8)
    )
    count, labels, stats, _ = cv2.connectedComponentsWithStats(lines)
    found = []
    for index in range(1, count):
        left, top, width, height, _ = (int(value) for value in stats[index])
        if width > max(2.4 * rough_mm, 8) or height < tall:
            continue
        # Waves that cross the line widen it; the rows where it is alone show how it runs.
        patch = bridged[top : top + height, left : left + width].astype(bool)
        patch &= labels[top : top + height, left : left + width] == index
        counts = patch.sum(axis=1)
        alone = np.flatnonzero((counts > 0) & (counts <= np.median(counts[counts > 0]) + 1))
        if alone.size < 0.3 * height:
            continue
        middles = (patch[alone] * np.arange(width)).sum(axis=1) / counts[alone]
        lean, column = np.polyfit(alone - (height - 1) / 2, middles, 1)
        off = np.abs(middles - column - lean * (alone - (height - 1) / 2))
        if float(np.quantile(off, 0.8)) > 0.35 * rough_mm:
            continue
        found.append(Line(left + float(column), float(lean), top, top + height))
    return found


def without_lines(darkness: NDArray[np.uint8], lines: list[Line], pen: float) -> NDArray[np.uint8]:
    """The page without its separators: paper, but for ink that runs on at both sides of the line."""
    cleaned = darkness.copy()
    reach = round(pen / 2) + 1
    width = darkness.shape[1]
    for line in lines:
        bottom = min(line.bottom, darkness.shape[0])
        rows = np.arange(line.top, bottom)
        columns = line.columns()[: len(rows)]
        before, behind = np.clip(columns - reach - 1, 0, width - 1), np.clip(columns + reach + 1, 0, width - 1)
        both = np.minimum(darkness[rows, before], darkness[rows, behind])
        for offset in range(-reach, reach + 1):
            cleaned[rows, np.clip(columns + offset, 0, width - 1)] = both
    return cleaned


def find_pulses(strokes: Strokes, rough_mm: float) -> list[Pulse]:
    """Calibration pulses: two upright strokes of one height with a bar across their tops."""
    first, last = vertical_runs(strokes)
    height = strokes.shape[0]
    least, most = _PULSE_MM[0] * rough_mm, _PULSE_MM[1] * rough_mm
    lengths = np.where(strokes & (np.arange(height)[:, None] == first), last - first + 1, 0)
    rows, columns = np.nonzero((lengths >= least) & (lengths <= most))
    uprights = _uprights(columns, rows, last[rows, columns], rough_mm)
    pulses: list[Pulse] = []
    for index, (x, top, foot, pen) in enumerate(uprights):
        for other_x, other_top, other_foot, other_pen in uprights[index + 1 :]:
            apart = other_x - x
            if not 1.2 * rough_mm <= apart <= 8.5 * rough_mm:
                continue
            slack = max(0.6 * rough_mm, 1.5)
            if abs(other_top - top) > slack or abs(other_foot - foot) > 2 * slack:
                continue
            bar = strokes[round(max(top, 0)) : round(top + slack) + 2, round(x) : round(other_x) + 1].any(axis=0)
            inside = strokes[
                round(top + 2 * slack) : round(foot - 2 * slack), round(x + slack + 1) : round(other_x - slack)
            ]
            if bar.mean() > 0.95 and (inside.size == 0 or inside.mean() < 0.1):
                pulses.append(Pulse(x, other_x, min(top, other_top), (foot + other_foot) / 2, (pen + other_pen) / 2))
                break
    return pulses


def _uprights(
    columns: NDArray[np.intp], tops: NDArray[np.intp], feet: NDArray[np.int32], rough_mm: float
) -> list[tuple[float, float, float, float]]:
    """Tall runs of neighbouring columns joined to strokes: column, top, foot and breadth, from the left."""
    order = np.argsort(columns, kind="stable")
    open_strokes: list[list[float]] = []
    for index in order:
        x, top, foot = float(columns[index]), float(tops[index]), float(feet[index])
        for stroke in open_strokes:
            if (
                x - stroke[1] <= 1.5
                and abs(stroke[2] - top) < 2.5 * rough_mm
                and abs(stroke[3] - foot) < 2.5 * rough_mm
            ):
                stroke[1], stroke[2], stroke[3] = x, min(stroke[2], top), max(stroke[3], foot)
                break
        else:
            open_strokes.append([x, x, top, foot])
    return [
        ((left + right) / 2, top, foot, right - left + 1)
        for left, right, top, foot in open_strokes
        if right - left < 2 * rough_mm
    ]


def find_baselines(strokes: Strokes, rough_mm: float, pen: float) -> list[tuple[float, float]]:
    """Rows in which much flat ink lies: position and how many columns support it, from the top.

    Flat ink is what runs sideways: an upright stroke crosses every row and says nothing about any.
    """
    first, last = vertical_runs(strokes)
    flat = strokes & (last - first + 1 <= 2.5 * pen + 1)
    # A column counts once for a row, however the pen thickens there.
    onset = flat & (np.arange(strokes.shape[0])[:, None] == first)
    profile = onset.sum(axis=1).astype(np.float32)
    sigma = 1.3 * rough_mm
    smooth = cv2.GaussianBlur(profile[:, None], (1, 0), sigmaX=1.0, sigmaY=sigma, borderType=cv2.BORDER_CONSTANT)[:, 0]
    smooth *= sigma * np.sqrt(2 * np.pi)
    reach = round(_LEAST_DISTANCE_MM * rough_mm / 2)
    highest = cv2.dilate(smooth[:, None], np.ones((2 * reach + 1, 1), np.uint8))[:, 0]
    peaks = np.flatnonzero((smooth == highest) & (smooth > 0))
    return [(float(peak), float(smooth[peak])) for peak in peaks]


def find_strips(strokes: Strokes, rough_mm: float, counts: frozenset[int]) -> Strips | None:
    """Find the strips of an upright page without separators.

    Args:
        strokes: (H, W), print around the traces left out as far as possible.
        rough_mm: pixels per millimetre, to a quarter.
        counts: how many strips a page may have.

    Returns:
        The strips, or ``None`` where fewer than three lie above one another.
    """
    pen = pen_width(strokes, rough_mm)
    pulses = _matching(find_pulses(strokes, rough_mm), rough_mm)
    candidates = find_baselines(strokes, rough_mm, pen)
    rows = _choose_rows(candidates, pulses, rough_mm, strokes.shape[1], counts)
    if len(rows) < 3:
        return None
    beside = tuple(_beside(row, pulses, rough_mm) for row in rows)
    left, right = _ends(strokes, rows, beside, rough_mm)
    # The pen is round: its ink begins half a stroke before the trace and ends as far behind it.
    left, right = left + pen / 2 - 0.5, right - pen / 2 - 0.5
    return Strips(tuple(rows), beside, left, right, (), pen)


def _matching(pulses: list[Pulse], rough_mm: float) -> list[Pulse]:
    """The largest set of pulses of one height that stand above one another; a single one says little and is dropped."""
    best: list[Pulse] = []
    slack = max(0.8 * rough_mm, 2.0)
    for pulse in pulses:
        alike = [
            other
            for other in pulses
            if abs(other.left - pulse.left) <= slack
            and abs(other.right - pulse.right) <= slack
            and abs((other.foot - other.top) - (pulse.foot - pulse.top)) <= slack
        ]
        if len(alike) > len(best):
            best = alike
    return best if len(best) >= 2 else []


def _beside(row: float, pulses: list[Pulse], rough_mm: float) -> Pulse | None:
    near = [pulse for pulse in pulses if abs(pulse.foot - row) < 7 * rough_mm]
    return min(near, key=lambda pulse: abs(pulse.foot - row)) if near else None


def _choose_rows(
    candidates: list[tuple[float, float]],
    pulses: list[Pulse],
    rough_mm: float,
    width: int,
    counts: frozenset[int],
) -> list[float]:
    """The strips' rows: one for each pulse, and every other row that is inked along most of its width."""
    strong = max((support for _, support in candidates), default=0.0)
    rows = [row for row, support in candidates if support >= 0.45 * strong and support >= 0.25 * width]
    if not pulses:
        return rows
    chosen: list[float] = []
    for pulse in sorted(pulses, key=lambda pulse: pulse.foot):
        near = [(support, row) for row, support in candidates if abs(row - pulse.foot) < 7 * rough_mm]
        support, row = max(near, default=(0.0, pulse.foot))
        row = row if support >= 0.1 * width else pulse.foot
        if all(abs(row - other) > 2 * rough_mm for other in chosen):
            chosen.append(row)
    # A strip whose pulse is hidden by a trace, or that has none.
    missed = [row for row in rows if all(abs(row - other) > _LEAST_DISTANCE_MM * rough_mm for other in chosen)]
    together = sorted([*chosen, *missed])
    if len(chosen) in counts and len(together) not in counts:
        return chosen
    return together


def _ends(
    strokes: Strokes, rows: list[float], pulses: tuple[Pulse | None, ...], rough_mm: float
) -> tuple[float, float]:
    """First and one past the last column of the traces, as most strips have them."""
    width = strokes.shape[1]
    span = max(round(5 * rough_mm), 4)
    lefts, rights = [], []
    for row, pulse in zip(rows, pulses, strict=True):
        reach = 9 * rough_mm
        band = strokes[max(round(row - reach), 0) : round(row + reach) + 1].any(axis=0)
        on_left = pulse is not None and pulse.right < width / 2
        begin = round(pulse.right + 0.4 * rough_mm) if pulse is not None and on_left else 0
        inked = np.convolve(band, np.ones(span), "full")[span - 1 :][:width] / span
        steady = np.flatnonzero((inked >= 0.93) & band & (np.arange(width) >= begin))
        end = round(pulse.left - 0.4 * rough_mm) if pulse is not None and not on_left else width
        inked_before = np.convolve(band, np.ones(span), "full")[:width] / span
        steady_before = np.flatnonzero((inked_before >= 0.93) & band & (np.arange(width) < end))
        if steady.size:
            lefts.append(float(steady[0]))
            rights.append(float(steady_before[-1] + 1) if steady_before.size else float(end))
    if not lefts:
        return 0.0, float(width)
    return _agreed(lefts, 1.5 * rough_mm, later=False), _agreed(rights, 1.5 * rough_mm, later=True)


def _agreed(values: list[float], slack: float, *, later: bool) -> float:
    """Where most strips begin or end; among equals the outer place, since traces are lost more easily than made."""
    known = np.array(sorted(values, reverse=later))
    votes = (np.abs(known[:, None] - known) <= slack).sum(axis=1)
    together = np.abs(known - known[int(votes.argmax())]) <= slack
    return float(np.median(known[together]))

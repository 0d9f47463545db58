"""From the way through the ink to the middle of the pen's stroke, at the page's full resolution.

A pen of some width draws every point as a disc: the upper edge of the ink in a column is the highest point that the
trace reaches within half a pen's width to either side, the lower edge the lowest. On a slope both edges shifted back
by half a pen meet in the trace itself; at the tip of a narrow wave they stay apart, and the trace is at the edge that
lies further from its surroundings.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from ml.leads.strips import vertical_runs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ml.leads.ink import Grey
    from ml.leads.labels import Label

Doubles = NDArray[np.float64]

# A run of ink higher than so many pens is an upright stroke.
_UPRIGHT: Final = 1.7
_REACH_MM: Final = 0.6
_SURROUNDINGS_MM: Final = 6.0
_NARROWER: Final = 1.1
# Two traces may cross, but do not run along one another for so long.
_TOGETHER_MM: Final = 4.0
# Beyond the other strip's line a wave that runs through goes on narrowing; else the ink there is that strip's own.
_THROUGH: Final = 0.75
# Where two waves touch tip to tip the ink is narrower than on both sides by so much.
_NECK: Final = 0.7
# By how many pixels a stroke reaches less far into its neighbouring columns than half its pen: a column must be covered
# to some part before it counts as ink. Measured on drawn pages of both sizes.
_OVERLAP: Final = 0.15


@dataclass(frozen=True)
class Centres:
    """The traces of a page.

    Attributes:
        rows: (strips, columns) page row of the trace, NaN where there is no ink to follow.
        shared: (strips, columns) whether another trace's ink runs through this one there.
        pen: thickness of the stroke in pixels.
    """

    rows: Doubles
    shared: NDArray[np.bool_]
    pen: float


def centre_traces(
    darkness: Grey,
    edge: float,
    full: float,
    way: Doubles,
    px_per_mm: float,
    baselines: Sequence[float],
    labels: Sequence[Label] = (),
) -> Centres:
    """Find the middle of the stroke along every way.

    Args:
        darkness: (H, W) uint8 without separators.
        edge: darkness from which a pixel belongs to a stroke.
        full: darkness inside a stroke.
        way: (strips, W) row of each strip's way through the ink.
        px_per_mm: scale.
        baselines: row of each strip's resting line.
        labels: where names are printed.
    """
    strokes = darkness >= edge
    first_row, last_row = vertical_runs(strokes)
    at = _nearest_ink(strokes, way, max(round(_REACH_MM * px_per_mm), 1))
    columns = np.broadcast_to(np.arange(way.shape[1]), way.shape)
    inked = at >= 0
    top = np.where(inked, first_row[np.maximum(at, 0), columns], -1)
    foot = np.where(inked, last_row[np.maximum(at, 0), columns], -1)
    cover = np.minimum(darkness.astype(np.float32) / full, 1.0)
    upper, lower, middle, mass = _edges(cover, top, foot, inked)
    low = inked & (foot - top + 1 <= max(0.9 * px_per_mm, 3.0))
    # Noise and slopes thicken a stroke, nothing thins it.
    pen = float(np.quantile(mass[low], 0.3)) if low.any() else 1.0
    upright = inked & (lower - upper > _UPRIGHT * pen)
    hi = np.where(upright, upper + pen / 2, middle)
    lo = np.where(upright, lower - pen / 2, middle)
    for label in labels:
        _without_letters(label, upper, lower, hi, lo, upright, pen)
    lost = _followed_by_two(top, inked, way, np.asarray(baselines, dtype=np.float64), px_per_mm, pen)
    hi[lost] = lo[lost] = np.nan
    inked &= ~lost
    shared = _settle_shared(strokes, top, inked, way, hi, lo, px_per_mm, pen)
    rows = _between(hi, lo, pen, px_per_mm)
    return Centres(rows, shared, pen)


def _nearest_ink(strokes: NDArray[np.bool_], way: Doubles, reach: int) -> NDArray[np.intp]:
    """Row of the ink nearest to the way in each column, −1 where none is within reach."""
    height, width = strokes.shape
    columns = np.arange(width)
    wanted = np.round(way).astype(np.intp)
    found = np.full(way.shape, -1, np.intp)
    for offset in sorted(range(-reach, reach + 1), key=abs):
        rows = np.clip(wanted + offset, 0, height - 1)
        hit = (found < 0) & strokes[rows, columns]
        found[hit] = rows[hit]
    return found


def _edges(
    cover: NDArray[np.float32], top: NDArray[np.intp], foot: NDArray[np.intp], inked: NDArray[np.bool_]
) -> tuple[Doubles, Doubles, Doubles, Doubles]:
    """Upper and lower edge of each run, its centre of mass and its mass, to a fraction of a pixel."""
    height, width = cover.shape
    columns = np.broadcast_to(np.arange(width), top.shape)

    def covered(rows: NDArray[np.intp]) -> Doubles:
        inside = (rows >= 0) & (rows < height)
        return np.where(inside, cover[np.clip(rows, 0, height - 1), columns], 0.0).astype(np.float64)

    upper = top + 0.5 - covered(top) - covered(top - 1)
    lower = foot - 0.5 + covered(foot) + covered(foot + 1)
    mass = np.zeros(top.shape)
    moment = np.zeros(top.shape)
    # Long runs are upright strokes, whose centre of mass nobody asks for.
    longest = int(min(np.max(foot - top, initial=0), 24))
    for offset in range(-1, longest + 2):
        rows = top + offset
        share = np.where(rows <= foot + 1, covered(rows), 0.0)
        mass += share
        moment += share * rows
    middle = np.where(mass > 0, moment / np.maximum(mass, 1e-6), np.nan)
    gap = ~inked
    for values in (upper, lower, middle):
        values[gap] = np.nan
    return upper, lower, middle, mass


def _followed_by_two(
    top: NDArray[np.intp], inked: NDArray[np.bool_], way: Doubles, baselines: Doubles, px_per_mm: float, pen: float
) -> NDArray[np.bool_]:
    """(strips, columns): where a strip's way runs along another's trace, because its own is lost.

    Of two ways along one trace the one that is nearer to its own line keeps it.
    """
    lost = np.zeros(way.shape, np.bool_)
    away = np.abs(way - baselines[:, None])
    for strip in range(len(way)):
        for other in (strip - 1, strip + 1):
            if not 0 <= other < len(way):
                continue
            same = inked[strip] & inked[other] & (top[strip] == top[other])
            same &= np.abs(way[strip] - way[other]) < 2 * pen
            for start, stop in _spells(same, join=round(px_per_mm)):
                here = slice(start, stop)
                if stop - start > _TOGETHER_MM * px_per_mm and away[strip, here].mean() > away[other, here].mean():
                    lost[strip, here] = True
    return lost


def _without_letters(
    label: Label, upper: Doubles, lower: Doubles, hi: Doubles, lo: Doubles, upright: NDArray[np.bool_], pen: float
) -> None:
    """Take off letters that touch the trace from above or below. A wave higher than the letters stays as it is."""
    slack = 0.6 * pen + 1
    columns = slice(max(round(label.left - slack), 0), max(round(label.right + slack), 0))
    top, foot = upper[label.strip, columns], lower[label.strip, columns]
    high = upright[label.strip, columns]
    above = high & (top >= label.top - slack) & (top < label.bottom) & (foot > label.bottom + 0.5)
    below = high & (foot <= label.bottom + slack) & (foot > label.top) & (top < label.top - slack)
    # A stroke that comes from above and ends on the letters' line may be the trace's own; its neighbours tell.
    below &= bool(below.size and below.mean() > 0.5)
    hi[label.strip, columns][above] = foot[above] - pen / 2
    lo[label.strip, columns][below] = top[below] + pen / 2


def _settle_shared(
    strokes: NDArray[np.bool_],
    top: NDArray[np.intp],
    inked: NDArray[np.bool_],
    way: Doubles,
    hi: Doubles,
    lo: Doubles,
    px_per_mm: float,
    pen: float,
) -> NDArray[np.bool_]:
    """Where two strips meet in one upright stroke, give it to the one whose wave it is. Changes ``hi`` and ``lo``.

    A wave is broad at its own baseline and narrow at its tip. The other strip passes behind, and is drawn straight
    from where it enters the stroke to where it leaves.
    """
    shared = np.zeros(way.shape, np.bool_)
    for above in range(len(way) - 1):
        below = above + 1
        together = inked[above] & inked[below] & (top[above] == top[below])
        for start, stop in _spells(together, join=max(round(1.0 * px_per_mm), 2)):
            span = np.arange(max(start - 2, 0), min(stop + 2, way.shape[1]))
            here = span[together[span]]
            level_above = float(np.median([way[above, span[0]], way[above, span[-1]]]))
            level_below = float(np.median([way[below, span[0]], way[below, span[-1]]]))
            margin = max(2 * pen, 0.8 * px_per_mm)
            third = (level_below - level_above - 2 * margin) / 3
            if third < 1:
                shared[above, here] = shared[below, here] = True
                continue
            left, right = max(span[0] - round(2 * px_per_mm), 0), min(span[-1] + round(2 * px_per_mm), way.shape[1] - 1)
            patch = strokes[:, left : right + 1]
            broad_above = _breadth(patch, level_above + margin, level_above + margin + third, here - left)
            broad_below = _breadth(patch, level_below - margin - third, level_below - margin, here - left)
            neck = _neck(patch, level_above + margin, level_below - margin, here - left)
            if neck is not None:
                _split_at(neck, above, span, hi, lo)
                shared[above, here] = shared[below, here] = True
            elif broad_below >= broad_above * _NARROWER:
                tip = _breadth(patch, level_above - margin - third, level_above - margin, here - left)
                own_peak = tip > _THROUGH * broad_above
                _pass_behind(above, here, hi, lo, keep_upper=own_peak, limit=level_above)
                if own_peak:
                    hi[below, here] = np.maximum(hi[below, here], level_above)
                shared[above, here] = True
                shared[below, here] = own_peak
            elif broad_above >= broad_below * _NARROWER:
                tip = _breadth(patch, level_below + margin, level_below + margin + third, here - left)
                own_peak = tip > _THROUGH * broad_below
                _pass_behind(below, here, hi, lo, keep_lower=own_peak, limit=level_below)
                if own_peak:
                    lo[above, here] = np.minimum(lo[above, here], level_below)
                shared[below, here] = True
                shared[above, here] = own_peak
            else:
                _split_at((level_above + level_below) / 2, above, span, hi, lo)
                shared[above, here] = shared[below, here] = True
    return shared


def _pass_behind(
    strip: int,
    here: NDArray[np.intp],
    hi: Doubles,
    lo: Doubles,
    *,
    limit: float,
    keep_upper: bool = False,
    keep_lower: bool = False,
) -> None:
    before, behind = here[0] - 1, here[-1] + 1
    known = [x for x in (before, behind) if 0 <= x < hi.shape[1] and np.isfinite(hi[strip, x])]
    ends = [(hi[strip, x] + lo[strip, x]) / 2 for x in known]
    straight = np.interp(here, known, ends) if known else np.full(len(here), limit)
    if not keep_upper:
        hi[strip, here] = straight
    if not keep_lower:
        lo[strip, here] = straight


def _split_at(row: float, above: int, span: NDArray[np.intp], hi: Doubles, lo: Doubles) -> None:
    """Two waves that touch: each strip keeps its side."""
    lo[above, span] = np.minimum(lo[above, span], row)
    hi[above + 1, span] = np.maximum(hi[above + 1, span], row)


def _neck(patch: NDArray[np.bool_], start: float, stop: float, here: NDArray[np.intp]) -> float | None:
    """The row at which two waves touch tip to tip: narrow between two broader ends, or ``None``."""
    rows = range(max(round(start), 0), min(round(stop), len(patch)))
    if len(rows) < 8:
        return None
    breadths = _breadths(patch[rows.start : rows.stop], here)
    smooth = np.convolve(np.pad(breadths, 2, mode="edge"), np.ones(5) / 5, "valid")
    ends = max(len(rows) // 8, 2)
    narrowest = ends + int(smooth[ends : len(rows) - ends].argmin())
    least = min(smooth[: narrowest - ends + 1].max(), smooth[narrowest + ends :].max(initial=0.0))
    return float(rows[narrowest]) if smooth[narrowest] < _NECK * least else None


def _breadth(patch: NDArray[np.bool_], start: float, stop: float, here: NDArray[np.intp]) -> float:
    """Mean number of columns that the ink around ``here`` spans in the rows from ``start`` to ``stop``; 0 without."""
    rows = patch[max(round(start), 0) : max(round(stop), round(start) + 1)]
    return float(_breadths(rows, here).mean()) if len(rows) else 0.0


def _breadths(rows: NDArray[np.bool_], here: NDArray[np.intp]) -> Doubles:
    """Number of columns that the ink around ``here`` spans in each row; 0 without."""
    near = rows[:, max(here[0] - 6, 0) : here[-1] + 7]
    spans = near.shape[1] - near[:, ::-1].argmax(axis=1) - near.argmax(axis=1)
    return np.where(near.any(axis=1), spans, 0).astype(np.float64)


def _spells(flags: NDArray[np.bool_], join: int) -> list[tuple[int, int]]:
    """First and one past the last index of every spell of true values; spells less than ``join`` apart are one."""
    at = np.flatnonzero(flags)
    if not at.size:
        return []
    breaks = np.flatnonzero(np.diff(at) > join)
    starts = at[np.concatenate([[0], breaks + 1])]
    stops = at[np.concatenate([breaks, [at.size - 1]])] + 1
    return [(int(start), int(stop)) for start, stop in zip(starts, stops, strict=True)]


def _between(hi: Doubles, lo: Doubles, pen: float, px_per_mm: float) -> Doubles:
    """The trace between the upper and the lower bound of every column."""
    half = max(pen / 2 - _OVERLAP, 0.0)
    share = half - int(half)
    near = _narrowed(hi, lo, int(half))
    if share > 0:
        far = _narrowed(hi, lo, int(half) + 1)
        near = tuple(a * (1 - share) + b * share for a, b in zip(near, far, strict=True))  # type: ignore[assignment]
    highest, lowest = near
    middle = (highest + lowest) / 2
    apart = np.maximum(lowest - highest, 0.0)
    around = _local_median(middle, max(round(_SURROUNDINGS_MM * px_per_mm), 5))
    tip = np.where(around - highest >= lowest - around, highest, lowest)
    # Less than a pen apart the bounds only differ by the noise of their edges.
    firmly = np.clip(apart / max(pen, 1.0), 0.0, 1.0)
    rows = np.where(apart > 0, middle + (tip - middle) * firmly, middle)
    tall = lo - hi > pen
    for strip in range(len(rows)):
        # The edges themselves: a tip finer than the pen is all but lost between the narrowed bounds.
        _reach_tips(rows[strip], hi[strip], lo[strip], around[strip], tall[strip], pen, max(round(0.5 * px_per_mm), 2))
    return np.asarray(rows, dtype=np.float64)


def _reach_tips(
    rows: Doubles, highest: Doubles, lowest: Doubles, around: Doubles, tall: NDArray[np.bool_], pen: float, reach: int
) -> None:
    """Make every narrow wave reach its tip, also where an upward and a downward wave share their columns."""
    peaks = _extremes(-highest, tall & (around - highest > 1.5 * pen), reach)
    troughs = _extremes(lowest, tall & (lowest - around > 1.5 * pen), reach)
    rows[peaks] = highest[peaks]
    taken = set(peaks.tolist())
    for trough in troughs:
        if trough not in taken:
            rows[trough] = lowest[trough]
            continue
        # Both tips in one column: the second goes to the side on which the ink reaches further that way.
        sides = [x for x in (trough + 1, trough - 1) if 0 <= x < len(rows) and np.isfinite(rows[x])]
        if sides:
            rows[max(sides, key=lambda x: lowest[x])] = lowest[trough]


def _extremes(height: Doubles, eligible: NDArray[np.bool_], reach: int) -> NDArray[np.intp]:
    """Middle columns of the plateaus that are highest within ``reach`` columns to either side."""
    filled = np.where(np.isnan(height), -np.inf, height)
    padded = np.pad(filled, reach, constant_values=-np.inf)
    around = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1).max(axis=1)
    # Edges are known to a fraction of a pixel; a plateau's columns differ by less than a third.
    top = eligible & (filled >= around - 0.3)
    return np.array([(start + stop - 1) // 2 for start, stop in _spells(top, join=1)], dtype=np.intp)


def _narrowed(hi: Doubles, lo: Doubles, half: int) -> tuple[Doubles, Doubles]:
    """The bounds that the edges of all columns within ``half`` put on each column."""
    highest, lowest = hi.copy(), lo.copy()
    for offset in range(1, half + 1):
        for shift in (offset, -offset):
            highest = np.fmax(highest, _shifted(hi, shift))
            lowest = np.fmin(lowest, _shifted(lo, shift))
    highest[np.isnan(hi)] = np.nan
    lowest[np.isnan(lo)] = np.nan
    return highest, lowest


def _shifted(values: Doubles, by: int) -> Doubles:
    result = np.full_like(values, np.nan)
    if by > 0:
        result[:, by:] = values[:, :-by]
    else:
        result[:, :by] = values[:, -by:]
    return result


def _local_median(values: Doubles, window: int) -> Doubles:
    """Running median without the gaps; exact on every fourth column and straight in between."""
    step = 4
    padded = np.pad(values, ((0, 0), (window, window)), mode="reflect" if values.shape[1] > window else "edge")
    views = np.lib.stride_tricks.sliding_window_view(padded, 2 * window + 1, axis=1)[:, ::step, ::2]
    filled = np.where(np.isnan(views), np.inf, views)
    ordered = np.sort(filled, axis=2)
    count = np.isfinite(ordered).sum(axis=2)
    index = np.maximum(count - 1, 0) // 2
    medians = np.take_along_axis(ordered, index[..., None], axis=2)[..., 0]
    at = np.arange(0, values.shape[1], step)
    columns = np.arange(values.shape[1])
    result = np.empty_like(values)
    for strip, median in enumerate(medians):
        known = np.isfinite(median)
        result[strip] = np.interp(columns, at[known], median[known]) if known.any() else np.nan
    return result

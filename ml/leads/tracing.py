"""Follow each strip's trace through the ink: the cheapest way from left to right, all strips at once.

A step to the next column costs where there is no ink; moving up or down inside a column is cheap along ink and dear
across paper. So the way climbs upright strokes, goes straight through crossings, and bridges a gap at its own height
rather than leap to a neighbour. Within a column the best way down and up is a running minimum, which keeps the whole
search to a few array operations a column.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

Floats = NDArray[np.float32]

# Costs in units of one column without ink, on a page of 4 pixels a millimetre.
_CLIMB_INK: Final = 0.015
_CLIMB_PAPER: Final = 0.6
# Each further ten millimetres from the baseline, beyond what a lifted ST segment needs.
_FAR: Final = 0.12
_NEAR_MM: Final = 6.0
_WINDOW_MM: Final = 32.0
# How much of a letter's ink counts as a trace's.
_LETTER_INK: Final = 0.3


@dataclass(frozen=True)
class Ways:
    """The cheapest way of every strip.

    Attributes:
        enter: (strips, columns) row at which the way enters a column from the left.
        leave: (strips, columns) row at which it leaves to the right.
    """

    enter: NDArray[np.int32]
    leave: NDArray[np.int32]


def find_ways(
    ink: Floats,
    baselines: NDArray[np.float64],
    px_per_mm: float,
    breaks: Sequence[Sequence[int]] = (),
    letters: NDArray[np.bool_] | None = None,
) -> Ways:
    """Follow the trace of each strip.

    Args:
        ink: how much of a pixel is ink, 0…1, (H, W), from the first column of the traces to the last.
        baselines: rows of the strips' resting lines, (strips,).
        px_per_mm: scale of ``ink``.
        breaks: for every strip, the columns at which another lead begins, whose trace may begin at any height.
        letters: (H, W) where names are printed: their ink may be climbed along but is poor to cross.

    Returns:
        One way for each strip, in rows of ``ink``.
    """
    height, width = ink.shape
    half = int(np.ceil(_WINDOW_MM * px_per_mm))
    span = 2 * half + 1
    tops = np.round(baselines).astype(int) - half
    # Outside the page there is paper.
    padded = np.zeros((height + 2 * span, width), np.float32)

    def windows(picture: Floats) -> Floats:
        padded[span : span + height] = picture
        stacked = np.stack([padded[span + top : span + top + span] for top in tops])
        return np.ascontiguousarray(np.moveaxis(1.0 - stacked, 2, 0))

    missing = windows(ink)
    scale = 4.0 / px_per_mm
    climb = (_CLIMB_INK + (_CLIMB_PAPER - _CLIMB_INK) * missing) * scale
    for strip, columns in enumerate(breaks):
        for column in columns:
            climb[column, strip] = 0.0
    # To climb from one row to another costs what lies between: half of each end, the whole of the rest.
    climbed = np.cumsum(climb, axis=2) - climb / 2
    away = np.abs(np.arange(span) - half) / px_per_mm / 10
    beyond = np.maximum(away - _NEAR_MM / 10, 0.0)
    poor = missing if letters is None else windows(np.where(letters, _LETTER_INK * ink, ink).astype(np.float32))
    here = poor * scale + (_FAR * scale * beyond).astype(np.float32)
    return _follow(here, climbed.astype(np.float32), (0.5 * away).astype(np.float32), tops)


def _follow(here: Floats, climbed: Floats, start: Floats, tops: NDArray[np.intp]) -> Ways:
    """Dynamic programming over (columns, strips, rows) costs; `tops` maps window rows to page rows."""
    width, strips, span = here.shape
    before = np.empty((width, strips, span), np.float32)
    cost = np.broadcast_to(start, (strips, span)).astype(np.float32)
    for column in range(width):
        before[column] = cost
        total = climbed[column]
        # From above: the least of cost − climbed so far; from below: the least of cost + climbed.
        from_above = np.minimum.accumulate(cost - total, axis=1) + total
        from_below = np.minimum.accumulate((cost + total)[:, ::-1], axis=1)[:, ::-1] - total
        cost = np.minimum(from_above, from_below) + here[column]
        if column % 256 == 255:
            cost -= cost.min(axis=1, keepdims=True)
    enter, leave = np.empty((strips, width), np.int32), np.empty((strips, width), np.int32)
    index = np.arange(strips)
    at = cost.argmin(axis=1)
    for column in range(width - 1, -1, -1):
        leave[:, column] = at
        # Where the best way into this row came from is asked of one row a column only, so it was not kept.
        total = climbed[column]
        at = (before[column] + np.abs(total - total[index, at][:, None])).argmin(axis=1)
        enter[:, column] = at
    return Ways(enter + tops[:, None].astype(np.int32), leave + tops[:, None].astype(np.int32))

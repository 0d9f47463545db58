"""Where the leads' names are printed, so that their letters are not taken for waves.

Machines print every name at the same place beside its trace. Letters that stand free somewhere on the page tell where;
the other names, drawn over by their traces, are at the same place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

_LETTER_MM: Final = (1.3, 4.6)
_BESIDE_MM: Final = (-2.5, 9.0)
_ABOVE_MM: Final = 14.0
_LEAST_FREE: Final = 3
# Breadth of a name in heights of its capitals, in common fonts.
_BREADTH: Final = {"I": 0.6, "II": 1.0, "III": 1.4, "aVR": 3.1, "aVL": 3.0, "aVF": 3.0}
_CHEST_BREADTH: Final = 2.1


class Place(NamedTuple):
    """Where one lead's traces begin: column, and the row that names are printed relative to."""

    lead: str
    strip: int
    left: float
    row: float


@dataclass(frozen=True)
class Label:
    """The rectangle of one printed name, in pixels."""

    lead: str
    strip: int
    left: float
    top: float
    right: float
    bottom: float

    def scaled(self, factor: int) -> Label:
        """The same on a picture ``factor`` times as large."""
        edges = ((edge + 0.5) * factor - 0.5 for edge in (self.left, self.top, self.right, self.bottom))
        return Label(self.lead, self.strip, *edges)


class Letters(NamedTuple):
    """What stands free on the page and may be a letter: head, feet, left and right edge of each, in pixels."""

    heads: NDArray[np.float64]
    feet: NDArray[np.float64]
    lefts: NDArray[np.float64]
    rights: NDArray[np.float64]


def free_letters(strokes: NDArray[np.bool_], px_per_mm: float) -> Letters:
    """Everything of a letter's size that touches nothing else in (H, W) ink without separators."""
    count, _, stats, _ = cv2.connectedComponentsWithStats(strokes.astype(np.uint8), connectivity=8)
    boxes = stats[1:count].astype(np.float64)
    heights, widths = boxes[:, cv2.CC_STAT_HEIGHT] / px_per_mm, boxes[:, cv2.CC_STAT_WIDTH] / px_per_mm
    letter = (heights >= _LETTER_MM[0]) & (heights <= _LETTER_MM[1]) & (widths >= 0.25) & (widths <= 7.0)
    heads, lefts = boxes[letter, cv2.CC_STAT_TOP], boxes[letter, cv2.CC_STAT_LEFT]
    feet, rights = heads + boxes[letter, cv2.CC_STAT_HEIGHT], lefts + boxes[letter, cv2.CC_STAT_WIDTH]
    return Letters(heads, feet, lefts, rights)


def find_labels(letters: Letters, places: list[Place], px_per_mm: float) -> list[Label]:
    """The names beside their traces; none where too few letters stand free to tell where names are printed.

    Args:
        letters: from `free_letters`.
        places: where the traces begin.
        px_per_mm: scale of the page.
    """
    found = letters_beside(letters, places, px_per_mm)
    if len(found) < _LEAST_FREE:
        return []
    offsets = np.array(found)
    line = _commonest_line(offsets, px_per_mm)
    if len(line) < _LEAST_FREE:
        return []
    top, bottom = float(np.median(line[:, 0])), float(np.median(line[:, 1]))
    # The first letter is the one that stands furthest left; a seventh may be a speck.
    left = float(np.quantile(line[:, 2], 0.15))
    high = bottom - top
    return [
        Label(
            place.lead,
            place.strip,
            place.left + left,
            place.row + top,
            place.left + left + _BREADTH.get(place.lead, _CHEST_BREADTH) * high,
            place.row + bottom,
        )
        for place in places
    ]


def letters_beside(letters: Letters, places: list[Place], px_per_mm: float) -> list[tuple[float, float, float]]:
    """Free letters beside places: head and feet relative to the place's row, left edge relative to its column."""
    tops, bottoms, lefts, _ = letters
    found = []
    for place in places:
        beside = (lefts - place.left) / px_per_mm
        above = (place.row - bottoms) / px_per_mm
        near = (beside >= _BESIDE_MM[0]) & (beside <= _BESIDE_MM[1]) & (np.abs(above) <= _ABOVE_MM)
        found += [(tops[i] - place.row, bottoms[i] - place.row, lefts[i] - place.left) for i in np.flatnonzero(near)]
    return found


def _commonest_line(offsets: NDArray[np.float64], px_per_mm: float) -> NDArray[np.float64]:
    """The letters that share one line of print: same feet, same heads."""
    slack = max(0.35 * px_per_mm, 1.2)
    feet, heads = offsets[:, 1], offsets[:, 0]
    together = (np.abs(feet[:, None] - feet) <= slack) & (np.abs(heads[:, None] - heads) <= slack)
    return np.asarray(offsets[together[int(together.sum(axis=1).argmax())]], dtype=np.float64)


def mask_of(labels: list[Label], shape: tuple[int, int], margin: float) -> NDArray[np.bool_]:
    """(H, W) bool: where a letter may be."""
    mask = np.zeros(shape, np.bool_)
    for label in labels:
        rows = slice(max(round(label.top - margin), 0), max(round(label.bottom + margin), 0))
        mask[rows, max(round(label.left - margin), 0) : max(round(label.right + margin), 0)] = True
    return mask

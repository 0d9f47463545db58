"""Ink, paper and grid of a page: how dark each pixel is, seen without the grid's colour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ml.decode import Page

Grey = NDArray[np.uint8]
Floats = NDArray[np.float32]

# Of full ink: where a stroke begins. Half would lose thin strokes that a small scan has turned grey.
_EDGE: Final = 0.42
_LEAST_FULL: Final = 40.0


@dataclass(frozen=True)
class Ink:
    """A page's ink.

    Attributes:
        darkness: share of the paper's light that a pixel lacks, 0…255, (H, W) uint8. In the lightest channel, where a
            coloured grid nearly vanishes.
        edge: darkness from which a pixel belongs to a stroke.
        full: darkness of the inside of a stroke.
    """

    darkness: Grey
    edge: float
    full: float

    @property
    def strokes(self) -> NDArray[np.bool_]:
        """(H, W) bool."""
        return np.asarray(self.darkness >= self.edge, dtype=np.bool_)


def ink_of(page: Page) -> Ink:
    """The ink of an RGB page (H, W, 3) uint8."""
    red, green, blue = cv2.split(page)
    darkness = relative_darkness(np.asarray(cv2.max(cv2.max(red, green), blue), dtype=np.uint8))
    return Ink(darkness, *ink_levels(darkness))


def faint_of(page: Page) -> Grey:
    """What is printed in any colour: darkness in the darkest channel, (H, W) uint8."""
    red, green, blue = cv2.split(page)
    return relative_darkness(np.asarray(cv2.min(cv2.min(red, green), blue), dtype=np.uint8))


def relative_darkness(channel: NDArray[np.uint8]) -> Grey:
    """255 × (1 − light ÷ light of the paper around), (H, W) uint8."""
    height, width = channel.shape
    # Paper changes slowly: an eighth of the size is fine enough, and a hundred times faster.
    small = cv2.resize(channel, (max(width // 8, 1), max(height // 8, 1)), interpolation=cv2.INTER_AREA)
    window = max(3, round(0.02 * max(small.shape)) | 1)
    paper = cv2.blur(cv2.dilate(small, np.ones((window, window), np.uint8)), (2 * window + 1, 2 * window + 1))
    around = cv2.resize(paper, (width, height), interpolation=cv2.INTER_LINEAR)
    light = cv2.divide(channel, around, scale=255.0)
    return np.asarray(cv2.subtract(np.full_like(light, 255), light), dtype=np.uint8)


def ink_levels(darkness: Grey) -> tuple[float, float]:
    """Edge and full level of the ink, in darkness."""
    histogram = np.bincount(darkness.ravel(), minlength=256).astype(np.float64)
    from_above = np.cumsum(histogram[::-1])[::-1]
    # A page of traces is ink to one or two per cent; a third of that is surely the inside of strokes.
    full = max(float(np.count_nonzero(from_above >= 0.004 * from_above[0]) - 1), _LEAST_FULL)
    return _EDGE * full, full


def grid_level(darkness: Grey) -> float:
    """How dark the grid's lines are on an upright page; 0 where they do not show.

    A line of the grid is dark all along, a trace only where it lies: the median along a stretch of a row or a column
    sees the first and not the second.
    """
    height, width = darkness.shape
    levels = []
    for top in range(0, height - 40, max(height // 4, 40)):
        for left in range(0, width - 40, max(width // 5, 40)):
            patch = darkness[top : top + max(height // 4, 40) : 2, left : left + max(width // 5, 40) : 2]
            levels += [np.percentile(np.median(patch, axis=0), 92), np.percentile(np.median(patch, axis=1), 92)]
    return float(np.percentile(levels, 70)) if levels else 0.0

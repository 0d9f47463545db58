"""The layout of a page, by the lines that the electrocardiograph draws between the columns of leads."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from ml.collection.traces import trace_box
from ml.decode import Page
from ml.page import Box, take_apart

# How far from a quarter, half or three quarters of the traces' width a separator may stand. Tall complexes make lines
# of their own, but hardly ever just there.
_NEAR: Final = 0.012


def layout_of(page: Page) -> str:
    """``4x2.5`` or ``2x5`` where the page (H, W, 3) uint8 has the separators of the one or the other, else ""."""
    contrast = take_apart(page).contrast
    return layout_in(contrast, trace_box(contrast))


def layout_in(contrast: NDArray[np.uint8], box: Box | None) -> str:
    """The layout of a page by its contrast and the `trace_box` in it."""
    if box is None:
        return ""
    places = _separators(contrast[box[1] : box[3], box[0] : box[2]])
    quarter, half, three_quarters = (any(abs(at - place) <= _NEAR for at in places) for place in (0.25, 0.5, 0.75))
    if quarter and half and three_quarters:
        return "4x2.5"
    return "2x5" if half and not quarter else ""


def _separators(contrast: NDArray[np.uint8]) -> list[float]:
    """Where straight lines from top to bottom stand, as shares of the width from left to right."""
    height, width = contrast.shape
    ink = (contrast > 0.35 * float(np.percentile(contrast, 99.5))).astype(np.uint8)
    lines = cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones((max(round(0.3 * height), 3), 1), np.uint8))
    at = np.flatnonzero(lines.any(axis=0))
    groups = np.split(at, np.flatnonzero(np.diff(at) > 0.01 * width) + 1) if at.size else []
    return [float(group.mean()) / width for group in groups]

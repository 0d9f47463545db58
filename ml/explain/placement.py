"""On what a map lies: traces, bare grid, the crop's border."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from ml.explain.maps import enlarged
from ml.explain.network import Floats
from ml.page import Crop, Layers

# Pixels of a page of 1,000: so far from ink a pixel still belongs to the stroke, and so far nothing is near it.
_STROKE: Final = 5
_CLEAR: Final = 25
_BORDER: Final = 0.04

Masks = dict[str, NDArray[np.bool_]]


def places_of(layers: Layers, crop: Crop) -> Masks:
    """Masks over the crop at working size, (h, w) each.

    Returns:
        ``trace``: ink and two pixels around it; names of leads inside the grid count as trace. ``empty_grid``: nothing
        printed but grid within twelve pixels. ``border``: the outer 4 % on each side.
    """
    left, top = int(crop.x * layers.scale), int(crop.y * layers.scale)
    right, bottom = round((crop.x + crop.width) * layers.scale), round((crop.y + crop.height) * layers.scale)
    ink = layers.ink[top : max(bottom, top + 1), left : max(right, left + 1)]
    border = np.ones(ink.shape, bool)
    rows, columns = max(round(ink.shape[0] * _BORDER), 1), max(round(ink.shape[1] * _BORDER), 1)
    border[rows:-rows, columns:-columns] = False
    return {
        "trace": cv2.dilate(ink, np.ones((_STROKE, _STROKE), np.uint8)) > 0,
        "empty_grid": cv2.dilate(ink, np.ones((_CLEAR, _CLEAR), np.uint8)) == 0,
        "border": border,
    }


def ratio(found: Floats, mask: NDArray[np.bool_]) -> float | None:
    """Share of a map that lies on a mask, by the mask's share of the area; 1 = chance. None where either is nothing."""
    total, area = float(found.sum()), float(mask.mean())
    if total <= 0 or area == 0:
        return None
    on_page = enlarged(found, mask.shape)
    return float(on_page[mask].sum() / on_page.sum()) / area

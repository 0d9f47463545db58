"""What a page would be with nothing printed on it: the one meaning of "taken away" in all methods and checks."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from ml.explain.network import Floats

# Share of the shorter side: a window wide enough that no trace fills half of it, small enough to follow shadows.
_WINDOW: Final = 1 / 12
# Pixel-wise maps are stippled along every stroke; smoothed over this share of the width they can be seen on a page.
_SMOOTHING: Final = 1 / 100
_COARSER: Final = 4
# One complex may outshine all others so far that they could not be seen; what lies above this percentile is one level.
_BRIGHTEST: Final = 99.5


def paper_of(page: Floats) -> Floats:
    """The local tone of the paper, grid tint included: a median over a wide window of a page (h, w) in 0…255.

    Black or white instead would be something no network has seen; the tone keeps shadows and takes ink away.
    """
    kernel = max(round(min(page.shape) * _WINDOW), 3) | 1
    return cv2.medianBlur(np.round(page).astype(np.uint8), kernel).astype(np.float32)


def ink_mask(page: Floats, paper: Floats) -> NDArray[np.bool_]:
    """Where traces and text are on a model input: darker than the paper by a third of what the darkest ink is."""
    darker = paper - page
    strongest = float(np.percentile(darker, 99.5))
    return darker > max(strongest / 3, 20.0)


def visible(per_pixel: Floats) -> Floats:
    """A signed pixel-wise map (h, w), smoothed, made coarser, kept where it is positive, its few highest peaks cut.

    Smoothing comes first: the two edges of one stroke often get opposite signs, and only their sum is evidence.
    """
    height, width = per_pixel.shape
    smooth = cv2.GaussianBlur(per_pixel, (0, 0), max(width * _SMOOTHING, 1.0))
    size = (max(width // _COARSER, 1), max(height // _COARSER, 1))
    coarse = np.asarray(cv2.resize(smooth, size, interpolation=cv2.INTER_AREA), dtype=np.float32)
    brightest = float(np.percentile(coarse, _BRIGHTEST))
    return np.clip(coarse, 0.0, brightest if brightest > 0 else None)

"""What the classical models see of a page: ink, strokes' directions, projections and the rhythm's period."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE: Final = 384
_INK_CELLS: Final = 24
_STROKE_CELLS: Final = 12
_DIRECTIONS: Final = 6
_BINS: Final = 96
_LAGS: Final = 128
FEATURES: Final = _INK_CELLS**2 + _STROKE_CELLS**2 * _DIRECTIONS + 2 * _BINS + _LAGS


def features(inputs: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Describe model inputs.

    In this order: mean ink in 24 × 24 cells; histogram of gradient directions (6 directions of 0…180°, weighted by
    magnitude) in 12 × 12 cells, each cell scaled to length 1 (after Dalal and Triggs 2005); mean ink of 96 bands of
    rows and of 96 bands of columns; autocorrelation of the column sums in the lowest quarter, where the rhythm strip
    lies, at lags of 1…128 pixels.

    Args:
        inputs: (N, 384, 384) uint8, paper light.

    Returns:
        (N, 1760) float32.
    """
    return np.stack([_of_one(page) for page in inputs])


def _of_one(page: NDArray[np.uint8]) -> NDArray[np.float32]:
    ink = 1.0 - page.astype(np.float32) / 255.0
    return np.concatenate(
        [
            cv2.resize(ink, (_INK_CELLS, _INK_CELLS), interpolation=cv2.INTER_AREA).ravel(),
            _strokes(ink),
            ink.reshape(_BINS, -1).mean(axis=1),
            ink.T.reshape(_BINS, -1).mean(axis=1),
            _periods(ink[3 * SIDE // 4 :]),
        ]
    ).astype(np.float32)


def _strokes(ink: NDArray[np.float32]) -> NDArray[np.float32]:
    horizontal, vertical = cv2.Sobel(ink, cv2.CV_32F, 1, 0), cv2.Sobel(ink, cv2.CV_32F, 0, 1)
    magnitude, angle = cv2.cartToPolar(horizontal, vertical)
    direction = np.minimum((angle % np.pi) / np.pi * _DIRECTIONS, _DIRECTIONS - 1).astype(int)
    cell = SIDE // _STROKE_CELLS
    histogram = np.stack(
        [
            np.where(direction == d, magnitude, 0).reshape(_STROKE_CELLS, cell, _STROKE_CELLS, cell).sum(axis=(1, 3))
            for d in range(_DIRECTIONS)
        ],
        axis=-1,
    )
    return np.asarray(histogram / (np.linalg.norm(histogram, axis=-1, keepdims=True) + 1e-3), np.float32).ravel()


def _periods(strip: NDArray[np.float32]) -> NDArray[np.float32]:
    columns = strip.sum(axis=0)
    columns = columns - columns.mean()
    correlation = np.correlate(columns, columns, mode="full")[SIDE : SIDE + _LAGS]
    return np.asarray(correlation / max(float(columns @ columns), 1e-6), np.float32)

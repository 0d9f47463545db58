"""Comparing attribution maps: a common grid, likeness, and random maps that are as smooth as a given one."""

from __future__ import annotations

from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from ml.explain.network import Floats

# Maps of different methods meet on a grid no finer than the coarsest of them: cells along the longer side.
COMMON_CELLS: Final = 24


def enlarged(found: Floats, shape: tuple[int, ...]) -> Floats:
    """A map brought to (height, width); averaged where that makes it smaller."""
    smaller = found.shape[0] > shape[0] or found.shape[1] > shape[1]
    kind = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(found, (shape[1], shape[0]), interpolation=kind), dtype=np.float32)


def on_common_grid(found: Floats, input_shape: tuple[int, int]) -> Floats:
    """A map on the grid where maps of one model input (height, width) are compared."""
    scale = COMMON_CELLS / max(input_shape)
    return enlarged(found, (max(round(input_shape[0] * scale), 2), max(round(input_shape[1] * scale), 2)))


def to_unit(raw: NDArray[Any]) -> NDArray[np.float32]:
    """Scaled so that the strongest evidence is 1; nothing is made something of."""
    strongest = float(raw.max())
    return (raw / strongest).astype(np.float32) if strongest > 0 else np.zeros(raw.shape, np.float32)


def rank_correlation(one: NDArray[np.floating[Any]], other: NDArray[np.floating[Any]]) -> float:
    """Spearman's correlation of two maps of one shape; 0 where either is the same everywhere and so says nothing."""
    from scipy.stats import rankdata

    ranks = [rankdata(np.round(each, 7)) for each in (one, other)]
    if any(np.ptp(each) == 0 for each in ranks):
        return 0.0
    return float(np.corrcoef([each.ravel() for each in ranks])[0, 1])


def structural_similarity(one: Floats, other: Floats) -> float:
    """Mean SSIM (Wang et al. 2004) of two maps in 0…1 of one shape, Gaussian window of 1.5 cells."""

    def blur(image: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(cv2.GaussianBlur(image, (0, 0), 1.5), dtype=np.float64)

    a, b = one.astype(np.float64), other.astype(np.float64)
    mean_a, mean_b = blur(a), blur(b)
    variance_a, variance_b = blur(a * a) - mean_a**2, blur(b * b) - mean_b**2
    covariance = blur(a * b) - mean_a * mean_b
    c1, c2 = 0.01**2, 0.03**2
    likeness = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    return float((likeness / ((mean_a**2 + mean_b**2 + c1) * (variance_a + variance_b + c2))).mean())


def random_like(found: Floats, rng: np.random.Generator) -> Floats:
    """A random map with the values of ``found`` and its smoothness: its spectrum with random phases, values by rank.

    After Theiler et al. 1992, doi:10.1016/0167-2789(92)90102-S (amplitude-adjusted surrogate data).
    """
    height, width = found.shape
    # Mirrored on all sides, the map wraps round without a step; a step would make the random map rougher.
    whole = np.pad(found - found.mean(), ((0, height), (0, width)), mode="symmetric")
    phases = np.angle(np.fft.rfft2(rng.normal(size=whole.shape)))
    field = np.fft.irfft2(np.abs(np.fft.rfft2(whole)) * np.exp(1j * phases), s=whole.shape)[:height, :width]
    shuffled = np.empty(found.size, np.float32)
    shuffled[np.argsort(field, axis=None, kind="stable")] = np.sort(found, axis=None)
    return shuffled.reshape(found.shape)

"""The same recording on two pages, told by its traces.

Hashes of whole pictures fail on ECG pages: nearly all of a page is paper and grid, and what differs between two hearts
is a few thousand thin pixels. So a page is reduced to what its traces do: the box around them, its dark strokes without
baselines, rules and column separators. A blurred copy finds candidates by correlation, all pages against all; a finer
one is laid over the other, moved and stretched until both agree best, and their correlation decides.

Grid detection is no help here: a paler or noisier copy of a page may lose its grid, but it keeps its ink.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ml.decode import Page
from ml.page import Box, take_apart

Floats = NDArray[np.float32]
Grey = NDArray[np.uint8]

# Likeness from which two pages are copies of one picture. Measured on 1,545 distinct pages and copies of 100 of them,
# re-encoded (JPEG 40 and 15), halved, enlarged, moved, padded, brightened, darkened, made grey or noisy: laid over each
# other copies are 0.97 alike or more; of 1.2 million pairs of distinct pages one is above 0.94, and is a true copy.
COPY: Final = 0.96
# Likeness from which two pages may well be one heart recorded twice. Eleven such pairs there: by eye, seven are one
# heart minutes or hours apart, the others two hearts of the same rate. Too little to say so, enough to keep together.
ALIKE: Final = 0.9

_WIDTH: Final = 640
_HEIGHT: Final = 384
_COARSE: Final = (160, 64)
_HALF: Final = (320, 192)
_REACH: Final = 8  # pixels of the half-size strokes by which a copy may be off before it is stretched
_CANDIDATE: Final = 0.6
_CLOSE: Final = 0.65
_COMMON_FROM: Final = 30
_BLOCK: Final = 1024


@dataclass(frozen=True)
class Strokes:
    """What the traces of a page do.

    Attributes:
        packed: strokes as zlib-compressed (384, 640) uint8; a page takes about 30 KB.
        coarse: (64 × 160,) float32, the same blurred.
        traced: whether traces were found at all; a page without them is like no other.
    """

    packed: bytes
    coarse: Floats
    traced: bool

    def fine(self) -> Grey:
        """(192, 320) uint8: slightly blurred, to be laid over another page's."""
        strokes = np.frombuffer(zlib.decompress(self.packed), np.uint8).reshape(_HEIGHT, _WIDTH)
        return np.asarray(np.rint(_shrunk(strokes, 2.0, _HALF)), dtype=np.uint8)


class Pair(NamedTuple):
    """Two pages: their indices, the smaller first, and how alike their traces are, 0…1."""

    first: int
    second: int
    likeness: float


def strokes_of(page: Page) -> Strokes:
    """The strokes of a page (H, W, 3) uint8 RGB at any scale."""
    contrast = take_apart(page).contrast
    return strokes_in(contrast, trace_box(contrast))


def strokes_in(contrast: Grey, box: Box | None) -> Strokes:
    """The strokes of a page by its contrast and the `trace_box` in it."""
    left, top, right, bottom = box or (0, 0, contrast.shape[1], contrast.shape[0])
    interpolation = cv2.INTER_AREA if right - left > _WIDTH else cv2.INTER_LINEAR
    ink = cv2.resize(contrast[top:bottom, left:right], (_WIDTH, _HEIGHT), interpolation=interpolation)
    # Relative to the darkest ink, and without a hard threshold: a paler copy must give the same strokes.
    darkest = float(np.percentile(ink, 99.5))
    strokes = np.clip((ink.astype(np.float32) - 0.4 * darkest) / (0.6 * darkest + 1e-6), 0, 1)
    # Baselines and separators are on every page; complexes and waves are what tells hearts apart.
    strokes -= cv2.morphologyEx(strokes, cv2.MORPH_OPEN, np.ones((1, 15), np.uint8))
    strokes -= cv2.morphologyEx(strokes, cv2.MORPH_OPEN, np.ones((100, 1), np.uint8))
    fine = (strokes * 255).astype(np.uint8)
    return Strokes(zlib.compress(fine.tobytes(), 1), _shrunk(fine, 5.0, _COARSE).ravel(), box is not None)


def trace_box(contrast: Grey) -> Box | None:
    """Left, top, right, bottom around the traces, or None where nothing looks like one.

    Args:
        contrast: grey levels below the paper, as `ml.page.take_apart` gives them.
    """
    height, width = contrast.shape
    ink = (contrast > max(20.0, 0.45 * float(np.percentile(contrast, 99)))).astype(np.uint8)
    rules = cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones((1, round(0.3 * width)), np.uint8))
    ink[cv2.dilate(rules, np.ones((5, 5), np.uint8)) > 0] = 0
    joined = cv2.morphologyEx(ink, cv2.MORPH_CLOSE, np.ones((3, 5), np.uint8))
    _, _, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    found = stats[1:]
    wide, high = found[:, cv2.CC_STAT_WIDTH], found[:, cv2.CC_STAT_HEIGHT]
    filled = found[:, cv2.CC_STAT_AREA] / (wide * high)
    traces = found[(wide >= 0.12 * width) & (high >= 0.012 * height) & (filled < 0.45)]
    if not len(traces):
        return None
    left, top = int(traces[:, cv2.CC_STAT_LEFT].min()), int(traces[:, cv2.CC_STAT_TOP].min())
    right = int((traces[:, cv2.CC_STAT_LEFT] + traces[:, cv2.CC_STAT_WIDTH]).max())
    bottom = int((traces[:, cv2.CC_STAT_TOP] + traces[:, cv2.CC_STAT_HEIGHT]).max())
    if right - left < 0.3 * width or bottom - top < 0.2 * height:
        return None
    return left, top, right, bottom


def alike(
    pages: Sequence[Strokes],
    least: float = ALIKE,
    progress: Callable[[list[tuple[int, int]]], Iterable[tuple[int, int]]] = iter,
) -> list[Pair]:
    """All pairs of pages whose traces are at least so much alike, in ascending order of their indices.

    Args:
        pages: strokes of the pages.
        least: likeness from which a pair counts.
        progress: wraps the candidates while they are gone through, for example a `tqdm` bar.
    """
    fine: dict[int, Grey] = {}
    found = []
    for first, second in progress(candidates(pages)):
        for index in (first, second):
            if index not in fine:
                fine[index] = pages[index].fine()
        correlation = _laid_over(fine[first], fine[second])
        if correlation >= least:
            found.append(Pair(first, second, correlation))
    return found


def likeness(one: Strokes, other: Strokes) -> float:
    """How alike the traces of two pages are, 0…1."""
    return _laid_over(one.fine(), other.fine()) if one.traced and other.traced else 0.0


def candidates(pages: Sequence[Strokes], threshold: float = _CANDIDATE) -> list[tuple[int, int]]:
    """Pairs whose blurred strokes correlate at least so much, in ascending order."""
    traced = [index for index, page in enumerate(pages) if page.traced]
    if len(traced) < 2:
        return []
    coarse = np.stack([pages[index].coarse for index in traced])
    if len(coarse) >= _COMMON_FROM:
        # Lead names and calibration pulses stand in the same place on every page.
        coarse -= coarse.mean(axis=0)
    coarse -= coarse.mean(axis=1, keepdims=True)
    coarse /= np.maximum(np.linalg.norm(coarse, axis=1, keepdims=True), 1e-9)
    found: list[tuple[int, int]] = []
    for start in range(0, len(coarse), _BLOCK):
        # From the block on: each pair once, and never all pairs in memory.
        correlation = np.triu(coarse[start : start + _BLOCK] @ coarse[start:].T, 1)
        rows, columns = np.nonzero(correlation >= threshold)
        found += [(traced[start + row], traced[start + column]) for row, column in zip(rows, columns, strict=True)]
    return sorted(found)


def _laid_over(one: Grey, other: Grey) -> float:
    """Correlation after `other` was moved, and where that looks promising stretched, to fit `one` best."""
    inner = other[_REACH:-_REACH, _REACH:-_REACH]
    if float(one.std()) < 1e-6 or float(inner.std()) < 1e-6:
        return 0.0
    _, close, _, (across, down) = cv2.minMaxLoc(cv2.matchTemplate(one, inner, cv2.TM_CCOEFF_NORMED))
    if close < _CLOSE:
        return float(max(close, 0.0))
    warp = np.array([[1, 0, _REACH - across], [0, 1, _REACH - down]], np.float32)
    everywhere = np.ones_like(other)
    until = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 30, 1e-4)
    try:
        fitted, _ = cv2.findTransformECC(one, other, warp, cv2.MOTION_AFFINE, until, everywhere, 3)
    except cv2.error:
        # It did not converge: these two cannot be laid over each other.
        return float(close)
    return float(fitted)


def _shrunk(strokes: Grey, sigma: float, size: tuple[int, int]) -> Floats:
    blurred = cv2.GaussianBlur(strokes.astype(np.float32), (0, 0), sigma)
    return np.asarray(cv2.resize(blurred, size, interpolation=cv2.INTER_AREA), dtype=np.float32)

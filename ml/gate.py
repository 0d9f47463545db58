"""Is this an ECG page at all? Evidence of grid and traces, weighed by a small logistic regression.

The evidence is computed from the layers that finding the grid needs anyway. Its weights lie in ``gate.json`` and are
fitted by ``python -m ml fit-gate``.
"""

from __future__ import annotations

import json
import math
from dataclasses import astuple, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from ml.errors import PageRejected
from ml.page import EcgRegion, Layers

WEIGHTS_FILE: Final = Path(__file__).with_name("gate.json")

# Of 400 upright dataset pages and 59 foreign ones none is above 0.48; nine of ten of them turned by 90° are.
_LYING: Final = 0.55
# A page that is refused shows strokes all along and is mostly paper: an ECG may be there, but cannot be told.
_STROKES_RUN_ON: Final = 0.7
_MOSTLY_PAPER: Final = 0.75
# Pages at half their brightness have 124, as they are 230 to 250; photos of pages from 130.
_DARK: Final = 127.0
# As they are, pages have 0.45 and more, photos of pages 0.25 and more; blurred by 1.5 thousandths of their width, 0.30.
_BLURRED: Final = 0.32


@dataclass(frozen=True)
class Evidence:
    """What speaks for or against an ECG in the region that was found; plain numbers, most of them shares.

    Attributes:
        darkest: contrast of the darkest hundredth, in hundreds of grey levels.
        region: share of the page that the region takes.
        grid: 1 if the region was found by its grid.
        grid_cover: share of the region that is printed like a grid.
        ink: ten times the share of ink, at most 3.
        paper: share of the region that is neither ink nor shadow.
        between: five times the share of tones between grid and ink: many in a photograph, few on a page.
        trace_cover: share of columns that a long, thin, wavy stroke crosses.
        trace_ink: share of the ink that belongs to such strokes.
        strokes: strokes down a typical column, in fives, at most 3: as many as there are rows of leads.
        strokes_spread: interquartile range of that number, in fives, at most 2.
        ink_columns: share of columns with any ink.
        stroke_height: mean height of a stroke in pixels, in fives, at most 4.
        direction: log ratio of strokes met along rows to those met down columns.
        evenness: spread of strokes down columns less that along rows: negative where strokes run left to right.
        rows: share of the ink in the tenth of rows that has most of it.
    """

    darkest: float
    region: float
    grid: float
    grid_cover: float
    ink: float
    paper: float
    between: float
    trace_cover: float
    trace_ink: float
    strokes: float
    strokes_spread: float
    ink_columns: float
    stroke_height: float
    direction: float
    evenness: float
    rows: float

    @classmethod
    def names(cls) -> tuple[str, ...]:
        return tuple(field.name for field in fields(cls))

    def values(self) -> NDArray[np.float64]:
        return np.array(astuple(self), dtype=np.float64)


@dataclass(frozen=True)
class GateWeights:
    """A logistic regression on standardised evidence, and the score below which a page is refused."""

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    weights: NDArray[np.float64]
    intercept: float
    threshold: float

    def score(self, evidence: Evidence) -> float:
        """How much this looks like an ECG page, 0…1."""
        logit = float(self.weights @ ((evidence.values() - self.mean) / self.scale)) + self.intercept
        return 1.0 / (1.0 + math.exp(-max(min(logit, 60.0), -60.0)))


@cache
def shipped_weights() -> GateWeights:
    """The weights in ``gate.json``.

    Raises:
        ValueError: they were fitted on other evidence than this version collects.
    """
    values = json.loads(WEIGHTS_FILE.read_text(encoding="utf-8"))
    if tuple(values["evidence"]) != Evidence.names():
        raise ValueError(f"{WEIGHTS_FILE} was fitted on other evidence; run python -m ml fit-gate")
    return GateWeights(
        mean=np.array(values["mean"]),
        scale=np.array(values["scale"]),
        weights=np.array(values["weights"]),
        intercept=float(values["intercept"]),
        threshold=float(values["threshold"]),
    )


def require_ecg(layers: Layers, region: EcgRegion) -> None:
    """Pass silently if the region holds an upright ECG.

    Raises:
        PageRejected: with code ``not_an_ecg_page``, ``too_dark``, ``too_blurred`` or ``page_on_its_side``.
    """
    evidence = weigh(layers, region)
    weights = shipped_weights()
    if weights.score(evidence) < weights.threshold:
        raise _refusal(evidence, layers, region)
    if evidence.evenness > _LYING:
        raise PageRejected(
            "page_on_its_side",
            "The page seems to lie on its side. Please turn it so that the traces run from left to right.",
        )


def _refusal(evidence: Evidence, layers: Layers, region: EcgRegion) -> PageRejected:
    """Why a page does not pass: where long strokes run over paper, the light or the lens may be to blame."""
    if evidence.trace_cover > _STROKES_RUN_ON and evidence.paper > _MOSTLY_PAPER:
        if layers.white < _DARK:
            return PageRejected(
                "too_dark",
                "The picture is too dark to tell whether it shows an ECG. Please photograph the page in even light.",
            )
        if _sharpness(layers, region) < _BLURRED:
            return PageRejected(
                "too_blurred",
                "The picture is too blurred to tell whether it shows an ECG. Please photograph the page in focus, or "
                "scan it.",
            )
    return PageRejected(
        "not_an_ecg_page",
        "This does not look like an ECG page: no grid with traces was found. "
        "Please upload the whole page, flat and well lit.",
    )


def _sharpness(layers: Layers, region: EcgRegion) -> float:
    """How steeply ink rises out of the paper: 90th percentile of its slope a working pixel, in heights of the ink."""
    contrast = _part(layers, region)[0]
    darkest = max(_darkest(contrast), 1.0)
    along = ((1, 0), (0, 1))
    slope = np.hypot(*(cv2.Sobel(contrast, cv2.CV_32F, *direction, scale=1 / 8) for direction in along))
    inked = cv2.dilate((contrast > 0.4 * darkest).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    return float(np.percentile(slope[inked], 90) / darkest) if inked.any() else 0.0


def _part(layers: Layers, region: EcgRegion) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Contrast and density of grid within the region."""
    crop, scale = region.crop, layers.scale
    left, top = int(crop.x * scale), int(crop.y * scale)
    part = np.s_[top : top + max(int(crop.height * scale), 2), left : left + max(int(crop.width * scale), 2)]
    return layers.contrast[part], layers.grid_density[part]


def weigh(layers: Layers, region: EcgRegion) -> Evidence:
    """Collect the evidence in a region of a page."""
    contrast, density = _part(layers, region)
    darkest = _darkest(contrast)
    # Relative to the darkest ink, so that pencil-grey photos of a page count like black print.
    limit = max(30.0, 0.5 * darkest)
    ink = (contrast > limit).astype(np.uint8)
    down, along = _strokes(ink, axis=0), _strokes(ink, axis=1)
    traces = _trace_pixels(ink)
    low, high = np.percentile(down, [25, 75])
    return Evidence(
        darkest=darkest / 100,
        region=contrast.size / layers.contrast.size,
        grid=float(region.grid_found),
        grid_cover=float((density > 0.4).mean()),
        ink=min(float(ink.mean()) * 10, 3.0),
        paper=float((contrast < min(40.0, limit)).mean()),
        between=float(((contrast > 0.2 * darkest) & (contrast < 0.5 * darkest)).mean()) * 5,
        trace_cover=float(traces.any(axis=0).mean()),
        trace_ink=float(traces.sum() / max(int(ink.sum()), 1)),
        strokes=min(float(np.median(down)), 15.0) / 5,
        strokes_spread=min(float(high - low), 10.0) / 5,
        ink_columns=float((down > 0).mean()),
        stroke_height=min(float(ink.sum() / max(int(down.sum()), 1)), 20.0) / 5,
        direction=math.log((int(along.sum()) + 1) / (int(down.sum()) + 1)),
        evenness=_variation(down) - _variation(along),
        rows=_concentration(ink.sum(axis=1)),
    )


def _darkest(contrast: NDArray[np.uint8]) -> float:
    """The contrast that one pixel in a hundred exceeds."""
    counts = np.bincount(contrast.ravel(), minlength=256)
    return float(np.searchsorted(np.cumsum(counts), 0.99 * contrast.size))


def _strokes(ink: NDArray[np.uint8], *, axis: int) -> NDArray[np.int64]:
    """How many strokes begin along each line of ``axis``."""
    return np.asarray((np.diff(ink.astype(np.int8), axis=axis) == 1).sum(axis=axis), dtype=np.int64)


def _trace_pixels(ink: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Pixels of strokes that are long, thin and not straight."""
    height, width = ink.shape
    _, labels, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    wide, high = stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT]
    filled = stats[:, cv2.CC_STAT_AREA] / np.maximum(wide * high, 1)
    is_trace = (wide >= 0.05 * width) & (filled < 0.4) & (high >= 0.01 * height)
    is_trace[0] = False
    return np.asarray(is_trace[labels], dtype=np.bool_)


def _variation(counts: NDArray[np.int64]) -> float:
    return float(counts.std() / (counts.mean() + 0.1))


def _concentration(ink_per_row: NDArray[np.int64]) -> float:
    smooth = cv2.blur(ink_per_row.astype(np.float32)[:, None], (1, 5)).ravel()
    most = np.sort(smooth)[-max(smooth.size // 10, 1) :]
    return float(most.sum() / max(float(smooth.sum()), 1.0))

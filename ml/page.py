"""Find the ECG on a page: the inside of its grid, without the print around it.

Everything here works on a copy of the page scaled to `WORKING_SIDE` pixels, so that one set of pixel constants serves
scans and photos of any size. No learned part: contrast, density and connected components only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from ml.decode import Page

Mask = NDArray[np.uint8]

WORKING_SIDE: Final = 1000

GRID_NOT_FOUND: Final = "grid_not_found"

# Contrast below the local paper white, in grey levels of 255. JPEG noise on white paper stays below the first;
# grid lines lie between the two; only ink is darker than the second.
_FAINT: Final = 6
_INK: Final = 90


@dataclass(frozen=True)
class Crop:
    """A rectangle in page pixels: left, top, width, height."""

    x: int
    y: int
    width: int
    height: int

    def of(self, page: Page) -> Page:
        """The part of ``page`` (H, W, C) or (H, W) inside the rectangle; a view, not a copy."""
        return page[self.y : self.y + self.height, self.x : self.x + self.width]


@dataclass(frozen=True)
class Layers:
    """A page taken apart at working size: what is printed faintly (grid) and what in ink (traces, text).

    Attributes:
        scale: working pixels per page pixel.
        white: grey level of the paper, 0…255: its median over the page.
        contrast: grey levels below the local paper white, (h, w) uint8.
        ink: 1 where traces and text are.
        grid_density: share of faintly printed pixels around each pixel, ink left out, (h, w) float32 in 0…1.
    """

    scale: float
    white: float
    contrast: NDArray[np.uint8]
    ink: Mask
    grid_density: NDArray[np.float32]


@dataclass(frozen=True)
class EcgRegion:
    """Where the ECG lies on the page, and how it was found."""

    crop: Crop
    grid_found: bool
    warnings: tuple[str, ...]


def take_apart(page: Page) -> Layers:
    """Separate paper, grid and ink of an RGB page (H, W, 3) uint8."""
    height, width = page.shape[:2]
    scale = WORKING_SIDE / max(height, width)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    shrunk = halve(page, WORKING_SIDE)
    # The darkest channel shows red and pink grids as clearly as grey ones.
    red, green, blue = cv2.split(shrunk)
    interpolation = cv2.INTER_AREA if max(shrunk.shape) > WORKING_SIDE else cv2.INTER_LINEAR
    darkest = cv2.resize(cv2.min(cv2.min(red, green), blue), size, interpolation=interpolation)
    paper = cv2.blur(cv2.dilate(cv2.medianBlur(darkest, 3), np.ones((15, 15), np.uint8)), (31, 31))
    contrast = cv2.subtract(paper, darkest)
    ink = cv2.threshold(contrast, _INK, 1, cv2.THRESH_BINARY)[1]
    clear_of_ink = cv2.threshold(cv2.dilate(ink, np.ones((7, 7), np.uint8)), 0, 1, cv2.THRESH_BINARY_INV)[1]
    faint = cv2.bitwise_and(cv2.threshold(contrast, _FAINT - 1, 1, cv2.THRESH_BINARY)[1], clear_of_ink)
    seen = cv2.boxFilter(clear_of_ink, cv2.CV_32F, (15, 15))
    density = cv2.divide(cv2.boxFilter(faint, cv2.CV_32F, (15, 15)), np.maximum(seen, 0.1))
    return Layers(
        scale,
        float(np.median(paper[::8, ::8])),
        np.asarray(contrast, dtype=np.uint8),
        np.asarray(ink, dtype=np.uint8),
        np.asarray(density, dtype=np.float32),
    )


def halve(image: NDArray[np.uint8], longest: int) -> NDArray[np.uint8]:
    """Halve an image (H, W) or (H, W, 3) as often as its longer side stays at ``longest`` pixels or more.

    Halving an even number of pixels is twenty times faster than any other reduction; an odd last one is dropped.
    """
    while max(image.shape[:2]) >= 2 * longest and min(image.shape[:2]) >= 2:
        half_height, half_width = image.shape[0] // 2, image.shape[1] // 2
        even = image[: 2 * half_height, : 2 * half_width]
        image = np.asarray(cv2.resize(even, (half_width, half_height), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    return image


def find_ecg(page: Page, layers: Layers | None = None) -> EcgRegion:
    """Find the inside of the ECG grid, or failing that the traces' bounding box.

    Args:
        page: RGB page, (H, W, 3) uint8, at any scale.
        layers: `take_apart(page)`, where the caller has it already.

    Returns:
        The region in page pixels; never empty. Without a grid it carries the warning ``grid_not_found``; a page with
        neither grid nor traces gives the whole page.
    """
    layers = layers or take_apart(page)
    box = _grid_box(layers)
    grid_found = box is not None
    if box is None:
        box = _trace_box(layers.ink)
    if box is None:
        box = (0, 0, layers.ink.shape[1], layers.ink.shape[0])
    crop = _to_page(box, layers.scale, page.shape[1], page.shape[0])
    return EcgRegion(crop, grid_found, () if grid_found else (GRID_NOT_FOUND,))


Box = tuple[int, int, int, int]


def _grid_box(layers: Layers) -> Box | None:
    """Left, top, right, bottom of the grid's inside in working pixels, or None where no grid is large enough."""
    # At half size: a density over 15 pixels has no finer detail, and the frame line is looked for at full size below.
    density = cv2.resize(layers.grid_density, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    # Bridges the holes that thick ink leaves, then drops what is too thin for a grid: text lines, shadows of traces.
    bridged = cv2.morphologyEx((density > 0.37).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((11, 11), np.uint8))
    dense = cv2.morphologyEx(bridged, cv2.MORPH_OPEN, np.ones((21, 21), np.uint8)).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(dense)
    if count < 2:
        return None
    largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    left, top, width, height, area = (int(value) for value in stats[largest])
    if area < 0.08 * dense.size or area < 0.6 * width * height:
        return None
    inside = labels[top : top + height, left : left + width] == largest
    # Bulges (a shadow, a stamp) must not widen the box: a row or column counts if most of it is grid.
    columns = np.flatnonzero(inside.mean(axis=0) > 0.5)
    rows = np.flatnonzero(inside.mean(axis=1) > 0.5)
    if columns.size < 50 or rows.size < 30:
        return None
    coarse = (
        2 * (left + int(columns[0])),
        2 * (top + int(rows[0])),
        min(2 * (left + int(columns[-1]) + 1), layers.ink.shape[1]),
        min(2 * (top + int(rows[-1]) + 1), layers.ink.shape[0]),
    )
    return _inside_frame(layers.contrast, coarse)


def _inside_frame(contrast: NDArray[np.uint8], box: Box) -> Box:
    """Shrink a coarse grid box past the frame line on each side, so that no part of the line remains."""
    left, top, right, bottom = box
    middle_rows = contrast[top + (bottom - top) // 5 : bottom - (bottom - top) // 5 : 3]
    middle_columns = contrast[:, left + (right - left) // 5 : right - (right - left) // 5 : 3]
    # The median ignores the traces that cross a line; a frame line stays dark all along.
    across = np.median(middle_rows, axis=0)
    down = np.median(middle_columns, axis=1)
    return (
        _past_line(across, left, step=1),
        _past_line(down, top, step=1),
        _past_line(across, right - 1, step=-1) + 1,
        _past_line(down, bottom - 1, step=-1) + 1,
    )


def _past_line(profile: NDArray[np.float64], edge: int, *, step: int) -> int:
    """The first position inside a frame line near ``edge``; without a line, just inside the blur of the density."""
    # Further in, a thick line of the grid itself would be taken for the frame.
    reach, inset, stroke = 14, 6, 2
    near = range(max(edge - reach, 0), min(edge + reach + 1, profile.size))
    typical = float(np.median(profile[near.start : near.stop]))
    strongest = max(near, key=lambda position: profile[position])
    if profile[strongest] >= typical + 25:
        position = strongest
        while position + step in near and profile[position + step] > typical + 12:
            position += step
        return position + stroke * step
    at_border = edge <= 8 or edge >= profile.size - 9
    return edge if at_border else edge + inset * step


def _trace_box(ink: Mask) -> Box | None:
    """Bounding box of the long, thin, wavy strokes, or None where there are none."""
    height, width = ink.shape
    # Ruled lines go first: they would join lines of print into something as wide as a trace.
    rules = cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones((1, round(0.3 * width)), np.uint8))
    strokes: Mask = np.where(cv2.dilate(rules, np.ones((5, 5), np.uint8)) > 0, 0, ink).astype(np.uint8)
    count, _, stats, _ = cv2.connectedComponentsWithStats(strokes, connectivity=8)
    if count < 2:
        return None
    boxes = stats[1:]
    wide = boxes[:, cv2.CC_STAT_WIDTH] >= 0.08 * width
    filled = boxes[:, cv2.CC_STAT_AREA] / (boxes[:, cv2.CC_STAT_WIDTH] * boxes[:, cv2.CC_STAT_HEIGHT])
    # What is left of a slanted rule is as wide as a trace but fills its box or is hardly higher than its own stroke.
    straight = (filled > 0.5) | (boxes[:, cv2.CC_STAT_HEIGHT] < 0.012 * height)
    traces = boxes[wide & ~straight]
    if not len(traces):
        return None
    top = int(traces[:, cv2.CC_STAT_TOP].min())
    bottom = int((traces[:, cv2.CC_STAT_TOP] + traces[:, cv2.CC_STAT_HEIGHT]).max())
    left = int(traces[:, cv2.CC_STAT_LEFT].min())
    right = int((traces[:, cv2.CC_STAT_LEFT] + traces[:, cv2.CC_STAT_WIDTH]).max())
    # Calibration pulses stand beside the traces and belong to the ECG.
    middle = boxes[:, cv2.CC_STAT_TOP] + boxes[:, cv2.CC_STAT_HEIGHT] / 2
    pulses = boxes[(middle > top) & (middle < bottom) & (boxes[:, cv2.CC_STAT_HEIGHT] > 0.02 * height)]
    left = min(left, int(pulses[:, cv2.CC_STAT_LEFT].min(initial=left)))
    right = max(right, int((pulses[:, cv2.CC_STAT_LEFT] + pulses[:, cv2.CC_STAT_WIDTH]).max(initial=right)))
    top, bottom = _clear_of_print(strokes, boxes, top, bottom)
    if right - left < 100 or bottom - top < 60:
        return None
    return left, top, right, bottom


def _clear_of_print(strokes: Mask, boxes: NDArray[Any], top: int, bottom: int) -> tuple[int, int]:
    """Move top and bottom past lines of print that tall complexes reach into, by a seventh of the height at most."""
    letters = np.zeros_like(strokes)
    for left, upper, width, height, _ in boxes:
        if 3 <= height <= 20 and 2 <= width <= 40:
            letters[upper : upper + height, left : left + width] = 1
    words = cv2.morphologyEx(letters, cv2.MORPH_CLOSE, np.ones((3, 13), np.uint8))
    _, _, stats, _ = cv2.connectedComponentsWithStats(words)
    # A lead's name is shorter than a line of print.
    lines = stats[1:][stats[1:, cv2.CC_STAT_WIDTH] >= 45]
    reach = (bottom - top) // 7
    upper_edges, lower_edges = lines[:, cv2.CC_STAT_TOP], lines[:, cv2.CC_STAT_TOP] + lines[:, cv2.CC_STAT_HEIGHT]
    header = lower_edges[(lower_edges > top) & (lower_edges <= top + reach)]
    footer = upper_edges[(upper_edges < bottom) & (upper_edges >= bottom - reach)]
    return int(header.max(initial=top - 1)) + 1, int(footer.min(initial=bottom + 1)) - 1


def _to_page(box: Box, scale: float, page_width: int, page_height: int) -> Crop:
    left, top = min(round(box[0] / scale), page_width - 1), min(round(box[1] / scale), page_height - 1)
    right = max(min(round(box[2] / scale), page_width), left + 1)
    bottom = max(min(round(box[3] / scale), page_height), top + 1)
    return Crop(max(left, 0), max(top, 0), right - left, bottom - top)

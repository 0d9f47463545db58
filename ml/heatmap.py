"""Draw an attribution map on the page it explains, in page coordinates. OpenCV only."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from ml.decode import Page
from ml.page import Crop

LAYER_SIDE: Final = 384
NOTICE: Final = "Isoline: research use only, not a medical device"
_STRONGEST: Final = 0.6
# Attribution is smooth: coloured at this share of the page's size and enlarged, it looks the same and costs little.
_COARSER: Final = 8


def _colours() -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """BGR colour and opacity for each of 256 attribution levels: weak attribution stays see-through."""
    levels = np.arange(256, dtype=np.uint8)[None]
    colours = cv2.applyColorMap(levels, cv2.COLORMAP_TURBO)[0]
    opacity = np.clip((np.arange(256) / 255.0 - 0.15) / 0.85, 0.0, 1.0) ** 0.8
    return np.asarray(colours, dtype=np.uint8), opacity.astype(np.float32)


_COLOUR, _OPACITY = _colours()
_BGRA: Final = np.column_stack([_COLOUR, np.round(_OPACITY * 255).astype(np.uint8)])


def heat_layer(attribution: NDArray[np.float32], crop: Crop, page_shape: tuple[int, ...]) -> bytes:
    """A transparent picture of the page's aspect, to be laid over the whole page.

    Args:
        attribution: (h, w) in 0…1, over the crop.
        crop: where on the page the attribution belongs, in page pixels.
        page_shape: (height, width, …) of the page.

    Returns:
        PNG with alpha, its longer side `LAYER_SIDE` pixels at most; transparent outside the crop.
    """
    height, width = page_shape[:2]
    scale = min(LAYER_SIDE / max(height, width), 1.0)
    layer = np.zeros((max(round(height * scale), 1), max(round(width * scale), 1), 4), np.uint8)
    left, top = int(crop.x * scale), int(crop.y * scale)
    right = max(min(round((crop.x + crop.width) * scale), layer.shape[1]), left + 1)
    bottom = max(min(round((crop.y + crop.height) * scale), layer.shape[0]), top + 1)
    layer[top:bottom, left:right] = _BGRA[_levels(attribution, right - left, bottom - top)]
    return _encode(".png", layer, [cv2.IMWRITE_PNG_COMPRESSION, 1])


def overlay(page: Page, attribution: NDArray[np.float32], crop: Crop) -> bytes:
    """The page with the heat blended in and a research-use notice at its edge, full size, JPEG."""
    drawn = np.asarray(cv2.cvtColor(page, cv2.COLOR_RGB2BGR), dtype=np.uint8)
    levels = _levels(attribution, max(crop.width // _COARSER, 1), max(crop.height // _COARSER, 1))
    opacity = _OPACITY[levels] * _STRONGEST
    size = (crop.width, crop.height)
    heat = cv2.resize((_COLOUR[levels] * opacity[..., None]).astype(np.uint8), size, interpolation=cv2.INTER_LINEAR)
    remaining = cv2.resize(((1.0 - opacity) * 255).astype(np.uint8), size, interpolation=cv2.INTER_LINEAR)
    part = crop.of(drawn)
    faded = cv2.multiply(part, cv2.cvtColor(remaining, cv2.COLOR_GRAY2BGR), scale=1 / 255)
    cv2.add(faded, heat, dst=part)
    _caption(drawn)
    return _encode(".jpg", drawn, [cv2.IMWRITE_JPEG_QUALITY, 82])


def heated(page: NDArray[np.uint8], attribution: NDArray[np.float32]) -> NDArray[np.uint8]:
    """A grey page (H, W) with the heat of a map over all of it blended in, BGR (H, W, 3)."""
    levels = _levels(attribution, page.shape[1], page.shape[0])
    opacity = _OPACITY[levels][..., None] * _STRONGEST
    return np.asarray(_COLOUR[levels] * opacity + page[..., None] * (1.0 - opacity), dtype=np.uint8)


def _caption(drawn: NDArray[np.uint8]) -> None:
    """Small print at the lower right edge: the picture may leave Isoline without anything that explains it."""
    height, width = drawn.shape[:2]
    size = max(height, width) / 3600
    (text_width, text_height), _ = cv2.getTextSize(NOTICE, cv2.FONT_HERSHEY_SIMPLEX, size, 1)
    corner = (max(width - text_width - text_height, 0), height - max(text_height // 5, 1))
    cv2.putText(drawn, NOTICE, corner, cv2.FONT_HERSHEY_SIMPLEX, size, (90, 90, 90), 1, cv2.LINE_AA)


def _levels(attribution: NDArray[np.float32], width: int, height: int) -> NDArray[np.uint8]:
    bytes_map = (np.clip(attribution, 0.0, 1.0) * 255).astype(np.uint8)
    return np.asarray(cv2.resize(bytes_map, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


def _encode(extension: str, image: NDArray[np.uint8], options: list[int]) -> bytes:
    done, buffer = cv2.imencode(extension, image, options)
    if not done:
        raise ValueError(f"the picture could not be encoded as {extension}")
    return buffer.tobytes()

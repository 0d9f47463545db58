"""A page in small, for lists."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

WIDTH: Final = 480
HEIGHT: Final = 360
WEBP_QUALITY: Final = 80


def encode_thumbnail(page: NDArray[np.uint8]) -> bytes:
    """Draw a page small.

    Args:
        page: (height, width, 3) uint8 RGB.

    Returns:
        A WebP picture without metadata that fits into ``WIDTH`` × ``HEIGHT``, never larger than the page.
    """
    height, width = page.shape[:2]
    scale = min(WIDTH / width, HEIGHT / height, 1.0)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    # Averaging over areas keeps the thin traces visible where plain sampling would drop them.
    small = cv2.resize(page, size, interpolation=cv2.INTER_AREA)
    encoded, buffer = cv2.imencode(".webp", small[..., ::-1], [cv2.IMWRITE_WEBP_QUALITY, WEBP_QUALITY])
    if not encoded:
        raise ValueError("the thumbnail could not be encoded as WebP")
    return buffer.tobytes()

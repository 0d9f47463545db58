"""Small pictures to upload; intake does not ask what is on them."""

from __future__ import annotations

import numpy as np

from ml.decode import encode_png


def picture(seed: int = 0) -> bytes:
    """A PNG that no other seed gives."""
    page = np.random.default_rng(seed).integers(0, 255, (200, 280, 3), dtype=np.uint8)
    return encode_png(page)

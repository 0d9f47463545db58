"""Distinct rendered pages as the files a user would upload."""

from __future__ import annotations

import cv2
import numpy as np

from ml.render import render_page
from ml.synthetic import synthetic_signals

# Gives about a megabyte; scans of this size are archived at 0.7 to 1.5.
JPEG_QUALITY = 75


def jpeg_page(seed: int) -> bytes:
    """A full-size page (2213 × 1572) as a JPEG file; another seed is another page."""
    rng = np.random.default_rng(seed)
    signals = synthetic_signals(seed, heart_rate_bpm=float(rng.uniform(50, 120)))
    page = render_page(signals, layout="4x2.5" if seed % 2 else "2x5", header=(f"ID : BENCH-{seed:05d}",), seed=seed)
    written, jpeg = cv2.imencode(".jpg", page.image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not written:
        raise RuntimeError("OpenCV could not write a JPEG")
    return jpeg.tobytes()

"""The page and its overlay as they are printed: about 200 dots per inch, JPEG, equal bytes for equal pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np
from django.core.files.storage import default_storage

from ml.decode import decode_stored

if TYPE_CHECKING:
    from django.db.models.fields.files import FieldFile

    from diagnosis.models import Diagnosis
    from ml.decode import Page

DOTS_PER_INCH: Final = 200
# A picture that stays larger with one quality is written with the next.
QUALITIES: Final = (82, 70, 58, 46)
MOST_BYTES: Final = 420_000


@dataclass(frozen=True)
class Printed:
    """A picture ready to be embedded: JPEG bytes, its size in pixels, and a frame in shares of width and height."""

    jpeg: bytes
    width: int
    height: int
    frame: tuple[float, float, float, float] | None = None


def page_of(diagnosis: Diagnosis, *, width_inch: float) -> Printed:
    """The page, with the part that was read as its frame.

    Raises:
        FileNotFoundError: the storage has lost it.
    """
    page = _stored(diagnosis.upload.page)
    height, width = page.shape[:2]
    crop = diagnosis.crop
    frame = None
    if crop:
        frame = (crop["x"] / width, crop["y"] / height, crop["width"] / width, crop["height"] / height)
    return _printed(page, width_inch, frame)


def overlay_of(diagnosis: Diagnosis, *, width_inch: float) -> Printed | None:
    """The page with what the model looked at; None where nothing was drawn."""
    heatmap = diagnosis.heatmaps.first()
    if heatmap is None:
        return None
    return _printed(_stored(heatmap.overlay), width_inch, None)


def _stored(picture: FieldFile) -> Page:
    with default_storage.open(picture.name or "", "rb") as file:
        return decode_stored(file.read())


def _printed(page: Page, width_inch: float, frame: tuple[float, float, float, float] | None) -> Printed:
    height, width = page.shape[:2]
    scale = min(1.0, width_inch * DOTS_PER_INCH / max(width, 1))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    # Averaging over areas keeps thin traces visible.
    small = page if scale == 1.0 else cv2.resize(page, size, interpolation=cv2.INTER_AREA)
    jpeg = b""
    for quality in QUALITIES:
        encoded, buffer = cv2.imencode(
            ".jpg", np.ascontiguousarray(small[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, quality]
        )
        if not encoded:
            raise ValueError("the picture could not be encoded as JPEG")
        jpeg = buffer.tobytes()
        if len(jpeg) <= MOST_BYTES:
            break
    return Printed(jpeg, *size, frame)

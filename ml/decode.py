"""Bytes of a file → page images, or a refusal that a person can act on.

The type is read from the bytes, never from a name or a client's word. Sizes are checked before any pixel is decoded,
so that a decompression bomb costs nothing.
"""

from __future__ import annotations

import io
import threading
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import cv2
import numpy as np
import pypdfium2 as pdfium
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from ml.errors import PageRejected
from ml.jpeg import without_metadata
from ml.lazy_pages import LazyPages

Page = NDArray[np.uint8]

MAX_BYTES: Final = 25 * 1024 * 1024
MAX_PIXELS: Final = 50_000_000
MIN_SIDE: Final = 160
MAX_PDF_PAGES: Final = 50
PDF_DPI: Final = 200
MAX_PDF_SIDE: Final = 3000

MEDIA_TYPES: Final = {
    "JPEG": "image/jpeg",
    "MPO": "image/jpeg",  # what some phones write: a JPEG with a second picture behind it
    "PNG": "image/png",
    "TIFF": "image/tiff",
    "WEBP": "image/webp",
    "PDF": "application/pdf",
    "DICOM": "application/dicom",
}
# Pillow's JPEG reader opens MPO files too and then names them so; it knows no reader of that name.
_OPENED_BY_PILLOW: Final = ("JPEG", "PNG", "TIFF", "WEBP")
EXTENSIONS: Final = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp", ".pdf", ".dcm")
# Files of these kinds have pages of their own number, drawn one by one.
MANY_PAGED: Final = ("application/pdf", "application/dicom")


@dataclass(frozen=True)
class DecodedFile:
    """A file's pages as (height, width, 3) uint8 RGB arrays, upright, without metadata.

    Attributes:
        media_type: found in the bytes.
        pages: one or several.
        warnings: stable codes of what a reader of the pages should know of where they come from.
        safe_copy: what may be kept of a file whose own bytes may not, because they say whose it is.
        identifying: words that name the patient or the examination, in lower case; they must not be kept either.
        recorded_at: when the ECG was recorded, as the file says; without a time zone if it names none.
    """

    media_type: str
    pages: Sequence[Page]
    warnings: tuple[str, ...] = ()
    safe_copy: bytes | None = None
    identifying: frozenset[str] = frozenset()
    recorded_at: datetime | None = None


def decode(data: bytes) -> DecodedFile:
    """Decode an uploaded file.

    Args:
        data: the whole file. JPEG, PNG, TIFF (first page), WebP, PDF or DICOM (every page).

    Returns:
        The media type found in the bytes and the pages, EXIF orientation applied. The pages of PDF and DICOM are drawn
        when they are asked for, which may raise ``damaged_file``, ``too_small`` or ``too_many_pixels``.

    Raises:
        PageRejected: with code ``empty_file``, ``file_too_large``, ``unsupported_type``, ``damaged_file``,
            ``too_many_pixels``, ``too_small``, ``encrypted_pdf`` or ``too_many_pages``, or one of `ml.dicom.read`.
    """
    if not data:
        raise PageRejected("empty_file", "The file is empty. Please choose the scan, photo or PDF again.")
    if len(data) > MAX_BYTES:
        raise PageRejected(
            "file_too_large",
            f"The file has {len(data) / 2**20:.1f} MB; the limit is {MAX_BYTES // 2**20} MB. "
            "Please save it smaller, for example as JPEG.",
        )
    if data[128:132] == b"DICM":
        return _decode_dicom(data)
    # The PDF standard allows junk before the header (ISO 32000-1, Annex H, note 13).
    if b"%PDF-" in data[:1024]:
        return DecodedFile("application/pdf", _decode_pdf(data))
    return _decode_image(data)


@dataclass(frozen=True)
class EncodedPage:
    """A page as a file: ``suffix`` is ``".jpg"`` or ``".png"``."""

    suffix: str
    data: bytes


def encode_page(page: Page, source: bytes, media_type: str) -> EncodedPage:
    """Encode a decoded page without loss and without metadata.

    Args:
        page: as `decode` returned it.
        source: the file it came from.
        media_type: of ``source``, as `decode` found it.

    Returns:
        The JPEG's own bytes where they alone give exactly this page, else a PNG.
    """
    if media_type == "image/jpeg":
        bare = without_metadata(source)
        # The comparison sorts out everything else: pages turned by EXIF, CMYK, files that decoders read differently.
        if bare is not None and _gives(bare, page):
            return EncodedPage(".jpg", bare)
    return EncodedPage(".png", encode_png(page))


def decode_stored(data: bytes) -> Page:
    """Decode a file that `encode_page` made: exactly the page it was made of, and faster than `decode`.

    Raises:
        ValueError: these bytes are no such file, or no longer.
    """
    page = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    if page is None:
        raise ValueError("the stored page image cannot be decoded")
    return np.asarray(page, dtype=np.uint8)


def _gives(data: bytes, page: Page) -> bool:
    try:
        return np.array_equal(decode_stored(data), page)
    except ValueError:
        return False


def encode_png(page: Page) -> bytes:
    """Encode an RGB page without loss; fast rather than small."""
    # Scanned paper compresses as well without PNG's row filters, and is read back a quarter faster.
    options = [cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_NONE]
    done, buffer = cv2.imencode(".png", cv2.cvtColor(page, cv2.COLOR_RGB2BGR), options)
    if not done:
        raise ValueError("the page could not be encoded as PNG")
    return buffer.tobytes()


def _decode_image(data: bytes) -> DecodedFile:
    with warnings.catch_warnings():
        # Pillow warns of bombs at half its own limit; ours is checked below, before decoding.
        warnings.simplefilter("ignore")
        try:
            with Image.open(io.BytesIO(data), formats=_OPENED_BY_PILLOW) as image:
                check_size(*image.size)
                media_type = MEDIA_TYPES[image.format or ""]
                page = _upright_rgb(image)
        except PageRejected:
            raise
        except UnidentifiedImageError as error:
            raise PageRejected(
                "unsupported_type",
                "This is not a JPEG, PNG, TIFF, WebP, PDF or DICOM file. Please export the ECG page as one of these.",
            ) from error
        except Image.DecompressionBombError as error:
            raise _too_many_pixels() from error
        # Pillow's codecs raise nearly anything on damaged bytes (OSError, SyntaxError, struct.error, …).
        except Exception as error:
            raise PageRejected(
                "damaged_file", "The file is damaged or cut short and cannot be opened. Please export or scan it again."
            ) from error
    return DecodedFile(media_type, [page])


def _upright_rgb(image: Image.Image) -> Page:
    # Multi-page TIFFs open at their first page, which is the one we read.
    image.load()
    upright = ImageOps.exif_transpose(image)
    if upright.mode in ("I", "I;16", "I;16B", "F"):
        # 16-bit scans: Pillow's own conversion clips to 255 instead of scaling.
        samples = np.asarray(upright, dtype=np.float64)
        low, high = float(samples.min()), float(samples.max())
        scaled = (samples - low) * (255.0 / max(high - low, 1.0))
        return np.repeat(scaled.astype(np.uint8)[..., None], 3, axis=2)
    if upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info:
        # Transparent paper is white paper.
        opaque = Image.new("RGBA", upright.size, "white")
        opaque.alpha_composite(upright.convert("RGBA"))
        upright = opaque
    return np.array(upright.convert("RGB"), dtype=np.uint8)


# PDFium has state of its own and may be used by one thread at a time only.
pdfium_in_use = threading.Lock()


class _PdfPages(LazyPages):
    """The pages of a PDF; fifty of them at once would take 600 MB."""

    def __init__(self, data: bytes, count: int) -> None:
        self._data, self._count = data, count

    def __len__(self) -> int:
        return self._count

    def _page(self, number: int) -> Page:
        with pdfium_in_use, open_pdf(self._data) as document:
            return _render_pdf_page(document, number)


def _decode_dicom(data: bytes) -> DecodedFile:
    # Its tables of tags take time and memory that other files do not need.
    from ml import dicom

    found = dicom.read(data)
    pages = _decode_pdf(found.pdf) if found.pdf is not None else found.pages
    return DecodedFile(dicom.MEDIA_TYPE, pages, found.warnings, found.safe_copy, found.identifying, found.recorded_at)


def _decode_pdf(data: bytes) -> _PdfPages:
    with pdfium_in_use, open_pdf(data) as document:
        count = len(document)
        if count == 0:
            raise PageRejected("damaged_file", "The PDF has no pages. Please export it again.")
        if count > MAX_PDF_PAGES:
            raise PageRejected(
                "too_many_pages",
                f"The PDF has {count} pages; the limit is {MAX_PDF_PAGES}. Please split it into smaller files.",
            )
    return _PdfPages(data, count)


def open_pdf(data: bytes) -> pdfium.PdfDocument:
    """Open a PDF, while holding ``pdfium_in_use``.

    Raises:
        PageRejected: ``encrypted_pdf`` or ``damaged_file``.
    """
    try:
        return pdfium.PdfDocument(data)
    except pdfium.PdfiumError as error:
        if "password" in str(error).lower() or "security" in str(error).lower():
            raise PageRejected(
                "encrypted_pdf", "The PDF is protected by a password. Please save it without protection."
            ) from error
        raise PageRejected(
            "damaged_file", "The PDF is damaged or cut short and cannot be opened. Please export it again."
        ) from error


def _render_pdf_page(document: pdfium.PdfDocument, index: int) -> Page:
    try:
        page = document[index]
        width_pt, height_pt = page.get_size()
        # A poster-sized page, or one whose program took its pixels for points, is drawn coarser rather than refused.
        scale = min(PDF_DPI / 72, MAX_PDF_SIDE / max(width_pt, height_pt, 1.0))
        check_size(int(width_pt * scale), int(height_pt * scale))
        bitmap = page.render(scale=scale, rev_byteorder=True)
        pixels = np.array(bitmap.to_numpy()[..., :3], dtype=np.uint8)
    except pdfium.PdfiumError as error:
        raise PageRejected(
            "damaged_file", f"Page {index + 1} of the PDF is damaged and cannot be drawn. Please export it again."
        ) from error
    return np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels


def check_size(width: int, height: int) -> None:
    """Refuse a picture that is too large to decode or too small to read.

    Raises:
        PageRejected: ``too_many_pixels`` or ``too_small``.
    """
    if width * height > MAX_PIXELS:
        raise _too_many_pixels()
    if min(width, height) < MIN_SIDE:
        raise PageRejected(
            "too_small",
            f"The picture has only {width} × {height} pixels. Please scan or photograph the whole page larger.",
        )


def _too_many_pixels() -> PageRejected:
    return PageRejected(
        "too_many_pixels",
        f"The picture has more than {MAX_PIXELS // 1_000_000} megapixels. Please scan at 200 to 300 dpi.",
    )

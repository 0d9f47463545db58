"""Files as users send them, good and bad."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pypdfium2 as pdfium
from PIL import Image


def picture(seed: int = 0, *, width: int = 320, height: int = 240) -> Image.Image:
    """A picture of its own for every seed; intake does not ask what is on it."""
    pixels = np.random.default_rng(seed).integers(0, 255, (height // 8, width // 8, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize((width, height), Image.Resampling.NEAREST)


def encoded(kind: str, seed: int = 0, **options: object) -> bytes:
    """The picture as PNG, JPEG, TIFF, WEBP or PDF."""
    buffer = io.BytesIO()
    picture(seed).save(buffer, kind, **options)
    return buffer.getvalue()


def pdf(pages: int) -> bytes:
    """A PDF with a different picture on every page."""
    first, *others = (picture(100 + number) for number in range(pages))
    buffer = io.BytesIO()
    first.save(buffer, "PDF", save_all=True, append_images=others)
    return buffer.getvalue()


def empty_pages_pdf(pages: int) -> bytes:
    """A PDF of many blank pages, quick to make."""
    document = pdfium.PdfDocument.new()
    for _ in range(pages):
        document.new_page(300, 200)
    buffer = io.BytesIO()
    document.save(buffer)
    document.close()
    return buffer.getvalue()


def encrypted_pdf() -> bytes:
    """A PDF that asks for a password: standard security handler, revision 2, with keys that no empty password fits."""
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 300] >>",
        b"<< /Filter /Standard /V 1 /R 2 /P -4 /O <" + b"11" * 32 + b"> /U <" + b"22" * 32 + b"> >>",
    ]
    body, offsets = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    trailer = b"<< /Size 5 /Root 1 0 R /Encrypt 4 0 R /ID [<33> <33>] >>"
    return (
        body
        + b"xref\n0 5\n0000000000 65535 f \n"
        + table
        + b"trailer\n%s\nstartxref\n%d\n%%%%EOF"
        % (
            trailer,
            len(body),
        )
    )


def bomb(width: int = 60_000, height: int = 60_000) -> bytes:
    """A PNG of a few bytes that claims to be billions of pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 64)) + chunk(b"IEND", b"")
    )


def turned_jpeg_with_secrets() -> bytes:
    """A phone's photo: lying on its side, with place, device and a comment in its metadata."""
    exif = Image.Exif()
    exif[0x0112] = 6  # Orientation: turn clockwise to see it upright
    exif[0x010F] = "SecretPhone"
    exif.get_ifd(0x8825)[1] = "N"
    return encoded("JPEG", exif=exif, comment=b"SecretComment", quality=95)

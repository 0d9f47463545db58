"""What is opened, what is refused, and with which words."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from ml.decode import MAX_BYTES, decode, encode_png
from ml.errors import PageRejected


def _picture(size: tuple[int, int] = (400, 300), colour: str = "white") -> Image.Image:
    picture = Image.new("RGB", size, colour)
    picture.paste("black", (0, 0, size[0] // 4, size[1] // 4))
    return picture


def _saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def _refusal(data: bytes) -> str:
    with pytest.raises(PageRejected) as refused:
        decode(data)
    assert refused.value.message.endswith(".")
    return refused.value.code


@pytest.mark.parametrize(
    ("kind", "media_type"),
    [("JPEG", "image/jpeg"), ("PNG", "image/png"), ("TIFF", "image/tiff"), ("WEBP", "image/webp")],
)
def test_each_picture_format_is_known_by_its_bytes(kind: str, media_type: str) -> None:
    decoded = decode(_saved(_picture(), kind))
    assert decoded.media_type == media_type
    assert [page.shape for page in decoded.pages] == [(300, 400, 3)]
    assert decoded.pages[0][280, 380].min() > 240
    assert decoded.pages[0][20, 20].max() < 15


def test_a_pdf_gives_every_page() -> None:
    first, second = _picture(), _picture((300, 400))
    decoded = decode(_saved(first, "PDF", save_all=True, append_images=[second]))
    assert decoded.media_type == "application/pdf"
    landscape, portrait = decoded.pages
    assert landscape.shape[1] > landscape.shape[0]
    assert portrait.shape[1] < portrait.shape[0]


def test_only_the_first_page_of_a_tiff_is_read() -> None:
    data = _saved(_picture(), "TIFF", save_all=True, append_images=[_picture((500, 500))])
    assert [page.shape for page in decode(data).pages] == [(300, 400, 3)]


def test_a_photo_taken_sideways_comes_out_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn 90° clockwise to view
    page = decode(_saved(_picture(), "JPEG", exif=exif.tobytes())).pages[0]
    assert page.shape == (400, 300, 3)
    assert page[10, 290].max() < 40, "the dark corner must have moved from top left to top right"


def test_transparent_paper_is_white() -> None:
    picture = Image.new("RGBA", (300, 300), (0, 0, 0, 0))
    assert decode(_saved(picture, "PNG")).pages[0].min() == 255


def test_a_sixteen_bit_scan_keeps_its_shades() -> None:
    samples = np.linspace(0, 65535, 300 * 300).reshape(300, 300).astype(np.uint16)
    page = decode(_saved(Image.fromarray(samples), "PNG")).pages[0]
    assert len(np.unique(page)) > 200


def test_png_encoding_loses_nothing() -> None:
    page = np.random.default_rng(0).integers(0, 256, (200, 300, 3), np.uint8)
    assert np.array_equal(decode(encode_png(page)).pages[0], page)


def test_nothing_is_refused_as_empty() -> None:
    assert _refusal(b"") == "empty_file"


def test_more_than_the_limit_is_refused_before_it_is_opened() -> None:
    assert _refusal(b"\xff\xd8" + bytes(MAX_BYTES)) == "file_too_large"


@pytest.mark.parametrize("data", [b"hello", b"GIF89a" + bytes(100), b"<svg/>", b"PK\x03\x04" + bytes(200), bytes(1000)])
def test_other_types_are_refused_whatever_they_are_called(data: bytes) -> None:
    assert _refusal(data) == "unsupported_type"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_file_cut_short_is_refused_as_damaged(kind: str) -> None:
    whole = _saved(Image.fromarray(np.random.default_rng(1).integers(0, 256, (300, 400, 3), np.uint8)), kind)
    assert _refusal(whole[: len(whole) // 2]) == "damaged_file"


def test_a_broken_pdf_is_refused_as_damaged() -> None:
    assert _refusal(b"%PDF-1.7\nnothing of the kind") == "damaged_file"


def test_a_decompression_bomb_is_refused_by_its_header_alone() -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    assert _refusal(bomb) == "too_many_pixels"


def test_a_thumbnail_is_refused_as_too_small() -> None:
    assert _refusal(_saved(_picture((120, 90)), "PNG")) == "too_small"

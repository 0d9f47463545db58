"""A JPEG without its metadata is the same picture, whatever the file was full of."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from ml.decode import decode, encode_page
from ml.jpeg import without_metadata
from ml.render import render_page
from ml.synthetic import synthetic_signals

SECRET = b"Jane Doe, born 1950"


@pytest.fixture(scope="module")
def picture() -> Image.Image:
    page = render_page(synthetic_signals(1), size=(800, 568))
    return Image.fromarray(page.image)


def jpeg(picture: Image.Image, *, orientation: int = 1, **options: object) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010E] = SECRET.decode()
    file = io.BytesIO()
    picture.save(file, "JPEG", exif=exif, comment=SECRET, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    "options",
    [{}, {"progressive": True}, {"subsampling": 0}, {"quality": 30}, {"restart_marker_rows": 1}],
    ids=["baseline", "progressive", "4:4:4", "coarse", "restarts"],
)
def test_pixels_stay_and_metadata_goes(picture: Image.Image, options: dict[str, object]) -> None:
    file = jpeg(picture, icc_profile=SECRET, **options)
    bare = without_metadata(file)

    assert SECRET in file
    assert bare is not None
    assert SECRET not in bare
    assert not Image.open(io.BytesIO(bare)).getexif()
    np.testing.assert_array_equal(
        cv2.imdecode(np.frombuffer(bare, np.uint8), cv2.IMREAD_COLOR_RGB), decode(file).pages[0]
    )


def test_what_hides_behind_the_picture_is_dropped(picture: Image.Image) -> None:
    bare = without_metadata(jpeg(picture) + SECRET)

    assert bare is not None
    assert SECRET not in bare
    assert bare.endswith(b"\xff\xd9")


@pytest.mark.parametrize("damage", ["cut short", "no JPEG", "length beyond the end"])
def test_a_file_that_is_not_built_to_the_standard_is_left_alone(picture: Image.Image, damage: str) -> None:
    file = jpeg(picture)
    damaged = {
        "cut short": file[: len(file) // 2],
        "no JPEG": b"\x89PNG" + file,
        "length beyond the end": file[:4] + b"\xff\xff" + file[6:40],
    }[damage]

    assert without_metadata(damaged) is None


def test_an_upright_jpeg_is_stored_as_it_is(picture: Image.Image) -> None:
    file = jpeg(picture)
    stored = encode_page(decode(file).pages[0], file, "image/jpeg")

    assert stored.suffix == ".jpg"
    assert len(stored.data) < len(file)


@pytest.mark.parametrize("kind", ["turned by EXIF", "CMYK", "PNG"])
def test_every_other_page_is_stored_as_png_with_the_very_pixels_that_were_decoded(
    picture: Image.Image, kind: str
) -> None:
    if kind == "PNG":
        buffer = io.BytesIO()
        picture.save(buffer, "PNG")
        file = buffer.getvalue()
    else:
        file = jpeg(picture, orientation=6) if kind == "turned by EXIF" else jpeg(picture.convert("CMYK"))
    decoded = decode(file)
    stored = encode_page(decoded.pages[0], file, decoded.media_type)

    assert stored.suffix == ".png"
    np.testing.assert_array_equal(
        cv2.imdecode(np.frombuffer(stored.data, np.uint8), cv2.IMREAD_COLOR_RGB), decoded.pages[0]
    )

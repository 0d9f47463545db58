"""A page in the sizes a screen needs: the whole of it on a screen's worth of pixels, and its parts as they are.

They are made from the stored page when somebody first looks, kept in the storage, and go with the page when it is
erased. Everything that is made of a page lies in one folder of its own.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from numpy.typing import NDArray

from diagnosis.models import Upload
from diagnosis.stored_files import discard

if TYPE_CHECKING:
    from ml.decode import Page

logger = logging.getLogger(__name__)

SCREEN_SIDE: Final = 1600
TILE_SIDE: Final = 1024
# Pages up to this size go to the browser whole when somebody looks closely; of larger ones only the tiles in view.
WHOLE_UP_TO_PIXELS: Final = 8_000_000
_WEBP_QUALITY: Final = 75
# A page that is hardly larger than the screen's, or already small in bytes, gains nothing.
_WORTH_A_SCREEN_COPY: Final = 1.25
_SMALL_BYTES: Final = 300_000
# Full colour resolution: traces are a pixel or two wide and stand on a coloured grid.
_TILE_OPTIONS: Final = (
    cv2.IMWRITE_JPEG_QUALITY,
    92,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
)

# A decoded page may take 150 MB. One at a time is enough: what is made here is made once.
_one_at_a_time = threading.Lock()


class NoSuchTile(Exception):
    """The page does not reach that far."""


def folder(upload: Upload) -> str:
    """Where everything that is made of a page for screens lies in the storage; nothing else does."""
    return f"renditions/{upload.site_id}/{upload.pk}"


def has_screen_copy(upload: Upload) -> bool:
    """Whether a screen is better served with a smaller copy than with the page itself."""
    if upload.media_type != "application/pdf" and upload.byte_size <= _SMALL_BYTES:
        return False
    return max(upload.width, upload.height) > SCREEN_SIDE * _WORTH_A_SCREEN_COPY


def screen_size(upload: Upload) -> tuple[int, int]:
    """Width and height of the screen copy in pixels."""
    scale = min(SCREEN_SIDE / max(upload.width, upload.height), 1.0)
    return max(1, round(upload.width * scale)), max(1, round(upload.height * scale))


def is_tiled(upload: Upload) -> bool:
    """Whether the page is too large to be sent whole for a close look."""
    return upload.width * upload.height > WHOLE_UP_TO_PIXELS


def screen_name(upload: Upload) -> str:
    """The stored name of the screen copy, whether it is there yet or not."""
    return f"{folder(upload)}/screen-{SCREEN_SIDE}.webp"


def tile_name(upload: Upload, column: int, row: int) -> str:
    """The stored name of a part of the page, whether it is there yet or not.

    Raises:
        NoSuchTile: the page does not reach that far.
    """
    if column * TILE_SIDE >= upload.width or row * TILE_SIDE >= upload.height:
        raise NoSuchTile
    return f"{folder(upload)}/tile-{TILE_SIDE}-{column}-{row}.jpg"


def make_screen_copy(upload: Upload) -> None:
    """Make and keep the screen copy, unless it is there.

    Raises:
        FileNotFoundError: the storage has lost the page.
    """
    _once(upload, screen_name(upload), _screen_copy)


def make_tiles(upload: Upload) -> None:
    """Make and keep every tile of a page, unless they are there: decoding it is what takes the time.

    Raises:
        FileNotFoundError: the storage has lost the page.
    """
    columns, rows = -(-upload.width // TILE_SIDE), -(-upload.height // TILE_SIDE)
    # The last one is written last: where it lies, the others do.
    _once(upload, tile_name(upload, columns - 1, rows - 1), _tiles)


def _once(upload: Upload, last: str, make: Callable[[Upload], list[str]]) -> None:
    with _one_at_a_time:
        if default_storage.exists(last):
            return
        made = make(upload)
    # Erased while we were at it: nobody would ever take these away.
    if not Upload.objects.filter(pk=upload.pk).exists():
        discard(made)


def _screen_copy(upload: Upload) -> list[str]:
    width, height = screen_size(upload)
    page = _decoded(upload, reduce_to=max(width, height))
    # Averaging over areas keeps the thin traces visible where plain sampling would drop them.
    small = np.asarray(cv2.resize(page, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    return [_keep(screen_name(upload), _encoded(small, ".webp", (cv2.IMWRITE_WEBP_QUALITY, _WEBP_QUALITY)))]


def _tiles(upload: Upload) -> list[str]:
    page = _decoded(upload)
    made = []
    for top in range(0, upload.height, TILE_SIDE):
        for left in range(0, upload.width, TILE_SIDE):
            part = np.ascontiguousarray(page[top : top + TILE_SIDE, left : left + TILE_SIDE])
            name = tile_name(upload, left // TILE_SIDE, top // TILE_SIDE)
            made.append(_keep(name, _encoded(part, ".jpg", _TILE_OPTIONS)))
    return made


def _decoded(upload: Upload, *, reduce_to: int = 0) -> NDArray[np.uint8]:
    """The stored page, BGR; where ``reduce_to`` is given, a half, quarter or eighth of its size at that least.

    A JPEG decoded smaller never takes the memory of the whole.
    """
    with upload.page.open("rb") as file:
        data = np.frombuffer(file.read(), np.uint8)
    side = max(upload.width, upload.height)
    fold = next((fold for fold in (8, 4, 2) if reduce_to and side // fold >= reduce_to), 1)
    flags = {
        8: cv2.IMREAD_REDUCED_COLOR_8,
        4: cv2.IMREAD_REDUCED_COLOR_4,
        2: cv2.IMREAD_REDUCED_COLOR_2,
        1: cv2.IMREAD_COLOR,
    }
    page = cv2.imdecode(data, flags[fold])
    if page is None:
        raise ValueError("the stored page image cannot be decoded")
    return np.asarray(page, dtype=np.uint8)


def _encoded(page: Page, extension: str, options: tuple[int, ...]) -> bytes:
    done, buffer = cv2.imencode(extension, page, options)
    if not done:
        raise ValueError(f"a part of the page could not be encoded as {extension}")
    return buffer.tobytes()


def _keep(name: str, content: bytes) -> str:
    """Store under this very name; where another process was first, its file stays and ours goes."""
    if default_storage.exists(name):
        return name
    stored = default_storage.save(name, ContentFile(content))
    if stored != name:
        discard([stored])
    return name

"""A JPEG file without its metadata: the picture's own bytes, not one pixel changed.

Decoding and encoding anew would either lose quality or, as PNG, take four times the space and twice the time to read.
The markers are those of ITU-T T.81, Annex B.
"""

from __future__ import annotations

from typing import Final

_START: Final = b"\xff\xd8"
_END: Final = 0xD9
_SCAN: Final = 0xDA
_ADOBE: Final = 0xEE
_COMMENT: Final = 0xFE
_APPLICATION: Final = range(0xE0, 0xF0)
_STANDALONE: Final = (0x01, *range(0xD0, 0xD8))
# A bare JFIF header: version 1.1, no unit, square pixels, no thumbnail.
_JFIF: Final = b"\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
# Identifier, version, flags and the colour transform, which a decoder has to know.
_ADOBE_LENGTH: Final = 14


def without_metadata(data: bytes) -> bytes | None:
    """Keep what draws the picture; drop EXIF, XMP, ICC, comments, thumbnails and whatever follows the picture's end.

    Args:
        data: a JPEG file.

    Returns:
        The same picture, or None where the file is not built as the standard says.
    """
    if not data.startswith(_START):
        return None
    kept: list[bytes] = []
    adobe = b""
    at = 2
    while (marker := _marker_at(data, at)) is not None:
        if marker == _END:
            return b"".join([_START, adobe or _JFIF, *kept, data[at : at + 2]])
        if marker in _STANDALONE:
            at += 2
            continue
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        end = at + 2 + length
        if length < 2 or end > len(data):
            return None
        if marker == _SCAN:
            end = _end_of_scan(data, end)
        if marker == _ADOBE and data[at + 4 : at + 9] == b"Adobe" and length >= _ADOBE_LENGTH:
            adobe = b"\xff\xee" + _ADOBE_LENGTH.to_bytes(2, "big") + data[at + 4 : at + 2 + _ADOBE_LENGTH]
        elif marker not in _APPLICATION and marker != _COMMENT:
            kept.append(data[at:end])
        at = end
    return None


def _marker_at(data: bytes, at: int) -> int | None:
    """The marker's code, or None where there is none."""
    return data[at + 1] if data[at : at + 1] == b"\xff" and at + 1 < len(data) else None


def _end_of_scan(data: bytes, at: int) -> int:
    """Where the entropy-coded bytes end: at the next marker that is neither a stuffed byte nor a restart."""
    while (at := data.find(b"\xff", at)) >= 0:
        following = data[at + 1 : at + 2]
        if following == b"\xff":
            at += 1  # fill bytes before a marker
        elif following == b"\x00" or (following and 0xD0 <= following[0] <= 0xD7):
            at += 2
        else:
            return at
    return len(data)

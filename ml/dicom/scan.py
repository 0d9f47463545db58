"""A look over a DICOM file's structure before anything is built of it.

A file of 25 MB can hold millions of elements, sequences nested without end, or a compressed data set that swells to
gigabytes; each would cost memory out of proportion. PS3.5, section 7, and PS3.10, section 7.1.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import Final

from pydicom.datadict import dictionary_VR

from ml.errors import PageRejected

MAX_ELEMENTS: Final = 100_000
MAX_DEPTH: Final = 16
MAX_INFLATED: Final = 160 * 1024 * 1024

_UNDEFINED: Final = 0xFFFFFFFF
_PIXEL_DATA: Final = 0x7FE00010
_DELIMITING: Final = 0xFFFE
_ITEM: Final = 0xE000
# Value representations with a length of four bytes.
_LONG: Final = frozenset(b"OB OW OF OD OL OV SQ SV UC UN UR UT UV".split())
_TRANSFER_SYNTAX: Final = 0x00020010
_META_START: Final = 132
_GROUP_LENGTH_ELEMENT: Final = 12

_IMPLICIT: Final = "1.2.840.10008.1.2"
_DEFLATED: Final = "1.2.840.10008.1.2.1.99"
_EXPLICIT: Final = "1.2.840.10008.1.2.1"
_BIG_ENDIAN: Final = "1.2.840.10008.1.2.2"


class _Malformed(Exception):
    pass


def checked(data: bytes) -> bytes:
    """The file as it may be parsed: within the limits, inflated, without padding behind the last element.

    Raises:
        PageRejected: ``damaged_file``.
    """
    try:
        syntax, start = _meta(data)
        if syntax == _DEFLATED:
            inflater = zlib.decompressobj(-zlib.MAX_WBITS)
            body = inflater.decompress(data[start:], MAX_INFLATED)
            if inflater.unconsumed_tail:
                raise _Malformed("inflates beyond all measure")
            # UIDs are padded with zero bytes, so the lengths before it stay right.
            head = data[:start].replace(_DEFLATED.encode(), _EXPLICIT.encode() + b"\0\0\0")
            data = head + body
        walk = _Walk(data, start, explicit=syntax != _IMPLICIT, order=">" if syntax == _BIG_ENDIAN else "<")
        return data[: walk.run()]
    except (_Malformed, struct.error, zlib.error, UnicodeDecodeError) as error:
        raise PageRejected(
            "damaged_file",
            "The DICOM file is damaged, cut short or built unreasonably, and cannot be opened. Please export it again.",
        ) from error


def _meta(data: bytes) -> tuple[str, int]:
    """The transfer syntax and where the data set begins."""
    tag, representation, length = struct.unpack_from("<I2sH", data, _META_START)
    if tag != 0x00000002 or representation != b"UL" or length != 4:
        raise _Malformed("no group length")
    at = _META_START + _GROUP_LENGTH_ELEMENT
    end = at + int(struct.unpack_from("<I", data, at - 4)[0])
    if end > len(data):
        raise _Malformed("cut short")
    syntax = ""
    while at < end:
        group, element, representation = struct.unpack_from("<HH2s", data, at)
        if group != 2:
            raise _Malformed("wrong group length")
        header, form = (12, "<8xI") if representation in _LONG else (8, "<6xH")
        (length,) = struct.unpack_from(form, data, at)
        if group << 16 | element == _TRANSFER_SYNTAX:
            syntax = data[at + header : at + header + length].decode("ascii").strip("\0 ")
        at += header + length
    if at != end or not syntax:
        raise _Malformed("no transfer syntax")
    return syntax, end


@dataclass(frozen=True)
class _Level:
    """A sequence or item: where it ends, if that was said, and how the elements in it are written."""

    end: int | None
    explicit: bool


class _Walk:
    """Steps from element to element, into every sequence, and counts."""

    def __init__(self, data: bytes, start: int, *, explicit: bool, order: str) -> None:
        self._data, self._at, self._order, self._explicit = data, start, order, explicit
        self._levels: list[_Level] = []

    def run(self) -> int:
        """Walk to the end; returns where that is."""
        for _ in range(MAX_ELEMENTS):
            while self._levels and (end := self._levels[-1].end) is not None and self._at >= end:
                self._levels.pop()
            if len(self._data) - self._at < 8:
                break
            group, element = struct.unpack_from(f"{self._order}HH", self._data, self._at)
            if group == 0:
                break  # padding
            if group == _DELIMITING:
                self._delimiter(element)
            else:
                self._element(group << 16 | element)
            if len(self._levels) > 2 * MAX_DEPTH:
                raise _Malformed("nested too deeply")
        else:
            raise _Malformed("too many elements")
        if any(level.end is None or level.end > len(self._data) for level in self._levels):
            raise _Malformed("cut short")
        return self._at

    @property
    def _is_explicit(self) -> bool:
        return self._levels[-1].explicit if self._levels else self._explicit

    def _length(self, form: str, offset: int) -> int:
        return int(struct.unpack_from(f"{self._order}{form}", self._data, self._at + offset)[0])

    def _delimiter(self, element: int) -> None:
        length, explicit = self._length("I", 4), self._is_explicit
        self._at += 8
        if element == _ITEM:
            self._levels.append(_Level(None if length == _UNDEFINED else self._at + length, explicit))
        elif self._levels:
            self._levels.pop()

    def _element(self, tag: int) -> None:
        explicit = self._is_explicit
        if explicit:
            representation = self._data[self._at + 4 : self._at + 6]
            if not (representation.isalpha() and representation.isupper()):
                raise _Malformed("no value representation")
            is_long = representation in _LONG
            length, header = (self._length("I", 8), 12) if is_long else (self._length("H", 6), 8)
        else:
            length, header = self._length("I", 4), 8
            representation = _implicit_representation(tag)
        self._at += header
        if length == _UNDEFINED and tag == _PIXEL_DATA:
            self._fragments()
        elif length == _UNDEFINED or representation == b"SQ":
            # What is unknown and of undefined length is a sequence with implicit value representations (PS3.5, 6.2.2).
            end = None if length == _UNDEFINED else self._at + length
            self._levels.append(_Level(end, explicit and representation != b"UN"))
        else:
            self._at += length
            if self._at > len(self._data):
                raise _Malformed("cut short")

    def _fragments(self) -> None:
        for _ in range(MAX_ELEMENTS):
            group, element = struct.unpack_from(f"{self._order}HH", self._data, self._at)
            length = self._length("I", 4)
            self._at += 8
            if group != _DELIMITING or length == _UNDEFINED:
                raise _Malformed("no fragment")
            if element != _ITEM:
                return
            self._at += length
            if self._at > len(self._data):
                raise _Malformed("cut short")
        raise _Malformed("too many fragments")


def _implicit_representation(tag: int) -> bytes:
    try:
        return dictionary_VR(tag).encode()
    except KeyError:
        return b"UN"

"""A ZIP archive from anywhere, read without trusting it: what is in it, and the bytes of one member at a time.

Nothing is ever written to disk under a name from the archive, nothing is read beyond its limits, and no member is
larger in memory than one file may be. What is wrong with the whole archive raises ``ArchiveRefused``; what is wrong
with one member raises ``MemberRefused`` when that one is read, so that the others still come in.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any, Final, cast

from django.conf import settings

from diagnosis.intake import MAX_NAME_LENGTH, clean_name
from ml.decode import MAX_BYTES

# All members together, unpacked. Scans hardly shrink, so an honest archive is far below.
MAX_UNPACKED_BYTES: Final = 4 * 2**30
# Deflate reaches 1032; a scan saved without any compression, mostly white paper, may come near 200.
MAX_RATIO: Final = 250
RATIO_COUNTS_FROM_BYTES: Final = 2**20
# The directory of a few thousand files takes some hundred kilobytes; zipfile reads it in one piece.
MAX_READ_BYTES: Final = 4 * 2**20

_ENCRYPTED: Final = 0x1
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ARCHIVE_ENDINGS: Final = (".zip", ".rar", ".7z", ".tar", ".gz", ".tgz", ".bz2", ".xz")
_JUNK_FOLDERS: Final = ("__macosx",)
_JUNK_NAMES: Final = ("thumbs.db", "desktop.ini")
# Whatever zipfile and zlib raise on bytes that are no archive.
_BROKEN: Final = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    OverflowError,
    UnicodeError,
    ValueError,
)


class ArchiveRefused(Exception):
    """The archive as a whole is not taken; ``code`` has its sentence in ``messages``."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class MemberRefused(Exception):
    """One member is not taken; ``code`` has its sentence in ``messages``."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Member:
    """A file in an archive.

    Attributes:
        position: in the archive's directory; names may repeat.
        name: path inside the archive, safe to show.
        byte_size: unpacked, as the archive says.
    """

    position: int
    name: str
    byte_size: int


class Archive:
    """An open archive. Made by ``opened``."""

    def __init__(self, zipped: zipfile.ZipFile) -> None:
        self._zipped = zipped
        self._infos = zipped.infolist()

    def members(self) -> list[Member]:
        """Its files, without folders and what operating systems leave in archives.

        Raises:
            ArchiveRefused: ``empty_archive``, ``too_many_files``, ``archive_unpacks_too_large``.
        """
        found = [
            Member(position, shown_name(info.filename), info.file_size)
            for position, info in enumerate(self._infos)
            if not _is_junk(info)
        ]
        if not found:
            raise ArchiveRefused("empty_archive")
        if len(found) > settings.ISOLINE_BATCH_MAX_FILES:
            raise ArchiveRefused("too_many_files")
        # What a member says it unpacks to is also where reading it ends, so the sum holds.
        if sum(member.byte_size for member in found) > MAX_UNPACKED_BYTES:
            raise ArchiveRefused("archive_unpacks_too_large")
        return found

    def read(self, position: int) -> bytes:
        """The bytes of one member, checked against its checksum.

        Raises:
            MemberRefused: ``encrypted_member``, ``nested_archive``, ``file_too_large``, ``suspicious_compression``,
                ``unknown_compression``, ``damaged_member``.
        """
        try:
            info = self._infos[position]
        except IndexError:
            raise MemberRefused("damaged_member") from None
        _check(info)
        try:
            with self._zipped.open(info) as file:
                data = file.read(MAX_BYTES + 1)
        except RuntimeError as error:
            # zipfile's word for a member that asks for a password after all.
            raise MemberRefused("encrypted_member") from error
        except _BROKEN as error:
            raise MemberRefused("damaged_member") from error
        if len(data) > MAX_BYTES:
            raise MemberRefused("file_too_large")
        return data


class _Measured:
    """A file of which nobody reads more than a few megabytes in one piece while its directory is taken in: one that
    claims to be huge would otherwise be in memory before it can be judged."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.holds_back = True

    def read(self, size: int = -1) -> bytes:
        if not self.holds_back:
            return self._file.read(size)
        if size > MAX_READ_BYTES:
            raise ArchiveRefused("too_many_files")
        data = self._file.read(MAX_READ_BYTES + 1 if size < 0 else size)
        if len(data) > MAX_READ_BYTES:
            raise ArchiveRefused("damaged_archive")
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def seekable(self) -> bool:
        return True


@contextmanager
def opened(file: IO[bytes]) -> Iterator[Archive]:
    """Open an archive for reading.

    Raises:
        ArchiveRefused: ``damaged_archive``, ``too_many_files``.
    """
    measured = _Measured(file)
    try:
        zipped = zipfile.ZipFile(cast("Any", measured))
    except _BROKEN as error:
        raise ArchiveRefused("damaged_archive") from error
    # The members have limits of their own.
    measured.holds_back = False
    with zipped:
        yield Archive(zipped)


def shown_name(path: str) -> str:
    """A member's path made safe to show: no way out of anything, no hidden characters, the file's own name whole."""
    parts = [part for part in path.replace("\\", "/").split("/") if part.strip(". ")]
    *folders, name = [clean_name(part) for part in parts] or [clean_name(path)]
    while folders and len("/".join([*folders, name])) > MAX_NAME_LENGTH:
        folders.pop(0)
    return "/".join([*folders, name])


def _is_junk(info: zipfile.ZipInfo) -> bool:
    parts = info.filename.replace("\\", "/").lower().split("/")
    name = parts[-1]
    return not name or name.startswith(".") or name in _JUNK_NAMES or any(part in _JUNK_FOLDERS for part in parts[:-1])


def _check(info: zipfile.ZipInfo) -> None:
    if info.flag_bits & _ENCRYPTED:
        raise MemberRefused("encrypted_member")
    if info.filename.lower().endswith(_ARCHIVE_ENDINGS):
        raise MemberRefused("nested_archive")
    if info.compress_type not in _METHODS:
        raise MemberRefused("unknown_compression")
    if info.file_size > MAX_BYTES:
        raise MemberRefused("file_too_large")
    if info.file_size > RATIO_COUNTS_FROM_BYTES and info.file_size > MAX_RATIO * info.compress_size:
        raise MemberRefused("suspicious_compression")

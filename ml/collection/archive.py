"""The pictures of a published collection, out of a folder or a ZIP file, without trusting either.

Nothing is ever unpacked to the names that an archive brings. They are still checked, because an archive with such names
was made to harm, and none of it is worth reading.
"""

from __future__ import annotations

import re
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Final

from ml.collection.reading import PICTURES, CollectionUnusable, list_folder, read_file
from ml.decode import MAX_BYTES

# The published archive has about 930 files of 3 MB at most.
MAX_MEMBERS: Final = 100_000
MAX_UNPACKED: Final = 32 * 1024**3
# Pictures are compressed already. What shrinks more than this is not a picture.
MAX_RATIO: Final = 200


@dataclass(frozen=True)
class Member:
    """One picture of a source.

    Attributes:
        name: its path in the source, with forward slashes.
        path: where it lies as a file of its own; None inside an archive.
        read: gives its bytes, at most one more than `ml.decode.decode` accepts.

    ``read`` raises ``OSError`` where the bytes cannot be had.
    """

    name: str
    path: Path | None
    read: Callable[[], bytes]


@contextmanager
def open_source(source: Path) -> Iterator[list[Member]]:
    """All pictures of a folder or ZIP file, ZIP files within it included, one level deep.

    Raises:
        CollectionUnusable: it is neither, damaged, hostile, or has no pictures.
    """
    with ExitStack() as stack:
        if source.is_dir():
            archives = sorted(source.rglob("*.zip"))
            members = [
                member
                for archive in archives
                for member in _members(_open(archive, archive.name, stack), archive.stem, stack, nested=True)
            ]
            if not archives or any(path.suffix.lower() in PICTURES for path in source.rglob("*")):
                members += [_file(source, one.file) for one in list_folder(source)]
        elif source.is_file():
            members = _members(_open(source, source.name, stack), "", stack)
        else:
            raise CollectionUnusable(f"There is no {source}.")
        if not members:
            raise CollectionUnusable(f"There are no pictures in {source} ({', '.join(PICTURES)}).")
        yield sorted(members, key=lambda member: _natural(member.name))


def _file(folder: Path, name: str) -> Member:
    return Member(name, folder / name, lambda: read_file(folder / name))


def _open(file: Path | IO[bytes], name: str, stack: ExitStack) -> zipfile.ZipFile:
    try:
        return stack.enter_context(zipfile.ZipFile(file))
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise CollectionUnusable(f"{name} is neither a folder nor a readable ZIP file: {error}.") from error


def _members(archive: zipfile.ZipFile, below: str, stack: ExitStack, *, nested: bool = False) -> list[Member]:
    infos = [info for info in archive.infolist() if not info.is_dir()]
    _refuse_hostile(infos)
    members = []
    for info in infos:
        name = PurePosixPath(below, info.filename)
        if any(part.startswith((".", "__MACOSX")) for part in name.parts):
            continue
        if name.suffix.lower() in PICTURES:
            members.append(Member(str(name), None, _reader(archive, info)))
        elif name.suffix.lower() == ".zip" and not nested:
            inner = _open(_spooled(archive, info, stack), info.filename, stack)
            members += _members(inner, str(name.with_suffix("")), stack, nested=True)
    return members


def _refuse_hostile(infos: list[zipfile.ZipInfo]) -> None:
    if len(infos) > MAX_MEMBERS or sum(info.file_size for info in infos) > MAX_UNPACKED:
        raise CollectionUnusable(
            f"The archive holds more than {MAX_MEMBERS:,} files or {MAX_UNPACKED // 1024**3} GB; it is not read."
        )
    for info in infos:
        # zipfile has cut the name at a zero byte and turned backslashes on Windows; the original name tells.
        name = info.orig_filename
        parts = PurePosixPath(name.replace("\\", "/")).parts
        if ".." in parts or name.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", name) or "\0" in name:
            raise CollectionUnusable(f"The archive wants to write outside its folder ({name!r}); it is not read.")
        if stat.S_ISLNK(info.external_attr >> 16):
            raise CollectionUnusable(f"The archive holds a link ({name!r}); it is not read.")
        if info.flag_bits & 0x1:
            raise CollectionUnusable(f"The archive is protected by a password ({name!r}).")
        if info.file_size > 1024**2 and info.file_size > MAX_RATIO * max(info.compress_size, 1):
            raise CollectionUnusable(f"{name!r} in the archive would grow {MAX_RATIO}-fold and more; it is not read.")


def _reader(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Callable[[], bytes]:
    def read() -> bytes:
        try:
            with archive.open(info) as member:
                # What the directory says of sizes may be a lie; what is read is not.
                return member.read(MAX_BYTES + 1)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
            raise OSError(f"damaged in the archive: {error}") from error

    return read


def _spooled(archive: zipfile.ZipFile, info: zipfile.ZipInfo, stack: ExitStack) -> IO[bytes]:
    """An inner archive as a temporary file: compressed streams cannot be read back and forth."""
    file = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115  # the stack closes it
    left = info.file_size
    with archive.open(info) as member:
        while left > 0 and (block := member.read(min(left, 1 << 20))):
            file.write(block)
            left -= len(block)
    file.seek(0)
    return file


def _natural(name: str) -> tuple[tuple[int, str], ...]:
    """Sorts HB(2) before HB(10), so that numbering does not depend on the order of a directory."""
    return tuple((int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name))

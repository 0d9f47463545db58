"""Archives that mean harm, that are broken, and that operating systems have put their litter into."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
from collections.abc import Callable
from typing import Any

import pytest

from diagnosis.worklist import unpacking
from diagnosis.worklist.unpacking import ArchiveRefused, MemberRefused
from ml.decode import MAX_BYTES
from tests.views.pictures import picture
from tests.worklist.conftest import zipped

PAGE = picture(1)


def raw(members: Any, *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for path, data in members:
            archive.writestr(path, data)
    return buffer.getvalue()


def patched(data: bytes, offset: int, field: bytes) -> bytes:
    """An archive of one member with bytes changed in its entry of the directory."""
    start = data.index(b"PK\x01\x02") + offset
    return data[:start] + field + data[start + len(field) :]


ONE = raw([("page.png", PAGE)])


def encrypted() -> bytes:
    return patched(patched(ONE, 8, b"\x01\x00"), 8, b"\x01\x00")


def says_smaller() -> bytes:
    """Unpacks to more than it says."""
    return patched(ONE, 24, struct.pack("<I", 100))


def says_larger_than_allowed() -> bytes:
    return patched(ONE, 24, struct.pack("<I", MAX_BYTES + 1))


def wrong_checksum() -> bytes:
    return patched(ONE, 16, b"\0\0\0\0")


def link() -> bytes:
    info = zipfile.ZipInfo("link.png")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return raw([(info, b"/etc/passwd")])


MEMBERS: dict[str, tuple[Callable[[], bytes], str]] = {
    "protected by a password": (encrypted, "encrypted_member"),
    "an archive in the archive": (lambda: raw([("more.ZIP", ONE)]), "nested_archive"),
    "a compressed tar": (lambda: raw([("more.tgz", b"\x1f\x8b")]), "nested_archive"),
    "zeros without end": (lambda: raw([("page.png", b"\0" * 20 * 2**20)]), "suspicious_compression"),
    "more than a file may have": (
        lambda: raw([("page.png", b"\0" * (MAX_BYTES + 1))], method=zipfile.ZIP_STORED),
        "file_too_large",
    ),
    "says it has more than a file may": (says_larger_than_allowed, "file_too_large"),
    "unpacks to more than it says": (says_smaller, "damaged_member"),
    "a wrong checksum": (wrong_checksum, "damaged_member"),
    "packed with LZMA": (lambda: raw([("page.png", PAGE)], method=zipfile.ZIP_LZMA), "unknown_compression"),
    "a name that differs from its directory's": (lambda: patched(ONE, 46, b"q"), "damaged_member"),
}


@pytest.mark.parametrize("what", MEMBERS)
def test_a_member_that_cannot_be_taken_is_refused_with_its_reason(what: str) -> None:
    make, code = MEMBERS[what]
    with unpacking.opened(io.BytesIO(make())) as archive:
        (member,) = archive.members()
        with pytest.raises(MemberRefused) as refused:
            archive.read(member.position)
    assert refused.value.code == code


ARCHIVES: dict[str, tuple[Callable[[], bytes], str]] = {
    "no archive": (lambda: b"plain words", "damaged_archive"),
    "nothing": (lambda: b"", "damaged_archive"),
    "cut short": (lambda: ONE[: len(ONE) // 2], "damaged_archive"),
    "an empty one": (lambda: raw([]), "empty_archive"),
    "folders only": (lambda: raw([("a/", b""), ("a/b/", b"")]), "empty_archive"),
    "litter only": (lambda: raw([("__MACOSX/._page.png", b"x"), ("a/.DS_Store", b"x")]), "empty_archive"),
    "too many files": (lambda: raw((f"{n}.png", b"x") for n in range(6)), "too_many_files"),
    "a directory of many megabytes": (
        lambda: raw(((f"{n}{'x' * 60000}", b"") for n in range(80)), method=zipfile.ZIP_STORED),
        "too_many_files",
    ),
}


@pytest.mark.parametrize("what", ARCHIVES)
def test_an_archive_that_cannot_be_taken_is_refused_with_its_reason(what: str, settings: Any) -> None:
    settings.ISOLINE_BATCH_MAX_FILES = 5
    make, code = ARCHIVES[what]
    with pytest.raises(ArchiveRefused) as refused, unpacking.opened(io.BytesIO(make())) as archive:
        archive.members()
    assert refused.value.code == code


def test_what_all_members_say_they_unpack_to_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "MAX_UNPACKED_BYTES", 2 * len(PAGE) - 1)
    data = raw([("a.png", PAGE), ("b.png", PAGE)])
    with unpacking.opened(io.BytesIO(data)) as archive, pytest.raises(ArchiveRefused) as refused:
        archive.members()
    assert refused.value.code == "archive_unpacks_too_large"


NAMES = {
    "../../etc/passwd": "etc/passwd",
    "/etc/passwd": "etc/passwd",
    "..\\..\\windows\\page.png": "windows/page.png",
    "C:\\scans\\page.png": "C:/scans/page.png",
    "ward\u202egnp.exe": "wardgnp.exe",
    "a\x1b[31m/page\n.png": "a[31m/page.png",
    "...": "unnamed",
    "ward 3/Müller.png": "ward 3/Müller.png",
    "x" * 300 + "/page.png": "x" * 190 + "/page.png",
}


@pytest.mark.parametrize("path", NAMES)
def test_names_lead_nowhere_and_hide_nothing(path: str) -> None:
    shown = unpacking.shown_name(path)
    assert len(shown) <= 200
    if path.startswith("xxx"):
        assert shown.endswith("page.png")
    else:
        assert shown == NAMES[path]


def test_folders_and_litter_are_passed_over_and_the_same_name_may_come_twice() -> None:
    members = [
        ("ward/", b""),
        ("__MACOSX/ward/._a.png", b"x"),
        ("ward/.DS_Store", b"x"),
        ("ward/Thumbs.db", b"x"),
        ("ward/a.png", picture(1)),
        ("other/a.png", picture(2)),
    ]
    with unpacking.opened(zipped(members)) as archive:
        found = archive.members()
        assert [member.name for member in found] == ["ward/a.png", "other/a.png"]
        assert [archive.read(member.position) for member in found] == [picture(1), picture(2)]


def test_a_link_is_no_way_to_a_file_of_ours() -> None:
    with unpacking.opened(io.BytesIO(link())) as archive:
        (member,) = archive.members()
        assert archive.read(member.position) == b"/etc/passwd"

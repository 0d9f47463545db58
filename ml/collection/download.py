"""Fetch a published archive: resumed where it broke off, and kept only if its checksum is right."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import http.client
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from tqdm import tqdm

LANDING_PAGE: Final = "https://doi.org/10.17632/gwbz3fsgp8"
ATTEMPTS: Final = 6
_BLOCK: Final = 1 << 18
_TIMEOUT_S: Final = 60
# Answers after which asking again may help (RFC 9110); all other refusals are final.
_PASSING: Final = (408, 425, 429, 500, 502, 503, 504)
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


class DownloadFailed(Exception):
    """The file could not be had, or is not the right one; the message says what to do in a sentence."""


class _Interrupted(Exception):
    """The connection broke; what has arrived is kept, and asking again may help."""


def download(
    url: str,
    sha256: str,
    file: Path,
    *,
    attempts: int = ATTEMPTS,
    wait: Callable[[float], None] = time.sleep,
) -> bool:
    """Fetch ``url`` into ``file`` by way of ``file.part``, which a later call goes on with.

    Args:
        url: http or https.
        sha256: of the whole file, 64 hexadecimal digits.
        file: where to put it.
        attempts: how often to try without any byte arriving.
        wait: called with the seconds to wait between attempts; they double from one second to a minute.

    Returns:
        False where the right file was there already.

    Raises:
        DownloadFailed: refused, unreachable, no room, or another file than expected, which is set aside.
    """
    wanted = sha256.strip().lower()
    if not _SHA256.fullmatch(wanted):
        raise DownloadFailed("A SHA-256 has 64 hexadecimal digits; this one has not.")
    if urlsplit(url).scheme not in ("http", "https"):
        raise DownloadFailed(f"{url!r} is no http or https address.")
    if file.exists():
        if _sha256(file) == wanted:
            return False
        raise DownloadFailed(f"{file} exists with another checksum. Move it away first; it is not overwritten.")
    part = file.with_name(file.name + ".part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        _fetch_with_patience(url, part, attempts, wait)
        _accept(part, file, wanted)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DownloadFailed(
                f"The disk is full. What has arrived is kept in {part}; make room and start again to go on."
            ) from error
        raise DownloadFailed(f"{error.filename or part} cannot be written: {error.strerror or error}.") from error
    return True


def read_checksums(file: Path) -> dict[str, str]:
    """Names and their SHA-256, from lines as ``sha256sum`` writes them.

    Raises:
        DownloadFailed: it cannot be read, or holds no such line.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DownloadFailed(f"{file} cannot be read as a list of checksums: {error}.") from error
    found = [re.fullmatch(r"([0-9A-Fa-f]{64}) [ *](.+)", line.strip()) for line in lines]
    checksums = {Path(match[2]).name: match[1].lower() for match in found if match}
    if not checksums:
        raise DownloadFailed(f"{file} holds no line like “<64 digits>  <name>”.")
    return checksums


def name_of(url: str) -> str:
    """The last part of an address as a file name without anything a file system would mind."""
    name = re.sub(r"[^A-Za-z0-9._ ()-]", "_", unquote(urlsplit(url).path).rsplit("/", 1)[-1]).strip(". ")
    return name or "download"


def _fetch_with_patience(url: str, part: Path, attempts: int, wait: Callable[[float], None]) -> None:
    failed = 0
    while True:
        before = _size(part)
        try:
            _fetch(url, part)
        except _Interrupted as interruption:
            # As long as bytes arrive there is no reason to give up.
            failed = 1 if _size(part) > before else failed + 1
            if failed >= attempts:
                raise DownloadFailed(
                    f"{url} could not be fetched: {interruption}. "
                    f"What has arrived ({_size(part):,} bytes) is kept; start again to go on."
                ) from interruption
            wait(min(2.0 ** (failed - 1), 60.0))
        else:
            return


def _fetch(url: str, part: Path) -> None:
    """One request for what is missing yet."""
    have = _size(part)
    headers = {"User-Agent": "Isoline", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    # The scheme was checked by `download`.
    request = urllib.request.Request(url, headers=headers)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:  # noqa: S310
            # A server that ignores Range sends everything again, and says so with 200.
            start = have if response.status == 206 else 0
            if start and not str(response.headers.get("Content-Range", "")).startswith(f"bytes {have}-"):
                start = 0
                part.unlink()
                raise _Interrupted("the server sent another part than asked for")
            _receive(response, part, start)
    except urllib.error.HTTPError as error:
        with error:
            if error.code == 416 and have:
                # Nothing is missing, or the file behind the address has changed; the checksum will tell.
                return
            if error.code in _PASSING:
                raise _Interrupted(f"the server answered {error.code} {error.reason}") from error
            raise DownloadFailed(f"{url} was refused: {error.code} {error.reason}. Check the address.") from error
    except urllib.error.URLError as error:
        raise _Interrupted(f"no connection ({error.reason})") from error
    except (http.client.HTTPException, TimeoutError, ConnectionError) as error:
        raise _Interrupted(f"the connection broke ({type(error).__name__})") from error


def _receive(response: http.client.HTTPResponse, part: Path, start: int) -> None:
    coming = response.headers.get("Content-Length")
    total = start + int(coming) if coming and coming.isdigit() else None
    with (
        part.open("ab" if start else "wb") as file,
        tqdm(total=total, initial=start, unit="B", unit_scale=True, desc=part.stem, disable=None) as progress,
    ):
        while block := response.read(_BLOCK):
            file.write(block)
            progress.update(len(block))
    # Read in blocks, a connection that ends early looks like the end of the file.
    if total is not None and _size(part) < total:
        raise _Interrupted(f"the connection broke after {_size(part):,} of {total:,} bytes")


def _accept(part: Path, file: Path, wanted: str) -> None:
    got = _sha256(part)
    if got == wanted:
        part.replace(file)
        return
    aside = file.with_name(f"{file.name}.wrong-{got[:12]}")
    part.replace(aside)
    raise DownloadFailed(
        f"What arrived has the SHA-256 {got}, not the one expected. It is not used, and set aside as {aside}. "
        "Check address and checksum."
    )


def _size(part: Path) -> int:
    with contextlib.suppress(FileNotFoundError):
        return part.stat().st_size
    return 0


def _sha256(file: Path) -> str:
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()

"""Downloads from a real server that breaks off, ignores Range, refuses, or sends the wrong file."""

from __future__ import annotations

import hashlib
import re
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ml.__main__ import main
from ml.collection.download import DownloadFailed, download, name_of, read_checksums

CONTENT = bytes(range(256)) * 12_000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Shop(ThreadingHTTPServer):
    """Serves `CONTENT` under any name, in the manner that a test sets."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.ranges: list[str | None] = []
        self.breaks_after: list[int] = []  # bytes of each answer until the connection is cut
        self.answers: list[int] = []  # statuses to refuse with, one a request
        self.knows_range = True
        self.tells_length = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/files/archive.zip?version=2"


class _Handler(BaseHTTPRequestHandler):
    server: Shop

    def do_GET(self) -> None:
        shop = self.server
        asked = self.headers["Range"]
        shop.ranges.append(asked)
        if shop.answers:
            self.send_error(shop.answers.pop(0))
            return
        start = 0
        if asked and shop.knows_range:
            start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1])  # type: ignore[index]
            if start >= len(CONTENT):
                self.send_error(416)
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}")
        else:
            self.send_response(200)
        if shop.tells_length:
            self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        body = CONTENT[start:]
        if shop.breaks_after:
            self.wfile.write(body[: shop.breaks_after.pop(0)])
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
        else:
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing on standard error."""


@pytest.fixture
def shop() -> Iterator[Shop]:
    server = Shop()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def waits() -> list[float]:
    return []


def test_a_file_arrives_and_is_not_fetched_again(shop: Shop, tmp_path: Path) -> None:
    file = tmp_path / "new folder" / "archive.zip"
    assert download(shop.url, SHA256.upper(), file)
    assert file.read_bytes() == CONTENT
    assert not download(shop.url, SHA256, file)
    assert len(shop.ranges) == 1
    assert [path.name for path in file.parent.iterdir()] == ["archive.zip"]


def test_a_broken_connection_is_taken_up_where_it_broke(shop: Shop, tmp_path: Path, waits: list[float]) -> None:
    shop.breaks_after = [1_000_000, 500_000]
    file = tmp_path / "archive.zip"
    assert download(shop.url, SHA256, file, wait=waits.append)
    assert file.read_bytes() == CONTENT
    assert shop.ranges == [None, "bytes=1000000-", "bytes=1500000-"]
    assert waits == [1, 1], "bytes arrived, so patience starts anew"


def test_the_next_call_goes_on_with_what_the_last_one_left(shop: Shop, tmp_path: Path, waits: list[float]) -> None:
    shop.breaks_after = [1_000_000]
    file = tmp_path / "archive.zip"
    with pytest.raises(DownloadFailed, match="1,000,000 bytes"):
        download(shop.url, SHA256, file, attempts=1, wait=waits.append)
    assert (tmp_path / "archive.zip.part").stat().st_size == 1_000_000
    assert not file.exists()
    assert download(shop.url, SHA256, file)
    assert shop.ranges[-1] == "bytes=1000000-"
    assert file.read_bytes() == CONTENT


def test_a_server_that_ignores_range_starts_over(shop: Shop, tmp_path: Path) -> None:
    shop.knows_range = False
    (tmp_path / "archive.zip.part").write_bytes(CONTENT[:1000])
    assert download(shop.url, SHA256, tmp_path / "archive.zip")
    assert shop.ranges == ["bytes=1000-"]
    assert (tmp_path / "archive.zip").read_bytes() == CONTENT


def test_a_part_that_is_complete_is_only_checked(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "archive.zip.part").write_bytes(CONTENT)
    assert download(shop.url, SHA256, tmp_path / "archive.zip")
    assert (tmp_path / "archive.zip").read_bytes() == CONTENT


def test_the_wrong_file_is_set_aside_and_never_used(shop: Shop, tmp_path: Path) -> None:
    file = tmp_path / "archive.zip"
    with pytest.raises(DownloadFailed, match="set aside"):
        download(shop.url, "0" * 64, file)
    (aside,) = tmp_path.iterdir()
    assert aside.name == f"archive.zip.wrong-{SHA256[:12]}"
    # The next call starts afresh, not on top of the wrong bytes.
    assert download(shop.url, SHA256, file)


def test_a_length_that_is_not_told_leaves_the_checksum_to_decide(shop: Shop, tmp_path: Path) -> None:
    shop.tells_length = False
    shop.breaks_after = [1_000_000]
    with pytest.raises(DownloadFailed, match="set aside"):
        download(shop.url, SHA256, tmp_path / "archive.zip")


def test_a_busy_server_is_asked_again_more_and_more_slowly(shop: Shop, tmp_path: Path, waits: list[float]) -> None:
    shop.answers = [503, 429, 500]
    assert download(shop.url, SHA256, tmp_path / "archive.zip", wait=waits.append)
    assert waits == [1, 2, 4]


def test_a_server_that_never_answers_is_given_up_in_words(tmp_path: Path, waits: list[float]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{free.getsockname()[1]}/a.zip"
    with pytest.raises(DownloadFailed, match="could not be fetched: no connection"):
        download(nobody, SHA256, tmp_path / "a.zip", attempts=3, wait=waits.append)
    assert waits == [1, 2]


def test_a_refusal_is_not_repeated(shop: Shop, tmp_path: Path) -> None:
    shop.answers = [404]
    with pytest.raises(DownloadFailed, match="404"):
        download(shop.url, SHA256, tmp_path / "archive.zip")
    assert len(shop.ranges) == 1
    assert not list(tmp_path.iterdir())


def test_another_file_of_that_name_is_not_overwritten(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "archive.zip").write_text("mine")
    with pytest.raises(DownloadFailed, match="not overwritten"):
        download(shop.url, SHA256, tmp_path / "archive.zip")
    assert (tmp_path / "archive.zip").read_text() == "mine"
    assert not shop.ranges


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://example.org/a.zip", "archive.zip"])
def test_only_web_addresses_are_fetched(url: str, tmp_path: Path) -> None:
    with pytest.raises(DownloadFailed, match="no http"):
        download(url, SHA256, tmp_path / "a.zip")


def test_a_disk_without_room_is_said_in_words(shop: Shop, tmp_path: Path) -> None:
    # The kernel's own way to a full disk: everything written to it fails with ENOSPC.
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    (tmp_path / "archive.zip.part").symlink_to("/dev/full")
    with pytest.raises(DownloadFailed, match="disk is full"):
        download(shop.url, SHA256, tmp_path / "archive.zip")


def test_the_command_asks_for_address_and_checksum(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dataset", "download", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert "https://doi.org/10.17632/gwbz3fsgp8" in said
    assert "--sha256" in said


def test_the_command_takes_a_list_of_checksums(shop: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sums = tmp_path / "SHA256SUMS"
    sums.write_text(f"{SHA256}  archive.zip\n{'0' * 64} *other.zip\n")
    command = ["dataset", "download", str(tmp_path / "out"), "--url", shop.url, "--checksums", str(sums)]
    assert main(command) == 0
    assert "checksum verified" in capsys.readouterr().out
    assert (tmp_path / "out" / "archive.zip").read_bytes() == CONTENT
    sums.write_text(f"{SHA256}  another.zip\n")
    assert main(command) == 2
    assert "no checksum for archive.zip" in capsys.readouterr().err


def test_lists_without_checksums_are_refused(tmp_path: Path) -> None:
    (tmp_path / "sums").write_text("hello\n")
    with pytest.raises(DownloadFailed, match="holds no line"):
        read_checksums(tmp_path / "sums")


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://x.org/a/ECG%20Images.zip?x=1", "ECG Images.zip"),
        ("https://x.org/a/..%2F..%2Fetc", "etc"),
        ("https://x.org/", "download"),
        ("https://x.org/a/%2E%2E", "download"),
    ],
)
def test_an_address_never_names_a_file_elsewhere(url: str, name: str) -> None:
    assert name_of(url) == name

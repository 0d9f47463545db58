"""``python -m ml dataset audit`` on folders of all kinds."""

from __future__ import annotations

import json
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

from ml.__main__ import main
from ml.collection.audit import audit, look

if TYPE_CHECKING:
    from tests.ml.collection.conftest import Image, SavePage


def _audit(folder: Path) -> dict[str, Any]:
    return audit(*look(folder, None), seeds=20)


@pytest.fixture
def collection(tmp_path: Path, pages: list[Image], save: SavePage) -> Path:
    """Six hearts in two classes; one file copied, one re-saved, one brightened, and one in both classes."""
    folder = tmp_path / "collection"
    for number in range(3):
        save(folder / "Normal Person" / f"{number}.png", pages[number])
        save(folder / "Myocardial Infarction" / f"{number}.png", pages[number + 3])
    shutil.copy(folder / "Normal Person" / "0.png", folder / "Normal Person" / "0 copy.png")
    cv2.imwrite(
        str(folder / "Normal Person" / "1 again.png"),
        cv2.cvtColor(pages[1], cv2.COLOR_RGB2BGR),
        [cv2.IMWRITE_PNG_COMPRESSION, 9],
    )
    paler = np.asarray(cv2.convertScaleAbs(pages[2], alpha=0.7, beta=70), np.uint8)
    save(folder / "Myocardial Infarction" / "paler.jpg", paler)
    return folder


def test_equal_files_pictures_and_traces_are_told_apart(collection: Path) -> None:
    found = _audit(collection)["duplicates"]
    assert found["same_bytes"] == [["Normal Person/0 copy.png", "Normal Person/0.png"]]
    assert sorted(map(sorted, found["same_pixels"])) == [
        ["Normal Person/0 copy.png", "Normal Person/0.png"],
        ["Normal Person/1 again.png", "Normal Person/1.png"],
    ]
    assert [sorted(pair["files"]) for pair in found["near"]] == [
        ["Myocardial Infarction/paler.jpg", "Normal Person/2.png"]
    ]
    assert (found["distinct_pictures"], found["distinct_recordings"]) == (7, 6)


def test_a_recording_in_two_classes_is_a_conflict(collection: Path) -> None:
    (conflict,) = _audit(collection)["duplicates"]["conflicts"]
    assert {one["label"] for one in conflict} == {"normal", "mi"}


def test_classes_come_from_folders_and_unreadable_files_are_listed(collection: Path) -> None:
    (collection / "Normal Person" / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing more")
    figures = _audit(collection)
    assert figures["classes"] == {"normal": 5, "mi": 4}
    assert [one["file"] for one in figures["unread"]] == ["Normal Person/broken.jpg"]


def test_the_manifest_tells_class_group_and_names(collection: Path) -> None:
    (collection / "manifest.csv").write_text(
        "file,label,group,layout,filter_hz,strict,v2_names\n"
        "Normal Person/0.png,normal,g1,4x2.5,0.67-25,1,A(1).jpg|A(2).jpg\n"
        "Normal Person/1.png,normal,g2,4x2.5,0.67-25,1,A(3).jpg\n"
        "Myocardial Infarction/0.png,mi,g1,2x5,0.5-45,0,\n"
        "Myocardial Infarction/gone.png,mi,g3,2x5,0.5-45,0,\n"
    )
    figures = _audit(collection)
    assert (figures["pages"], figures["published_files"]) == (3, 4)
    assert figures["class_by_filter"]["mi"] == {"0.5-45": 1, "0.67-25": 0}
    assert figures["print_style"]["all"]["cramers_v_class_layout"] == 1
    assert [one["file"] for one in figures["unread"]] == ["Myocardial Infarction/gone.png"]
    assert set(figures["leak"]) == {"seeds", "all files", "version 2 alone"}
    assert figures["leak"]["version 2 alone"]["files"] == 3


class _Sources(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]


def test_the_report_needs_no_network_and_trusts_no_name(
    tmp_path: Path, pages: list[Image], save: SavePage, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "collection"
    for number in range(2):
        save(folder / "<script>alert(1)<script>" / f"{number}.png", pages[number])
    save(folder / "Normal" / "a&b.png", pages[2])
    (folder / "Normal" / "broken.jpg").write_bytes(b"not a picture")
    assert main(["dataset", "audit", str(folder), "--out", str(tmp_path / "out"), "--seeds", "20"]) == 0
    summary = capsys.readouterr().out
    assert "3 pages" in summary
    assert "broken.jpg" in summary
    assert json.loads((tmp_path / "out" / "audit.json").read_text())["pages"] == 3
    report = (tmp_path / "out" / "report.html").read_text()
    parser = _Sources()
    parser.feed(report)
    assert "script" not in parser.tags
    assert len(parser.sources) >= 8
    assert all(source.startswith("data:image/") for source in parser.sources)
    assert "a&amp;b.png" in report
    assert "url(" not in report
    assert 'name="viewport"' in report


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        (None, "no pictures"),
        ("file,label\n", "has no rows"),
        ("name,label\na,b\n", "lacks the column file"),
        ("file,label\na.png,normal\nb.png,mi\n", "None of the 2 files can be opened"),
    ],
)
def test_what_cannot_be_audited_is_said_in_words(
    manifest: str | None, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "collection"
    folder.mkdir()
    if manifest is not None:
        (folder / "manifest.csv").write_text(manifest)
    assert main(["dataset", "audit", str(folder), "--out", str(tmp_path / "out")]) == 2
    assert words in capsys.readouterr().err


def test_a_missing_folder_or_manifest_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "out")
    assert main(["dataset", "audit", str(tmp_path / "nowhere"), "--out", out]) == 2
    assert "nowhere is not a folder" in capsys.readouterr().err
    assert main(["dataset", "audit", str(tmp_path), "--manifest", str(tmp_path / "no.csv"), "--out", out]) == 2
    assert "no.csv cannot be read" in capsys.readouterr().err

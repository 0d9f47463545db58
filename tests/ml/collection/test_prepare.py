"""``python -m ml dataset prepare`` on the layouts that are in circulation, and on archives made to harm."""

from __future__ import annotations

import csv
import hashlib
import shutil
import zipfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from ml.__main__ import main
from ml.collection import prepare as preparing
from ml.collection.classes import class_of
from ml.dataset import read_manifest

if TYPE_CHECKING:
    from tests.ml.collection.conftest import Image, SavePage

MI = "ECG Images of Myocardial Infarction Patients (240x12=2880)"
HISTORY = "ECG Images of Patient that have History of MI (172x12=2064)"
ABNORMAL = "ECG Images of Patient that have abnormal heartbeat (233x12=2796)"
NORMAL = "Normal Person ECG Images (284x12=3408)"


@pytest.fixture
def source(tmp_path: Path, pages: list[Image], save: SavePage) -> Path:
    """The published layout: six hearts in eight files, one of them copied under another name, one re-encoded."""
    folder = tmp_path / "ECG Images dataset of Cardiac Patients"
    save(folder / MI / "MI(1).jpg", pages[0])
    shutil.copy(folder / MI / "MI(1).jpg", folder / MI / "MI(10).jpg")
    save(folder / MI / "MI(2).jpg", pages[1])
    save(folder / HISTORY / "PMI(1).jpg", pages[2])
    save(folder / ABNORMAL / "HB(1).jpg", pages[3])
    save(folder / NORMAL / "Normal(1).jpg", pages[4])
    save(folder / NORMAL / "Normal(2).jpg", pages[5])
    save(folder / NORMAL / "Normal(3).jpg", pages[5], quality=40)
    return folder


def _prepare(source: Path, out: Path, *options: str | Path) -> list[dict[str, str]]:
    assert main(["dataset", "prepare", str(source), str(out), *map(str, options)]) == 0
    with (out / "manifest.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def _digest(folder: Path) -> dict[str, str]:
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


@pytest.mark.parametrize(
    ("file", "label"),
    [
        (f"x/{MI}/MI(1).jpg", "mi"),
        (f"{HISTORY}/PMI(1).jpg", "history_mi"),
        (f"{ABNORMAL}/HB(1).jpg", "abnormal_heartbeat"),
        (f"{NORMAL}/Normal(1).jpg", "normal"),
        ("ECG Images of COVID-19 Patients (250x12=3000)/a.jpg", "covid19"),
        ("train/Abnormal/a.jpg", "abnormal_heartbeat"),
        ("test/Normal/MI(1).jpg", "normal"),
        ("train/Left Bundle/a.jpg", "left_bundle"),
        ("train/PMI(3).jpg", "history_mi"),
        ("images/scan0001.jpg", ""),
    ],
)
def test_the_class_is_read_from_the_words_of_the_path(file: str, label: str) -> None:
    assert class_of(PurePosixPath(file)) == label


def test_copies_are_merged_and_near_copies_share_a_group(source: Path, tmp_path: Path) -> None:
    rows = {row["v2_names"]: row for row in _prepare(source, tmp_path / "out")}
    assert len(rows) == 7
    assert rows["MI(1).jpg|MI(10).jpg"]["file"] == "pages/mi/MI_1.jpg"
    assert rows["MI(1).jpg|MI(10).jpg"]["v2_class"] == "MI"
    assert rows["Normal(2).jpg"]["group"] == rows["Normal(3).jpg"]["group"]
    assert len({row["group"] for row in rows.values()}) == 6
    original = (source / HISTORY / "PMI(1).jpg").read_bytes()
    assert rows["PMI(1).jpg"]["source_md5"] == hashlib.md5(original).hexdigest()
    assert (tmp_path / "out" / rows["PMI(1).jpg"]["file"]).read_bytes() == original
    assert {row["filter_hz"] for row in rows.values()} == {""}, "the filter is not read from the page"


def test_the_manifest_is_one_that_training_reads(source: Path, tmp_path: Path) -> None:
    _prepare(source, tmp_path / "out")
    pages = read_manifest(tmp_path / "out")
    assert {page.label for page in pages} == {"normal", "abnormal_heartbeat", "history_mi", "mi"}
    assert all((tmp_path / "out" / page.file).is_file() for page in pages)


def test_a_zip_gives_the_same_as_its_folder_and_so_does_a_zip_of_zips(source: Path, tmp_path: Path) -> None:
    plain = Path(shutil.make_archive(str(tmp_path / "plain"), "zip", source.parent, source.name))
    parts = tmp_path / "parts"
    for folder in source.iterdir():
        shutil.make_archive(str(parts / folder.name), "zip", folder)
    nested = Path(shutil.make_archive(str(tmp_path / "nested"), "zip", parts))
    expected = _prepare(source, tmp_path / "out")
    for number, other in enumerate((plain, nested, parts)):
        assert _prepare(other, tmp_path / f"out{number}") == expected


def test_groups_never_cross_the_split(tmp_path: Path, pages: list[Image], save: SavePage) -> None:
    folder = tmp_path / "source"
    for number, page in enumerate(pages):
        label = ("Normal", "MI")[number % 2]
        for copy in range(4):
            # Another heart's page in all but name: a few pixels of the margin differ, and the mirrored trace.
            changed = page if copy < 2 else np.ascontiguousarray(page[:, ::-1])
            save(folder / "train" / label / f"{number}-{copy}.jpg", changed, quality=92 - 30 * (copy % 2))
    rows = _prepare(folder, tmp_path / "out")
    assert len(rows) == 40
    parts: dict[str, set[str]] = {}
    for row in rows:
        parts.setdefault(row["group"], set()).add(row["split"])
    assert len(parts) == 20
    assert all(len(some) == 1 for some in parts.values())
    assert set.union(*parts.values()) == {"train", "validation", "test"}


def test_a_second_run_writes_nothing_and_a_stopped_one_goes_on(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    _prepare(source, out)
    before = _digest(out)
    capsys.readouterr()
    _prepare(source, out)
    assert "0 written now" in capsys.readouterr().out
    (out / "manifest.csv").unlink()
    (out / "pages" / "mi" / "MI_2.jpg").unlink()
    _prepare(source, out)
    assert "1 written now" in capsys.readouterr().out
    assert _digest(out) == before


def test_nothing_of_others_is_overwritten(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "manifest.csv").write_text("mine")
    assert main(["dataset", "prepare", str(source), str(out)]) == 2
    assert "not empty" in capsys.readouterr().err
    assert _digest(out) == {"manifest.csv": hashlib.sha256(b"mine").hexdigest()}
    _prepare(source, out, "--force")
    with (out / "manifest.csv").open("a") as file:
        file.write("edited by hand\n")
    assert main(["dataset", "prepare", str(source), str(out)]) == 2
    assert "was changed since" in capsys.readouterr().err
    assert main(["dataset", "prepare", str(source), str(out), "--scale", "0.5"]) == 2
    assert "other options" in capsys.readouterr().err


def test_pages_are_shrunk_or_linked_on_request(source: Path, tmp_path: Path) -> None:
    small, linked = tmp_path / "small", tmp_path / "linked"
    _prepare(source, small, "--scale", "0.5")
    assert cv2.imread(str(small / "pages" / "mi" / "MI_1.jpg")).shape == (354, 498, 3)
    _prepare(source, linked, "--link")
    assert (linked / "pages" / "mi" / "MI_1.jpg").samefile(source / MI / "MI(1).jpg")


def test_what_another_manifest_knows_is_taken_over_by_checksum(source: Path, tmp_path: Path) -> None:
    md5 = {
        name: hashlib.md5((source / folder / name).read_bytes()).hexdigest()
        for folder, name in ((MI, "MI(1).jpg"), (HISTORY, "PMI(1).jpg"))
    }
    known = tmp_path / "known.csv"
    lines = [f"x,mi,g7,0.67-25,1,{md5[name]}" for name in md5]
    known.write_text("\n".join(["file,label,group,filter_hz,strict,source_md5", *lines]) + "\n")
    rows = {row["v2_names"].split("|")[0]: row for row in _prepare(source, tmp_path / "out", "--known", known)}
    assert rows["MI(1).jpg"]["group"] == rows["PMI(1).jpg"]["group"]
    assert rows["MI(1).jpg"]["strict"] == "1"
    assert rows["PMI(1).jpg"]["label"] == "history_mi", "the class is the source's"
    assert rows["MI(2).jpg"]["filter_hz"] == ""


def test_a_picture_in_two_classes_is_left_out_and_named(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(source / MI / "MI(2).jpg", source / NORMAL / "Normal(9).jpg")
    (source / NORMAL / "Normal(8).jpg").write_bytes(b"cut short")
    rows = _prepare(source, tmp_path / "out")
    assert not any("MI(2)" in row["v2_names"] for row in rows)
    said = capsys.readouterr().out
    assert "MI(2).jpg, Normal(9).jpg" in said
    assert "Normal(8).jpg" in said


@pytest.mark.parametrize(
    "name", ["../evil.jpg", "/tmp/evil.jpg", "Normal/../../evil.jpg", "C:\\evil.jpg", "..\\evil.jpg"]
)
def test_archives_with_names_that_lead_outside_are_refused(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = tmp_path / "evil.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr(name, b"x")
    assert main(["dataset", "prepare", str(archive), str(tmp_path / "out")]) == 2
    assert "outside its folder" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["evil.zip"]


def test_archives_with_links_or_bombs_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    linking, bomb = tmp_path / "linking.zip", tmp_path / "bomb.zip"
    with zipfile.ZipFile(linking, "w") as file:
        link = zipfile.ZipInfo("Normal/a.jpg")
        link.external_attr = 0o120777 << 16
        file.writestr(link, "/etc/passwd")
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("Normal/a.jpg", bytes(20 * 1024**2))
    assert main(["dataset", "prepare", str(linking), str(tmp_path / "out")]) == 2
    assert "holds a link" in capsys.readouterr().err
    assert main(["dataset", "prepare", str(bomb), str(tmp_path / "out")]) == 2
    assert "would grow" in capsys.readouterr().err


def test_a_full_disk_leaves_no_half_page(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    written = 0
    real = Path.write_bytes

    def until_full(self: Path, data: bytes) -> int:
        nonlocal written
        written += len(data)
        if written > 200_000:
            real(self, data[:100])
            raise OSError(28, "No space left on device", str(self))
        return real(self, data)

    with monkeypatch.context() as full:
        full.setattr(preparing.Path, "write_bytes", until_full)
        assert main(["dataset", "prepare", str(source), str(out)]) == 2
    assert "No space left" in capsys.readouterr().err
    assert not list(out.rglob("*.part"))
    assert len(_prepare(source, out)) == 7


def test_sources_without_pages_are_refused_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "text.zip").write_text("no archive")
    (tmp_path / "empty").mkdir()
    for name, words in (("text.zip", "readable ZIP"), ("empty", "no pictures"), ("gone", "There is no")):
        assert main(["dataset", "prepare", str(tmp_path / name), str(tmp_path / "out")]) == 2
        assert words in capsys.readouterr().err

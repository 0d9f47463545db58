"""From a published collection to a folder that can be trained on: distinct pages, a manifest, groups, a split."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import re
import tempfile
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final, Literal

import cv2
from tqdm import tqdm

from ml.collection.archive import Member, open_source
from ml.collection.classes import PUBLISHED_NAMES, class_of
from ml.collection.duplicates import chains, joined
from ml.collection.reading import CollectionUnusable, Listed, Seen, Unread, list_manifest, look_at
from ml.collection.traces import ALIKE, COPY, alike
from ml.dataset import read_manifest, split_by_group
from ml.decode import decode
from ml.errors import PageRejected

COLUMNS: Final = (
    "file", "label", "group", "layout", "filter_hz", "strict", "lead_off", "sex", "v2_class", "v2_names", "source_md5",
    "printed_hr_bpm", "note", "split",
)  # fmt: skip
# What another manifest may know of the same original file, by its MD5.
_KNOWN: Final = ("layout", "filter_hz", "strict", "lead_off", "sex", "printed_hr_bpm", "note")
_JOURNAL: Final = "prepared.json"
_MANIFEST: Final = "manifest.csv"
_JPEG_QUALITY: Final = 95


@dataclass(frozen=True)
class Choices:
    """How to prepare.

    Attributes:
        scale: size of the pages written, relative to the originals; 1 keeps the original bytes.
        link: hard links instead of copies, where scale is 1, the source a folder, and the disk the same.
        known: manifest with ``source_md5`` that knows groups or properties of the originals; None for none.
        strict_by_layout: call every 4×2.5 page strict, although its filter was not read.
        seed: of the split.
    """

    scale: float = 1.0
    link: bool = False
    known: Path | None = None
    strict_by_layout: bool = False
    seed: int = 20


@dataclass
class Prepared:
    """What became of a source.

    Attributes:
        rows: of the manifest.
        files: pictures in the source.
        merged: files whose picture another file has, too.
        near, similar: pairs of pages with equal traces, and of perhaps one heart; both joined into groups.
        conflicts: names of files with one picture and different classes; left out.
        near_conflicts: pairs of near copies with different classes; kept, in one group.
        unlabelled: files whose class no folder names; left out.
        unread: files that cannot be opened.
        written: pages written now; the others were there already.
    """

    files: int = 0
    merged: int = 0
    near: int = 0
    similar: int = 0
    rows: list[dict[str, str]] = field(default_factory=list)
    conflicts: list[list[str]] = field(default_factory=list)
    near_conflicts: list[tuple[str, str]] = field(default_factory=list)
    unlabelled: list[str] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    written: int = 0


@dataclass
class _Picture:
    """A distinct picture and the files that hold it."""

    seen: Seen
    member: Member
    md5: str
    names: list[str]
    labels: set[str]


def prepare(source: Path, out: Path, choices: Choices, *, force: bool = False) -> Prepared:
    """Write ``out/pages/<class>/…`` and ``out/manifest.csv``; what is there already is not written again.

    Raises:
        CollectionUnusable: the source cannot be used, or ``out`` holds something else and ``force`` was not given.
    """
    known = _read_known(choices.known)
    with open_source(source) as members:
        _claim(out, source, choices, force=force)
        result = Prepared(files=len(members))
        pictures = _look(members, result)
        if not pictures:
            raise CollectionUnusable(_nothing(result))
        result.rows = _rows(pictures, known, choices, result)
        for picture, row in zip(
            tqdm(pictures, desc="writing pages", unit="page", disable=None), result.rows, strict=True
        ):
            result.written += _write_page(picture, out / row["file"], choices, force=force)
    _split(result.rows, choices.seed)
    _write_manifest(result.rows, out / _MANIFEST, force=force)
    return result


def _claim(out: Path, source: Path, choices: Choices, *, force: bool) -> None:
    """Make sure that ``out`` is empty, or was begun by the same call before."""
    plan = {"source": source.resolve().name, **asdict(choices), "known": str(choices.known or "")}
    text = json.dumps(plan, indent=1) + "\n"
    journal = out / _JOURNAL
    if out.exists() and not out.is_dir():
        raise CollectionUnusable(f"{out} is not a folder.")
    if out.is_dir() and any(out.iterdir()) and not force:
        before = journal.read_text(encoding="utf-8") if journal.is_file() else None
        if before is None:
            raise CollectionUnusable(f"{out} is not empty. Name another folder, or add --force to write into it.")
        if before != text:
            raise CollectionUnusable(
                f"{out} was prepared from another source or with other options. Name another folder, or add --force."
            )
    out.mkdir(parents=True, exist_ok=True)
    _replace(journal, text.encode())


def _look(members: Sequence[Member], result: Prepared) -> list[_Picture]:
    """Distinct pictures with one class each, in the order of their first file."""
    basenames = Counter(PurePosixPath(member.name).name for member in members)
    pictures: dict[str, _Picture] = {}
    by_bytes: dict[str, str] = {}
    for member in tqdm(members, desc="reading pages", unit="file", disable=None):
        label = class_of(PurePosixPath(member.name))
        if not label:
            result.unlabelled.append(member.name)
            continue
        name = PurePosixPath(member.name).name
        # The path tells apart what the name cannot; "|" separates names in the manifest.
        name = (name if basenames[name] == 1 else member.name).replace("|", "%7C")
        try:
            data = member.read()
            sha256 = hashlib.sha256(data).hexdigest()
            if sha256 in by_bytes:
                same = pictures[by_bytes[sha256]]
            else:
                seen = look_at(Listed(member.name, label), data)
                md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
                same = pictures.setdefault(seen.pixels, _Picture(seen, member, md5, [], set()))
                by_bytes[sha256] = seen.pixels
        except PageRejected as refusal:
            result.unread.append(Unread(member.name, refusal.message))
            continue
        except OSError as error:
            result.unread.append(Unread(member.name, error.strerror or str(error)))
            continue
        same.names.append(name)
        same.labels.add(label)
    result.merged = sum(len(picture.names) - 1 for picture in pictures.values())
    result.conflicts = [picture.names for picture in pictures.values() if len(picture.labels) > 1]
    return [picture for picture in pictures.values() if len(picture.labels) == 1]


def _rows(
    pictures: Sequence[_Picture], known: dict[str, dict[str, str]], choices: Choices, result: Prepared
) -> list[dict[str, str]]:
    groups = _groups(pictures, known, result)
    taken: set[str] = set()
    return [
        _row(picture, f"g{number + 1:04d}", known.get(picture.md5, {}), choices, taken)
        for picture, number in zip(pictures, groups, strict=True)
    ]


def _groups(pictures: Sequence[_Picture], known: dict[str, dict[str, str]], result: Prepared) -> list[int]:
    """Pages that must not be split: near copies, perhaps one heart, and what the known manifest keeps together."""
    pairs = alike(
        [picture.seen.strokes for picture in pictures],
        ALIKE,
        lambda some: tqdm(some, desc="comparing traces", unit="pair", disable=None, mininterval=1.0),
    )
    result.near = sum(pair.likeness >= COPY for pair in pairs)
    result.similar = len(pairs) - result.near
    result.near_conflicts = [
        (pictures[one].names[0], pictures[other].names[0])
        for one, other, likeness in pairs
        if likeness >= COPY and pictures[one].labels != pictures[other].labels
    ]
    sessions: dict[str, list[int]] = {}
    for index, picture in enumerate(pictures):
        if group := known.get(picture.md5, {}).get("group", ""):
            sessions.setdefault(group, []).append(index)
    links = [(pair.first, pair.second) for pair in pairs] + chains(sessions.values())
    return [int(number) for number in joined(len(pictures), links)]


def _row(picture: _Picture, group: str, known: dict[str, str], choices: Choices, taken: set[str]) -> dict[str, str]:
    (label,) = picture.labels
    row = dict.fromkeys(COLUMNS, "")
    row["layout"] = picture.seen.layout
    # Of another layout for certain; of this one only the filter printed in the footer would tell.
    row["strict"] = {"": "", "4x2.5": "1" if choices.strict_by_layout else ""}.get(picture.seen.layout, "0")
    row |= {column: known[column] for column in _KNOWN if known.get(column)}
    published = PUBLISHED_NAMES.get(label, "")
    return row | {
        "file": _file_name(picture, label, choices, taken),
        "label": label,
        "group": group,
        "v2_class": published,
        "v2_names": "|".join(picture.names),
        "source_md5": picture.md5,
    }


def _file_name(picture: _Picture, label: str, choices: Choices, taken: set[str]) -> str:
    original = PurePosixPath(picture.names[0])
    stem = re.sub(r"[^A-Za-z0-9]+", "_", original.stem).strip("_")[:80] or "page"
    suffix = original.suffix.lower() if choices.scale == 1 else ".jpg"
    name, number = f"pages/{label}/{stem}{suffix}", 1
    while name.lower() in taken:
        number += 1
        name = f"pages/{label}/{stem}_{number}{suffix}"
    taken.add(name.lower())
    return name


def _write_page(picture: _Picture, file: Path, choices: Choices, *, force: bool) -> Literal[0, 1]:
    """Write one page unless it is there; 1 if it was written."""
    if file.exists() and not force:
        return 0
    file.parent.mkdir(parents=True, exist_ok=True)
    path = picture.member.path
    if choices.link and choices.scale == 1 and path is not None:
        file.unlink(missing_ok=True)
        try:
            os.link(path.resolve(), file)
        except OSError as error:
            raise CollectionUnusable(f"{path} cannot be linked ({error.strerror}); leave out --link.") from error
        return 1
    data = picture.member.read()
    _replace(file, data if choices.scale == 1 else _scaled(data, choices.scale))
    return 1


def _scaled(data: bytes, scale: float) -> bytes:
    page = cv2.cvtColor(decode(data).pages[0], cv2.COLOR_RGB2BGR)
    small = cv2.resize(page, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return bytes(cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1].tobytes())


def _split(rows: list[dict[str, str]], seed: int) -> None:
    """Fill ``split`` with train, validation and test by groups; leave it empty where there are too few of them."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, _MANIFEST).write_bytes(_csv(rows))
        pages = read_manifest(Path(folder), sorted({row["label"] for row in rows}))
    try:
        with warnings.catch_warnings():
            # A class with fewer groups than parts cannot be in all of them; the summary counts who is where.
            warnings.simplefilter("ignore", UserWarning)
            split = split_by_group(pages, seed=seed)
    except ValueError:
        return
    for part in ("train", "validation", "test"):
        for index in getattr(split, part):
            rows[index]["split"] = part


def _write_manifest(rows: list[dict[str, str]], file: Path, *, force: bool) -> None:
    data = _csv(rows)
    if file.exists() and file.read_bytes() != data and not force:
        raise CollectionUnusable(f"{file} was changed since it was written. Move it away, or add --force.")
    _replace(file, data)


def _csv(rows: Sequence[dict[str, str]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode("utf-8", "backslashreplace")


def _replace(file: Path, data: bytes) -> None:
    """Write a file so that it is never seen half written, whenever the run is stopped."""
    part = file.with_name(f".{file.name}.part")
    try:
        part.write_bytes(data)
        part.replace(file)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def _read_known(file: Path | None) -> dict[str, dict[str, str]]:
    if file is None:
        return {}
    rows = [one.columns for one in list_manifest(file)]
    if not any(row.get("source_md5") for row in rows):
        raise CollectionUnusable(f"{file} has no column source_md5; it cannot be matched with the originals.")
    return {row["source_md5"]: row for row in rows if row.get("source_md5")}


def _nothing(result: Prepared) -> str:
    first = f" The first reason: {result.unread[0].reason}" if result.unread else ""
    return (
        f"None of the {result.files} pictures can be used: {len(result.unread)} cannot be opened, "
        f"{len(result.unlabelled)} lie in no folder that names a class, {len(result.conflicts)} have several.{first}"
    )

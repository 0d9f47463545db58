"""Find the pages of a collection and look at each of them once."""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from tqdm import tqdm

from ml.collection.classes import class_of
from ml.collection.layout import layout_in
from ml.collection.traces import Strokes, strokes_in, trace_box
from ml.decode import EXTENSIONS, MAX_BYTES, Page, decode
from ml.errors import PageRejected
from ml.page import take_apart

PICTURES: Final = tuple(extension for extension in EXTENSIONS if extension != ".pdf")


class CollectionUnusable(Exception):
    """There is nothing to work on, or the manifest cannot be used; the message says why in a sentence."""


@dataclass(frozen=True)
class Listed:
    """A file of a collection before it is opened.

    Attributes:
        file: its path below the folder, with forward slashes.
        label: class name; "" where none is known.
        columns: its row in the manifest; empty without one.
    """

    file: str
    label: str
    columns: dict[str, str] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """The names under which this picture was published; its own where the manifest keeps none."""
        return tuple(name for name in self.columns.get("v2_names", "").split("|") if name) or (self.file,)


@dataclass(frozen=True)
class Seen:
    """A page that was opened.

    Attributes:
        listed: which file.
        size: bytes of the file.
        sha256, pixels: hashes of the file's bytes and of the decoded picture, its size included.
        width, height: of the upright picture.
        brightness, contrast: mean and standard deviation of its grey levels, 0…255.
        ink: share of pixels darker than 100.
        layout: as far as it can be seen, else "".
        strokes: of its traces.
    """

    listed: Listed
    size: int
    sha256: str
    pixels: str
    width: int
    height: int
    brightness: float
    contrast: float
    ink: float
    layout: str
    strokes: Strokes


@dataclass(frozen=True)
class Unread:
    """A file that could not be opened, and why."""

    file: str
    reason: str


def list_folder(folder: Path) -> list[Listed]:
    """All pictures below a folder, by their extension, with the class that their folder names.

    Raises:
        CollectionUnusable: there is no such folder, or no picture in it.
    """
    if not folder.is_dir():
        raise CollectionUnusable(f"{folder} is not a folder.")
    found: list[Path] = []
    for where, folders, files in os.walk(folder):
        # Hidden folders, and what macOS adds to archives, hold no pages.
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__MACOSX")))
        found += [
            Path(where, name).relative_to(folder)
            for name in sorted(files)
            if name.lower().endswith(PICTURES) and not name.startswith(".")
        ]
    if not found:
        raise CollectionUnusable(f"There are no pictures in {folder} ({', '.join(PICTURES)}).")
    return [Listed(file.as_posix(), class_of(file)) for file in found]


def list_manifest(manifest: Path) -> list[Listed]:
    """The rows of a manifest with at least the columns ``file`` and ``label``.

    Raises:
        CollectionUnusable: it is absent, unreadable, or lacks rows or one of these columns.
    """
    try:
        with manifest.open(newline="", encoding="utf-8") as handle:
            reader = csv.DictReader(handle)
            rows = [{name: value or "" for name, value in row.items() if name} for row in reader]
            columns = set(reader.fieldnames or ())
    except OSError as error:
        raise CollectionUnusable(f"The manifest {manifest} cannot be read: {error.strerror}.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise CollectionUnusable(f"The manifest {manifest} is not a CSV file in UTF-8: {error}.") from error
    if lacking := {"file", "label"} - columns:
        raise CollectionUnusable(f"The manifest {manifest} lacks the column {' and '.join(sorted(lacking))}.")
    if not rows:
        raise CollectionUnusable(f"The manifest {manifest} has no rows.")
    return [Listed(row["file"], row["label"], row) for row in rows]


def look_at_all(folder: Path, listed: Sequence[Listed]) -> tuple[list[Seen], list[Unread]]:
    """Open every file once; what cannot be opened is told apart, with its reason."""
    seen, unread = [], []
    for one in tqdm(listed, desc="reading pages", unit="page", disable=None):
        try:
            seen.append(look_at(one, read_file(folder / one.file)))
        except PageRejected as refusal:
            unread.append(Unread(one.file, refusal.message))
        except OSError as error:
            unread.append(Unread(one.file, error.strerror or str(error)))
    return seen, unread


def look_at(listed: Listed, data: bytes) -> Seen:
    """What can be known of one page.

    Raises:
        PageRejected: the bytes are no picture.
    """
    page = decode(data).pages[0]
    grey = cv2.cvtColor(page, cv2.COLOR_RGB2GRAY)
    contrast = take_apart(page).contrast
    box = trace_box(contrast)
    return Seen(
        listed,
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        pixels=pixel_hash(page),
        width=page.shape[1],
        height=page.shape[0],
        brightness=float(grey.mean()),
        contrast=float(grey.std()),
        ink=float((grey < 100).mean()),
        layout=layout_in(contrast, box),
        strokes=strokes_in(contrast, box),
    )


def pixel_hash(page: Page) -> str:
    """SHA-256 of a picture (H, W, 3) uint8: the same for any lossless file of it, whatever its metadata."""
    return hashlib.sha256(str(page.shape).encode() + np.ascontiguousarray(page).tobytes()).hexdigest()


def read_file(path: Path) -> bytes:
    """A file's bytes, at most one more than `decode` accepts."""
    with path.open("rb") as handle:
        return handle.read(MAX_BYTES + 1)

"""Labelled pages: the manifest, grouped splits, and the pages as model inputs."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ml.decode import decode
from ml.page import find_ecg
from ml.preprocessing import ModelInput, PreprocessingSpec, preprocess

CARDIAC_CLASSES: Final = ("normal", "abnormal_heartbeat", "history_mi", "mi")


@dataclass(frozen=True)
class LabelledPage:
    """One row of a manifest.

    Attributes:
        file: path below the data folder.
        label: class name.
        group: recording session; pages of one group never cross a split.
        strict: of the one print style in which all cardiac classes occur.
        layout, filter_hz, sex: as printed; empty where unknown.
        lead_off: the page says that an electrode had no contact.
        printed_hr_bpm: heart rate printed in the footer, where it could be read.
        v2_class, v2_names: class and file names of the same picture in version 2 of the published set; several names
            are byte-identical copies there.
    """

    file: str
    label: str
    group: str
    strict: bool
    layout: str = ""
    filter_hz: str = ""
    sex: str = ""
    lead_off: bool = False
    printed_hr_bpm: float | None = None
    v2_class: str = ""
    v2_names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Split:
    """Indices into a list of pages. A page that the published set holds several times may occur several times."""

    train: NDArray[np.intp]
    validation: NDArray[np.intp]
    test: NDArray[np.intp]


def read_manifest(folder: Path, classes: Sequence[str] = CARDIAC_CLASSES) -> list[LabelledPage]:
    """Read ``manifest.csv`` and keep the rows of the given classes, in the file's order.

    Raises:
        FileNotFoundError: there is no manifest in ``folder``.
    """
    with (folder / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = [_labelled_page(row) for row in csv.DictReader(file)]
    return [row for row in rows if row.label in classes]


def _labelled_page(row: dict[str, str]) -> LabelledPage:
    heart_rate = row.get("printed_hr_bpm") or ""
    return LabelledPage(
        file=row["file"],
        label=row["label"],
        group=row["group"],
        strict=row["strict"] == "1",
        layout=row.get("layout") or "",
        filter_hz=row.get("filter_hz") or "",
        sex=row.get("sex") or "",
        lead_off=row.get("lead_off") == "1",
        printed_hr_bpm=float(heart_rate) if heart_rate else None,
        v2_class=row.get("v2_class") or "",
        v2_names=tuple(name for name in (row.get("v2_names") or "").split("|") if name),
    )


def split_by_group(pages: Sequence[LabelledPage], *, seed: int, fold: int = 0, folds: int = 5) -> Split:
    """Split pages so that no group crosses, classes and print styles balanced as far as groups allow.

    Fold ``fold`` of ``folds`` is the test set; the rest is split once more in the same way for validation.

    Raises:
        ValueError: there is no such fold.
    """
    if not 0 <= fold < folds:
        raise ValueError(f"there is no fold {fold} among {folds}")
    rest, test = hold_out_groups(pages, np.arange(len(pages)), seed=seed, fold=fold, folds=folds)
    train, validation = hold_out_groups(pages, rest, seed=seed + 1, fold=0, folds=folds)
    return Split(train, validation, test)


def hold_out_groups(
    pages: Sequence[LabelledPage], indices: NDArray[np.intp], *, seed: int, fold: int, folds: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Divide some of the pages into those kept and those of one fold, whole groups at a time, classes balanced."""
    # Imported here: a lab dependency, absent where the application only serves.
    from sklearn.model_selection import StratifiedGroupKFold

    strata = np.array([f"{pages[index].label}/{pages[index].strict}" for index in indices])
    groups = np.array([pages[index].group for index in indices])
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    kept, out = list(splitter.split(indices, strata, groups))[fold]
    return indices[kept], indices[out]


def load_inputs(
    folder: Path, pages: Sequence[LabelledPage], spec: PreprocessingSpec, *, cache: Path | None = None
) -> NDArray[np.uint8]:
    """Read pages as model inputs, (N, height, width) uint8, by the same functions that serve uploads.

    Args:
        folder: data folder.
        pages: which pages, in which order.
        spec: preprocessing settings.
        cache: folder for the finished array; a changed spec, list or file gives another cache file.
    """
    key = hashlib.sha256(json.dumps([spec.to_json(), _fingerprint(folder, pages)]).encode()).hexdigest()[:16]
    cached = cache / f"inputs-{key}.npy" if cache else None
    if cached and cached.exists():
        loaded: NDArray[np.uint8] = np.load(cached)
        return loaded
    inputs = np.empty((len(pages), spec.height, spec.width), np.uint8)
    for index, page in enumerate(tqdm(pages, desc="reading pages", unit="page", disable=None)):
        inputs[index] = read_input(folder / page.file, spec)
    if cached:
        cached.parent.mkdir(parents=True, exist_ok=True)
        np.save(cached, inputs)
    return inputs


def read_input(file: Path, spec: PreprocessingSpec) -> ModelInput:
    """One page file as model input, (height, width) uint8."""
    page = decode(file.read_bytes()).pages[0]
    return preprocess(page, find_ecg(page).crop, spec)


def _fingerprint(folder: Path, pages: Sequence[LabelledPage]) -> list[tuple[str, int]]:
    return [(page.file, (folder / page.file).stat().st_size) for page in pages]

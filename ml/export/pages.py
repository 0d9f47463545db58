"""The pages that exports are compared on, as model inputs: drawn ones, or all of a data folder."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from ml.dataset import load_inputs, read_manifest
from ml.page import find_ecg
from ml.preprocessing import preprocess
from ml.render import render_page
from ml.synthetic import FINDINGS, synthetic_signals

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ml.preprocessing import PreprocessingSpec
    from ml.synthetic import Rhythm

_RHYTHMS: Final[tuple[Rhythm, ...]] = ("regular", "irregular")
_HEARTS: Final[tuple[tuple[str, ...], ...]] = ((), *((finding,) for finding in FINDINGS))


def drawn(count: int, spec: PreprocessingSpec) -> NDArray[np.uint8]:
    """Made-up hearts of several rates, rhythms and findings, (N, height, width)."""
    inputs = np.empty((count, spec.height, spec.width), np.uint8)
    for seed in range(count):
        signals = synthetic_signals(
            seed,
            heart_rate_bpm=50.0 + 11.0 * (seed % 10),
            rhythm=_RHYTHMS[seed % len(_RHYTHMS)],
            findings=_HEARTS[seed % len(_HEARTS)],
        )
        page = render_page(signals, seed=seed).image
        inputs[seed] = preprocess(page, find_ecg(page).crop, spec)
    return inputs


def of_dataset(folder: Path, spec: PreprocessingSpec, *, cache: Path | None = None) -> NDArray[np.uint8]:
    """Every page that a data folder's manifest names, whatever its class, (N, height, width).

    Raises:
        OSError: there is no manifest, or a page is missing.
        ValueError: the manifest names no page.
    """
    with (folder / "manifest.csv").open(newline="", encoding="utf-8") as file:
        classes = sorted({row["label"] for row in csv.DictReader(file)})
    pages = read_manifest(folder, classes)
    if not pages:
        raise ValueError("the manifest names no page")
    return load_inputs(folder, pages, spec, cache=cache)

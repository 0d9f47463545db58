"""Views of many pages and of many recordings, read once and kept."""

from __future__ import annotations

import csv
import hashlib
import json
from ast import literal_eval
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ml.dataset import LabelledPage
from ml.decode import decode
from ml.leads import Lead, Leads, LeadsUnreadable
from ml.leads.layouts import LAYOUTS
from ml.leads.reader import read_leads
from ml.measurements.measure import examine
from ml.synthetic import twelve_leads
from ml.trace_network.views import SHAPES, VIEWS_VERSION, Views, batch, nothing_seen, views_of

SIGNALS: Final = "signals"
_NAME: Final = "ptbxl_100hz"
_RATE_HZ: Final = 100.0
# What cardiographs print: high pass and low pass in Hz.
_HIGH_PASS_HZ: Final = (0.5, 0.67)
_LOW_PASS_HZ: Final = (25.0, 35.0, 45.0)
_NOISE_MV: Final = 0.01
_LAYOUTS: Final = ("4x2.5", "2x5")
# Column of the table of recordings → statements that occur often enough to be learnt.
STATEMENTS: Final[dict[str, tuple[str, ...]]] = {
    "super_class": ("NORM", "MI", "STTC", "CD", "HYP"),
    "sub_class": ("AMI", "IMI", "LMI", "IRBBB", "CRBBB", "CLBBB", "LAFB/LPFB", "LVH"),
    "rhythm": ("AFIB", "AFLT", "STACH", "SBRAD", "SARRH", "PACE"),
    "form": ("PVC", "PAC", "QWAVE", "LOWT", "INVT", "NDT", "ABQRS", "VCLVH"),
}


def page_views(folder: Path, pages: Sequence[LabelledPage], *, cache: Path) -> tuple[Views, NDArray[np.bool_]]:
    """Views of pages in their order, and which of the pages could be read; the others show nothing."""
    files = [page.file for page in pages]
    key = _key([[file, (folder / file).stat().st_size] for file in files])
    kept = cache / f"views-{key}.npz"
    if not kept.exists():
        with ProcessPoolExecutor(mp_context=get_context("spawn")) as workers:
            found = workers.map(partial(_read, folder), files, chunksize=8)
            views = list(tqdm(found, total=len(files), desc="reading traces", unit="page", disable=None))
        _keep(kept, [view or nothing_seen() for view in views], read=np.array([view is not None for view in views]))
    with np.load(kept) as stored:
        return Views(stored["beats"], stored["rhythm"], stored["measurements"]), stored["read"]


def recording_views(folder: Path, *, cache: Path) -> tuple[Views, NDArray[np.float32]]:
    """Recordings (PTB-XL) as if they had been printed in each of two layouts and read without error.

    Returns:
        Views, and statements (N, S) of 0 and 1 in the order of `STATEMENTS`.

    Raises:
        FileNotFoundError: there are no recordings below ``folder``.
    """
    with (folder / SIGNALS / f"{_NAME}.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    with np.load(folder / SIGNALS / f"{_NAME}.npz") as stored:
        # In mV, leads first.
        recorded = stored["signals_uv"].astype(np.float64) / 1000
    kept = cache / f"recordings-{_key([_NAME, list(recorded.shape), list(_LAYOUTS)])}.npz"
    if not kept.exists():
        with ProcessPoolExecutor(mp_context=get_context("spawn")) as workers:
            found = workers.map(_printed, range(len(recorded)), recorded, chunksize=8)
            pairs = list(tqdm(found, total=len(recorded), desc="measuring recordings", unit="recording", disable=None))
        _keep(kept, [view for pair in pairs for view in pair])
    with np.load(kept) as stored:
        views = Views(stored["beats"], stored["rhythm"], stored["measurements"])
    targets = np.array([_statements(row) for row in rows], dtype=np.float32)
    return views, targets.repeat(len(_LAYOUTS), axis=0)


def _read(folder: Path, file: str) -> Views | None:
    try:
        leads = read_leads(decode((folder / file).read_bytes()).pages[0])
    except LeadsUnreadable:
        return None
    return views_of(leads, examine(leads))


def _printed(seed: int, recorded: NDArray[np.float64]) -> list[Views]:
    from scipy.signal import butter, sosfiltfilt

    rng = np.random.default_rng(seed)
    band = [rng.choice(_HIGH_PASS_HZ), rng.choice(_LOW_PASS_HZ)]
    filtered = sosfiltfilt(butter(2, band, "band", fs=_RATE_HZ, output="sos"), recorded, axis=1)
    signals = twelve_leads(filtered + rng.normal(0, _NOISE_MV, filtered.shape))
    found = []
    for layout in _LAYOUTS:
        leads = as_read(signals, layout)
        found.append(views_of(leads, examine(leads)))
    return found


def as_read(signals: Mapping[str, NDArray[np.floating]], layout: str) -> Leads:
    """Recorded signals at 100 Hz as a page of that layout would give them to a reader without fault."""
    stretches = []
    for slot in LAYOUTS[layout].slots():
        first, count = round(slot.start_s * _RATE_HZ), round(slot.duration_s * _RATE_HZ)
        signal = signals[slot.lead][first : first + count].astype(np.float32)
        path = np.column_stack([np.arange(len(signal)), -signal]).astype(np.float32)
        stretches.append(Lead(slot.lead, slot.rhythm, slot.start_s, _RATE_HZ, signal, 1.0, path))
    printed = {lead.name: lead for lead in stretches if not lead.rhythm}
    rhythm = tuple(lead for lead in stretches if lead.rhythm)
    return Leads(layout, _RATE_HZ / 25, "grid", 0.0, 10.0, printed, rhythm)


def _statements(row: dict[str, str]) -> list[bool]:
    found = []
    for column, wanted in STATEMENTS.items():
        said = literal_eval(row[column]) if row[column].startswith("[") else []
        found += [name in said for name in wanted]
    return found


def _key(what: object) -> str:
    return hashlib.sha256(json.dumps([VIEWS_VERSION, SHAPES, what]).encode()).hexdigest()[:16]


def _keep(file: Path, pages: list[Views], **more: NDArray[np.bool_]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_name(f"partial-{file.name}")
    np.savez_compressed(unfinished, allow_pickle=False, **vars(batch(pages)), **more)
    unfinished.replace(file)

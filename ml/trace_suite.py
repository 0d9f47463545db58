"""How well pages are measured: against what the cardiographs themselves printed on them."""

from __future__ import annotations

import csv
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from ml.decode import decode
from ml.leads import LeadsUnreadable
from ml.leads.reader import read_leads
from ml.measurements.measure import measure
from ml.measurements.values import Measurements

# Column of machine_measurements.csv → ours.
COLUMNS: Final = {
    "hr_bpm": "heart_rate",
    "p_ms": "p_duration",
    "pr_ms": "pr_interval",
    "qrs_ms": "qrs_duration",
    "qt_ms": "qt_interval",
    "qtc_ms": "qtc_bazett",
    "p_axis": "p_axis",
    "qrs_axis": "qrs_axis",
    "t_axis": "t_axis",
}
MACHINE_FILE: Final = "machine_measurements.csv"
RATE_TOLERANCE_BPM: Final = 3.0
AXIS_TOLERANCE_DEG: Final = 15.0

Watched = Callable[[Sequence[str]], Iterable[str]]


@dataclass(frozen=True)
class PageRead:
    """One page of the suite.

    Attributes:
        file: below the data folder.
        layout: as the manifest has it.
        printed: what the machine printed: our names of quantities → value.
        measurements: ours, or None where the page could not be read.
        reason: code of the refusal, else empty.
        seconds: of reading and measuring, without decoding.
    """

    file: str
    layout: str
    printed: dict[str, float]
    measurements: Measurements | None
    reason: str
    seconds: float

    def error(self, name: str) -> float | None:
        """Ours less theirs; None where either is missing. Axes differ by 180° at most."""
        ours = None if self.measurements is None else self.measurements.get(name)
        if ours is None or name not in self.printed:
            return None
        difference = ours - self.printed[name]
        return (difference + 180.0) % 360.0 - 180.0 if name.endswith("_axis") else difference


def read_pages(data: Path, *, watched: Watched = lambda files: files) -> list[PageRead]:
    """Read and measure every page on which the machine printed something to compare with.

    Args:
        data: folder with ``manifest.csv`` and, where there is one, ``machine_measurements.csv``.
        watched: shows progress.

    Raises:
        FileNotFoundError: there is no manifest.
    """
    with (data / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = {row["file"]: row for row in csv.DictReader(file)}
    printed: dict[str, dict[str, float]] = {
        name: {"heart_rate": float(row["printed_hr_bpm"])} for name, row in rows.items() if row.get("printed_hr_bpm")
    }
    if (data / MACHINE_FILE).exists():
        with (data / MACHINE_FILE).open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                values = {ours: float(row[theirs]) for theirs, ours in COLUMNS.items() if row[theirs]}
                # The manifest's rate, where there is one, is of the same page: one reading of it is enough.
                printed[row["file"]] = values | printed.get(row["file"], {})
    return [_read(data, name, rows[name].get("layout", ""), printed[name]) for name in watched(sorted(printed))]


def _read(data: Path, name: str, layout: str, printed: dict[str, float]) -> PageRead:
    page = decode((data / name).read_bytes()).pages[0]
    began = time.perf_counter()
    try:
        found = measure(read_leads(page))
    except LeadsUnreadable as refusal:
        return PageRead(name, layout, printed, None, refusal.code, time.perf_counter() - began)
    return PageRead(name, layout, printed, found, "", time.perf_counter() - began)


def figures(pages: Sequence[PageRead]) -> dict[str, Any]:
    """What is reported of them. Pages that could not be read count as wrong rates.

    Returns:
        JSON-ready: ``pages``, ``unreadable`` (reason → pages), ``seconds`` (median), ``heart_rate`` (layout → pages,
        right, and the misses), ``intervals`` (name → printed, measured, bias, median absolute error) and ``axes``
        (name → printed, measured, share within the tolerance of those printed).
    """
    layouts = sorted({page.layout for page in pages})
    intervals = [name for name in COLUMNS.values() if not name.endswith(("_axis", "_rate"))]
    return {
        "pages": len(pages),
        "unreadable": dict(Counter(page.reason for page in pages if page.reason)),
        "seconds": round(float(np.median([page.seconds for page in pages])), 3),
        "heart_rate": {layout: _rates([page for page in pages if page.layout == layout]) for layout in layouts}
        | {"all": _rates(pages)},
        "intervals": {name: _interval(pages, name) for name in intervals},
        "axes": {name: _axis(pages, name) for name in COLUMNS.values() if name.endswith("_axis")},
    }


def _rates(pages: Sequence[PageRead]) -> dict[str, Any]:
    printed = [page for page in pages if "heart_rate" in page.printed]
    errors = {page.file: page.error("heart_rate") for page in printed}
    misses = {name: error for name, error in errors.items() if error is None or abs(error) > RATE_TOLERANCE_BPM}
    return {
        "pages": len(printed),
        "right": round(1 - len(misses) / len(printed), 4) if printed else None,
        "misses": {name: None if error is None else round(error, 1) for name, error in misses.items()},
    }


def _interval(pages: Sequence[PageRead], name: str) -> dict[str, Any]:
    printed = [page for page in pages if name in page.printed]
    errors = np.array([error for page in printed if (error := page.error(name)) is not None])
    return {
        "printed": len(printed),
        "measured": len(errors),
        "bias": round(float(np.median(errors)), 1) if len(errors) else None,
        "median_absolute_error": round(float(np.median(np.abs(errors))), 1) if len(errors) else None,
        "ninth_decile": round(float(np.percentile(np.abs(errors), 90)), 1) if len(errors) else None,
    }


def _axis(pages: Sequence[PageRead], name: str) -> dict[str, Any]:
    printed = [page for page in pages if name in page.printed]
    errors = [error for page in printed if (error := page.error(name)) is not None]
    within = sum(abs(error) <= AXIS_TOLERANCE_DEG for error in errors)
    return {
        "printed": len(printed),
        "measured": len(errors),
        "within": round(within / len(printed), 4) if printed else None,
    }


def table(found: dict[str, Any]) -> str:
    """The figures as Markdown."""
    rates = found["heart_rate"]
    lines = [
        f"{found['pages']} pages, {found['seconds']:.2f} s a page to read and measure (median). Not read: "
        + (", ".join(f"{count} {reason}" for reason, count in found["unreadable"].items()) or "none")
        + ".",
        "",
        "| what | pages | result |",
        "| --- | --- | --- |",
        *(
            f"| heart rate within {RATE_TOLERANCE_BPM:.0f}/min of the printed one, {layout} | {row['pages']} | "
            f"{_percent(row['right'])} |"
            for layout, row in rates.items()
            if row["pages"]
        ),
        *(
            f"| {name.replace('_', ' ')}: median absolute error (bias; 90th percentile) | {row['measured']} of "
            f"{row['printed']} | {row['median_absolute_error']} ms ({row['bias']:+}; {row['ninth_decile']}) |"
            for name, row in found["intervals"].items()
            if row["measured"]
        ),
        *(
            f"| {name.replace('_', ' ')} within {AXIS_TOLERANCE_DEG:.0f}° | {row['measured']} of {row['printed']} | "
            f"{_percent(row['within'])} |"
            for name, row in found["axes"].items()
            if row["printed"]
        ),
    ]
    return "\n".join(lines)


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f} %"

"""``python -m bench.trace_reading``: how well pages are read back as signals.

Two yardsticks. Recorded signals (PTB-XL) are drawn as pages and read back: Pearson correlation and signal-to-noise
ratio of every lead against the truth. Real pages have no signals to compare with, but many carry the heart rate their
machine printed, and the limb leads of any heart agree with one another: both are compared with what was read.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ml.decode import decode
from ml.degradation import degrade
from ml.leads import LeadsUnreadable
from ml.leads.consistency import limb_agreement
from ml.leads.layouts import LAYOUTS
from ml.leads.reader import read_leads
from ml.measurements.measure import measure
from ml.render import FULL_SIZE, GRIDS, RenderedPage, render_page
from ml.synthetic import twelve_leads

if TYPE_CHECKING:
    from ml.leads import Lead

_SAMPLING_HZ = 100
_SMALL = (996, 707)


class Likeness(NamedTuple):
    """One lead against its truth."""

    pearson: float
    snr_db: float
    read: float


def compare(lead: Lead, truth_mv: NDArray[np.float64], sampling_hz: float, start_s: float) -> Likeness:
    """Compare a lead with its truth.

    The truth's own offset is taken off both: a page shows 0 mV nowhere but at a calibration pulse. The lead may be
    shifted by up to 40 ms, since a page has no clock either; gaps count against ``read`` only.
    """
    times = lead.times_s
    read = np.isfinite(lead.signal_mv)
    clock = start_s + np.arange(len(truth_mv)) / sampling_hz
    best = Likeness(-1.0, -99.0, float(read.mean()) if len(read) else 0.0)
    if read.sum() < 20:
        return best
    for shift in np.arange(-0.04, 0.0401, 0.002):
        truth = np.interp(times[read] + shift, clock, truth_mv)
        got = lead.signal_mv[read].astype(np.float64)
        truth, got = truth - truth.mean(), got - got.mean()
        power, noise = float((truth**2).sum()), float(((got - truth) ** 2).sum())
        norm = float(np.sqrt(power * (got**2).sum()))
        snr = 10 * float(np.log10(max(power, 1e-9) / max(noise, 1e-9)))
        if snr > best.snr_db:
            best = Likeness(float((truth * got).sum()) / max(norm, 1e-9), snr, best.read)
    return best


def rendered(arguments: argparse.Namespace) -> int:
    """Draw recordings, read them back, print a line for each kind of page."""
    microvolts = np.load(arguments.signals)
    recordings = microvolts[microvolts.files[0]]
    rng = np.random.default_rng(arguments.seed)
    kinds = [
        ("clean full", FULL_SIZE, 0.0),
        ("clean small", _SMALL, 0.0),
        ("photo full", FULL_SIZE, 1.0),
        ("photo small", _SMALL, 1.0),
        ("hurried photo full", FULL_SIZE, 2.0),
    ]
    print(
        "| pages | layout | read | Pearson median | Pearson ≥ 0.95 | ≥ 0.85 | SNR median dB | SNR ≥ 12 | CPU s a page |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for kind, size, strength in kinds:
        if arguments.kind and arguments.kind not in kind:
            continue
        for layout in arguments.layout or LAYOUTS:
            results, unreadable, taken = [], Counter[str](), []
            for number in rng.choice(len(recordings), arguments.pages, replace=False):
                page, signals = draw(recordings[number], layout, size, strength, int(number))
                began = time.process_time()
                try:
                    leads = read_leads(page.image)
                except LeadsUnreadable as reason:
                    unreadable[reason.code] += 1
                    continue
                finally:
                    taken.append(time.process_time() - began)
                if leads.layout != layout:
                    unreadable["wrong layout " + leads.layout] += 1
                    continue
                rows = [
                    (int(number), lead.name, compare(lead, signals[lead.name], _SAMPLING_HZ, 0.0)) for lead in leads.all
                ]
                results += [likeness for _, _, likeness in rows]
                if arguments.verbose:
                    for record, name, likeness in rows:
                        if likeness.pearson < 0.95:
                            print("  ", kind, layout, record, name, likeness, file=sys.stderr)
            pearson = np.array([likeness.pearson for likeness in results] or [np.nan])
            snr = np.array([likeness.snr_db for likeness in results] or [np.nan])
            done = arguments.pages - sum(unreadable.values())
            print(
                f"| {kind} | {layout} | {done}/{arguments.pages} {dict(unreadable) or ''} | {np.median(pearson):.4f} | "
                f"{(pearson >= 0.95).mean():.1%} | {(pearson >= 0.85).mean():.1%} | {np.median(snr):.1f} | "
                f"{(snr >= 12).mean():.1%} | {np.median(taken):.2f} |",
                flush=True,
            )
    return 0


def draw(
    recording: NDArray[np.int16], layout: str, size: tuple[int, int], strength: float, seed: int
) -> tuple[RenderedPage, dict[str, NDArray[np.float64]]]:
    """A page of a recording, (samples, 8) or (8, samples) in µV; grid, paper and photograph differ with the seed."""
    measured = recording if recording.shape[0] == 8 else recording.T
    signals = twelve_leads(measured.astype(np.float64) / 1000)
    grid = sorted(GRIDS)[seed % len(GRIDS)]
    page = render_page(signals, sampling_hz=_SAMPLING_HZ, layout=layout, size=size, grid=grid, texture=2.0, seed=seed)
    return degrade(page, seed, strength=strength), signals


def real(arguments: argparse.Namespace) -> int:
    """Read real pages and compare the heart rate with the printed one."""
    with (arguments.data / "manifest.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["printed_hr_bpm"] or arguments.all]
    rows = rows[:: arguments.every]
    pages: dict[str, list[_RealPage]] = defaultdict(list)
    for row in rows:
        image = decode((arguments.data / row["file"]).read_bytes()).pages[0]
        printed = float(row["printed_hr_bpm"] or "nan")
        began = time.process_time()
        try:
            leads = read_leads(image)
        except LeadsUnreadable as reason:
            print(row["file"], row["layout"], "unreadable", reason.code, flush=True)
            pages[row["layout"]].append(_RealPage(time.process_time() - began, False, printed, None, 0.0))
            continue
        taken = time.process_time() - began
        found = _RealPage(taken, True, printed, measure(leads).get("heart_rate"), min(limb_agreement(leads.leads)))
        pages[row["layout"]].append(found)
        if np.isfinite(printed) and not found.agrees:
            print(row["file"], row["layout"], f"as {leads.layout}", f"read {found.bpm and round(found.bpm)}", end=" ")
            print(f"printed {printed:.0f}", f"limb leads {found.limbs:.2f}", flush=True)
    pages["all"] = [page for layout in list(pages) for page in pages[layout]]
    print("| layout | pages | read | rate within 3/min of the printed | limb leads agree, median | ≥ 0.8 | CPU s |")
    print("|---|---|---|---|---|---|---|")
    for layout, found_pages in pages.items():
        rated = [page.agrees for page in found_pages if np.isfinite(page.printed)]
        limbs = np.array([page.limbs for page in found_pages if page.read] or [np.nan])
        print(
            f"| {layout} | {len(found_pages)} | {sum(page.read for page in found_pages)} | "
            f"{sum(rated)} of {len(rated)} ({sum(rated) / max(len(rated), 1):.1%}) | {np.median(limbs):.3f} | "
            f"{(limbs >= 0.8).mean():.1%} | {np.median([page.cpu_s for page in found_pages]):.3f} |"
        )
    return 0


class _RealPage(NamedTuple):
    cpu_s: float
    read: bool
    printed: float
    bpm: float | None
    limbs: float

    @property
    def agrees(self) -> bool:
        return self.bpm is not None and abs(self.bpm - self.printed) <= 3


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.trace_reading", description=__doc__)
    commands = parser.add_subparsers(required=True)
    back = commands.add_parser("rendered", help="draw recordings and read them back")
    back.add_argument(
        "signals", type=Path, help=".npz with (records, 8, samples) or (records, samples, 8) in µV, 100 Hz"
    )
    back.add_argument("--pages", type=int, default=20, help="for each layout and kind of page")
    back.add_argument("--layout", action="append", choices=sorted(LAYOUTS))
    back.add_argument("--kind", default="", help="only kinds that contain this word")
    back.add_argument("--seed", type=int, default=0)
    back.add_argument("--verbose", action="store_true", help="name the leads below 0.95")
    back.set_defaults(run=rendered)
    pages = commands.add_parser("real", help="read real pages and compare heart rates")
    pages.add_argument("data", type=Path, help="folder with manifest.csv")
    pages.add_argument("--every", type=int, default=1, help="every n-th page only")
    pages.add_argument("--all", action="store_true", help="also pages without a printed rate")
    pages.set_defaults(run=real)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    status: int = arguments.run(arguments)
    return status


if __name__ == "__main__":
    sys.exit(main())

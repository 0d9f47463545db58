"""``python -m ml leads FILE``: the twelve leads of a page as signals."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ml.decode import MAX_BYTES, decode, encode_png
from ml.errors import PageRejected
from ml.leads import LeadsUnreadable
from ml.leads.formats import to_csv, to_json
from ml.leads.plot import drawn_over
from ml.leads.reader import read_leads

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ml.leads import Leads


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Read the twelve leads of an ECG page as signals in mV. Prints what was found; with --json or --csv the "
        "signals themselves, empty where the page shows no trace. Exit status: 0 if the page was read, 1 if not."
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="JPEG, PNG, TIFF, WebP, PDF or DICOM")
    parser.add_argument("--page", type=int, default=1, help="page of a PDF (default 1)")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="everything, signals and paths included, as one JSON object")
    form.add_argument("--csv", action="store_true", help="one row a sample: lead, rhythm, time_s, mv")
    parser.add_argument("--rate", type=float, metavar="HZ", help="resample the signals of --json to this rate")
    parser.add_argument("--plot", type=Path, metavar="PNG", help="also draw what was read over the page")


def run(args: argparse.Namespace) -> int:
    """Read the page that ``args`` name and print it. Returns the exit status."""
    try:
        with args.file.open("rb") as handle:
            # One byte more than allowed is enough for `decode` to refuse it.
            pages = decode(handle.read(MAX_BYTES + 1)).pages
        if not 1 <= args.page <= len(pages):
            return _refuse("no_such_page", f"The file has {len(pages)} pages.", args)
        page = pages[args.page - 1]
        leads = read_leads(page)
    except (PageRejected, LeadsUnreadable) as refusal:
        return _refuse(refusal.code, refusal.message, args)
    except OSError as error:
        return _refuse("unreadable_file", error.strerror or str(error), args)
    if args.json:
        print(json.dumps(as_dict(leads, args.rate), ensure_ascii=False))
    elif args.csv:
        sys.stdout.write(to_csv(to_json(leads)))
    else:
        _print_summary(leads)
    if args.plot is not None:
        args.plot.write_bytes(encode_png(drawn_over(page, leads)))
    return 0


def as_dict(leads: Leads, rate_hz: float | None = None) -> dict[str, Any]:
    """`ml.leads.formats.to_json` with the paths on the page.

    Args:
        leads: a page's leads.
        rate_hz: rate to resample the signals to; by default one sample a pixel column. Paths are never resampled.
    """
    found = to_json(leads)
    for stretch, lead in zip(found["leads"], leads.all, strict=True):
        if rate_hz is not None:
            stretch["sampling_rate_hz"] = rate_hz
            stretch["signal_mv"] = _numbers(lead.resampled(rate_hz), 3)
        stretch["path"] = {"x": _numbers(lead.path[:, 0], 2), "y": _numbers(lead.path[:, 1], 2)}
    return found


def _numbers(values: NDArray[np.float32], decimals: int) -> list[float | None]:
    # JSON has no NaN.
    return [round(value, decimals) if np.isfinite(value) else None for value in values.tolist()]


def _print_summary(leads: Leads) -> None:
    print(f"layout {leads.layout}, {leads.px_per_mm:.2f} px/mm by the {leads.scale_source}, ", end="")
    print(f"turned by {leads.rotation_deg:.1f}°, {leads.gain_mm_per_mv:g} mm/mV")
    for lead in leads.all:
        kind = "rhythm strip" if lead.rhythm else "lead"
        known = lead.signal_mv[np.isfinite(lead.signal_mv)]
        span = f"{known.min():+.2f} … {known.max():+.2f} mV" if known.size else "nothing read"
        when = f"{abs(lead.start_s):5.2f} s + {lead.duration_s:5.2f} s"
        print(f"{lead.name:>4} {kind:<12} {when}  {span}  quality {lead.quality:.2f}")
    for code in leads.warnings:
        print(f"warning: {code}")


def _refuse(code: str, message: str, args: argparse.Namespace) -> int:
    if args.json:
        print(json.dumps({"reason": code, "message": message}, ensure_ascii=False))
    else:
        print(f"{code}: {message}", file=sys.stderr)
    return 1

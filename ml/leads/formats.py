"""Leads as others read them: JSON, CSV, and a drawing to be laid over the page."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ml.leads.signals import Lead, Leads


def to_json(leads: Leads) -> dict[str, Any]:
    """JSON-ready: scale and layout of the page; every stretch with its signal in mV, gaps as null."""
    return {
        "layout": leads.layout,
        "px_per_mm": round(leads.px_per_mm, 3),
        "scale_source": leads.scale_source,
        "rotation_deg": round(leads.rotation_deg, 2),
        "gain_mm_per_mv": round(leads.gain_mm_per_mv, 2),
        "warnings": list(leads.warnings),
        "leads": [_stretch(lead) for lead in leads.all],
    }


def _stretch(lead: Lead) -> dict[str, Any]:
    return {
        "name": lead.name,
        "rhythm": lead.rhythm,
        "start_s": round(lead.start_s, 4),
        "sampling_rate_hz": round(lead.sampling_rate_hz, 3),
        "quality": round(lead.quality, 3),
        "label_agrees": lead.label_agrees,
        "signal_mv": [None if np.isnan(value) else round(float(value), 3) for value in lead.signal_mv],
    }


def to_csv(found: Mapping[str, Any]) -> str:
    """The same (`to_json`) as a table with a row for each sample: lead, rhythm, time_s, mv; gaps have no mv."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("lead", "rhythm", "time_s", "mv"))
    for stretch in found["leads"]:
        for number, value in enumerate(stretch["signal_mv"]):
            time = stretch["start_s"] + number / stretch["sampling_rate_hz"]
            writer.writerow((stretch["name"], int(stretch["rhythm"]), f"{time:.4f}", "" if value is None else value))
    return out.getvalue()


def to_svg(leads: Leads, page_shape: Sequence[int]) -> str:
    """What was read as lines in page coordinates, transparent, of the page's own aspect.

    Args:
        leads: as read.
        page_shape: (height, width, …) of the page in pixels.
    """
    height, width = page_shape[:2]
    lines = "".join(
        f'<polyline data-lead="{lead.name}" points="{points}"/>' for lead in leads.all for points in _unbroken(lead)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" preserveAspectRatio="none">'
        f'<g fill="none" stroke="#0050d8" stroke-width="{max(leads.px_per_mm * 0.35, 1):.1f}" stroke-linejoin="round">'
        f"{lines}</g></svg>"
    )


def _unbroken(lead: Lead) -> Iterator[str]:
    """The stretch's points, one text for each part between gaps."""
    read = np.asarray(np.isfinite(lead.path).all(axis=1))
    for part in np.split(np.arange(len(read)), np.flatnonzero(np.diff(read)) + 1):
        if len(part) > 1 and read[part[0]]:
            yield " ".join(f"{x:.0f},{y:.1f}" for x, y in lead.path[part].tolist())

"""Where on the page the evidence lies that the trace network found in the signals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from ml.explain.maps import to_unit
from ml.leads.layouts import LEADS
from ml.trace_network.views import BEAT_TIMES_S, MEASURED, STRIP_RATE_HZ

if TYPE_CHECKING:
    from ml.leads import Lead, Leads
    from ml.measurements.values import Measurements
    from ml.page import Crop
    from ml.trace_network.relevance import Relevance

_MAP_WIDTH: Final = 480
# Wide enough to be seen around the pen's line.
_SPREAD_MM: Final = 2.0


def lead_shares(relevance: Relevance) -> dict[str, float]:
    """Lead → share of the evidence for the answer that its typical beat and its measurements hold.

    What the rhythm strip and the measurements of the whole page hold belongs to no lead, so shares add up to less
    than 1.
    """
    for_it = {lead: float(np.maximum(relevance.beats[row], 0).sum()) for row, lead in enumerate(LEADS)}
    elsewhere = float(np.maximum(relevance.rhythm, 0).sum())
    for (_, lead), value in zip(MEASURED, np.maximum(relevance.measurements, 0), strict=True):
        if lead is None:
            elsewhere += float(value)
        else:
            for_it[lead] += float(value)
    total = sum(for_it.values()) + elsewhere
    return {lead: value / total for lead, value in for_it.items()} if total > 0 else {}


def on_page(relevance: Relevance, leads: Leads, measured: Measurements, crop: Crop) -> NDArray[np.float32]:
    """The evidence for the answer as a map over the crop, (h, w) float32 in 0…1.

    What speaks for the class in a lead's typical beat is laid on each of its beats, that of the strip on the strip.
    """
    found, scale = _empty(crop)

    def lay(lead: Lead, times: NDArray[np.float64], values: NDArray[np.float32]) -> None:
        at = np.round((times - lead.start_s) * lead.sampling_rate_hz).astype(int)
        inside = (at >= 0) & (at < len(lead.path))
        points, weights = lead.path[at[inside]], np.maximum(values[inside], 0.0)
        known = np.isfinite(points).all(axis=1)
        columns = np.round((points[known, 0] - crop.x) * scale).astype(int)
        rows = np.round((points[known, 1] - crop.y) * scale).astype(int)
        within = (rows >= 0) & (rows < found.shape[0]) & (columns >= 0) & (columns < found.shape[1])
        np.add.at(found, (rows[within], columns[within]), weights[known][within])

    for row, name in enumerate(LEADS):
        lead = leads.leads.get(name)
        if lead is not None:
            own = [beat for beat in measured.beats_s if lead.start_s <= beat < lead.start_s + lead.duration_s]
            for beat in own:
                lay(lead, beat + BEAT_TIMES_S, relevance.beats[row] / len(own))
    strip = leads.longest
    lay(strip, strip.start_s + np.arange(len(relevance.rhythm)) / STRIP_RATE_HZ, relevance.rhythm)
    return to_unit(cv2.GaussianBlur(found, (0, 0), max(_SPREAD_MM * leads.px_per_mm * scale, 1.0)))


def leads_on_page(relevance: Relevance, leads: Leads, crop: Crop) -> NDArray[np.float32]:
    """The same where only whole leads are known to speak for the class: a band of one strength along each trace."""
    found, scale = _empty(crop)
    pen = max(round(2 * _SPREAD_MM * leads.px_per_mm * scale), 1)

    def draw(lead: Lead, value: float) -> None:
        points = (lead.path[np.isfinite(lead.path).all(axis=1)] - [crop.x, crop.y]) * scale
        if value > 0 and len(points):
            band = cv2.polylines(np.zeros_like(found), [np.round(points).astype(np.int32)], False, value, pen)
            np.maximum(found, band, out=found)

    for row, name in enumerate(LEADS):
        if name in leads.leads:
            draw(leads.leads[name], float(relevance.beats[row].sum()))
    draw(leads.longest, float(relevance.rhythm.sum()))
    return to_unit(cv2.GaussianBlur(found, (0, 0), max(0.25 * pen, 1.0)))


def _empty(crop: Crop) -> tuple[NDArray[np.float32], float]:
    """A map over a crop, and its pixels per page pixel."""
    scale = min(_MAP_WIDTH / crop.width, 1.0)
    return np.zeros((max(round(crop.height * scale), 1), max(round(crop.width * scale), 1)), np.float32), scale

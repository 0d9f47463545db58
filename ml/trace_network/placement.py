"""Where on the page the evidence lies that the trace network found in the signals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from ml.leads.layouts import LEADS
from ml.trace_network.views import BEAT_TIMES_S, MEASURED, STRIP_RATE_HZ

if TYPE_CHECKING:
    from ml.leads import Lead, Leads
    from ml.measurements.values import Measurements
    from ml.page import Crop
    from ml.trace_network.relevance import Relevance

_MAP_WIDTH: Final = 480
_SPREAD_MM: Final = 1.0


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
    scale = min(_MAP_WIDTH / crop.width, 1.0)
    found = np.zeros((max(round(crop.height * scale), 1), max(round(crop.width * scale), 1)), np.float32)

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
    smooth = cv2.GaussianBlur(found, (0, 0), max(_SPREAD_MM * leads.px_per_mm * scale, 1.0))
    most = float(smooth.max())
    return np.asarray(smooth / most if most > 0 else smooth, dtype=np.float32)

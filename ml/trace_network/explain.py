"""Where in the signals the trace network found its evidence, for any class, by two methods."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from ml.errors import PageRejected
from ml.leads import LeadsUnreadable
from ml.leads.layouts import LEADS
from ml.trace_network.placement import lead_shares, leads_on_page, on_page
from ml.trace_network.relevance import Relevance
from ml.trace_network.views import MEASURED, Views, batch, views_of, without
from ml.traces import read_traces

if TYPE_CHECKING:
    from ml.decode import Page
    from ml.page import EcgRegion
    from ml.trace_network.serving import TraceNetwork

RELEVANCE: Final = "trace_relevance"
OCCLUSION: Final = "lead_occlusion"


def attribute(
    network: TraceNetwork, page: Page, region: EcgRegion, method: str, label: int | None
) -> tuple[int, NDArray[np.float32], dict[str, float]]:
    """Explain the answer for a page.

    Args:
        network: that answered.
        page: RGB, (H, W, 3) uint8.
        region: of the ECG on it.
        method: `RELEVANCE` or `OCCLUSION`.
        label: index of the class; None means the most probable one.

    Returns:
        The class's index, the map (h, w) over the region's crop in 0…1, and lead → share of the evidence for it.

    Raises:
        PageRejected: there are no signals to explain.
    """
    try:
        traces = read_traces(page, region)
    except LeadsUnreadable as refusal:
        raise PageRejected(refusal.code, refusal.message) from refusal
    views = views_of(traces.leads, traces.examined)
    answer = network.read(views, label)
    index = int(answer.probabilities.argmax()) if label is None else label
    if method == RELEVANCE:
        found = answer.relevance
        drawn = on_page(found, traces.leads, traces.measurements, region.crop)
    else:
        found = without_each_lead(network, views, index)
        drawn = leads_on_page(found, traces.leads, region.crop)
    return index, drawn, {name: round(share, 4) for name, share in lead_shares(found).items()}


def without_each_lead(network: TraceNetwork, views: Views, label: int) -> Relevance:
    """By how much the class's logit falls where one lead, with all that was measured on it, is not seen; likewise the
    strip. Leads whose absence raises it count as nothing."""
    altered = [views, *(without(views, lead) for lead in LEADS), replace(views, rhythm=np.zeros_like(views.rhythm))]
    logits = network.logits(batch(altered))[:, label]
    falls = np.maximum(logits[0] - logits[1:], 0.0).astype(np.float32)
    seen = views.beats[..., 1] / np.maximum(views.beats[..., 1].sum(axis=1, keepdims=True), 1.0)
    strip = views.rhythm[..., 1] / max(float(views.rhythm[..., 1].sum()), 1.0)
    return Relevance(
        beats=seen * falls[: len(LEADS), None],
        rhythm=strip * falls[-1],
        measurements=np.zeros(len(MEASURED), np.float32),
    )

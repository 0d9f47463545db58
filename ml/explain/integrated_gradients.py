"""Integrated gradients (Sundararajan, Taly and Yan 2017, arXiv:1703.01365)."""

from __future__ import annotations

from typing import Final

import numpy as np

from ml.explain.network import Attribution, Floats, Network, Progress, no_progress
from ml.explain.paper import paper_of, visible

STEPS: Final = 48


def attribute(network: Network, page: Floats, label: int, progress: Progress = no_progress) -> Attribution:
    """What print adds to the label's logit compared with blank paper, (height/4, width/4) ≥ 0.

    Args:
        network: the network.
        page: model input (height, width) in 0…255.
        label: index of the class.
        progress: told the share done, several times a second.

    Returns:
        The map, and ``completeness_gap``: by how much its signed sum misses the difference of the two logits, as a
        share of that difference; small if `STEPS` are enough.
    """
    paper = paper_of(page)
    signed = integrate(network, page, paper, label, progress)
    ends = np.stack([paper, page])
    at_paper, at_page = network.logits(2, lambda start, stop: ends[start:stop])[:, label]
    difference = float(at_page - at_paper)
    gap = abs(float(signed.sum(dtype=np.float64)) - difference) / max(abs(difference), 1e-6)
    return visible(signed), {"completeness_gap": round(gap, 4)}


def integrate(
    network: Network,
    page: Floats,
    baseline: Floats,
    label: int,
    progress: Progress = no_progress,
    *,
    steps: int = STEPS,
) -> Floats:
    """(page - baseline) × mean gradient along the straight line between them, midpoint rule; (height, width), signed.

    Completeness: the sum is the logit at ``page`` less the logit at ``baseline``, up to the rule's error.
    """

    def on_the_way(start: int, stop: int) -> Floats:
        shares = ((np.arange(start, stop) + 0.5) / steps).astype(np.float32)
        return baseline + shares[:, None, None] * (page - baseline)

    mean = network.gradients(steps, on_the_way, label, progress).mean(axis=0, dtype=np.float64)
    return np.asarray((page - baseline) * mean, dtype=np.float32)

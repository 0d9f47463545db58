"""Score-CAM (Wang et al. 2020, arXiv:1910.01279), its maps chosen as in Faster Score-CAM.

tf-keras-vis has it too, but hides pages by multiplying them, which paints everything black: ink, to these networks. It
also holds every masked page in memory at once and cannot be stopped. Over a black page both agree; a test says so.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from ml.explain.network import Attribution, Floats, Network, Progress, no_progress
from ml.explain.paper import paper_of

# Feature maps that are tried, those that vary most over the page; the rest would cost time and change little.
MAPS: Final = 96


def attribute(network: Network, page: Floats, label: int, progress: Progress = no_progress) -> Attribution:
    """Feature maps, each weighted by the label's probability when only its own region is printed; (h, w).

    Args:
        network: the network.
        page: model input (height, width) in 0…255.
        label: index of the class.
        progress: told the share done, several times a second.
    """
    return score_weighted(network, page, paper_of(page), label, progress), {}


def score_weighted(
    network: Network,
    page: Floats,
    baseline: Floats,
    label: int,
    progress: Progress = no_progress,
    *,
    maps: int = MAPS,
) -> Floats:
    """The same over any baseline (height, width), which stands where a mask hides the page."""
    features = network.features(page)
    liveliest = np.argsort(-features.std(axis=(0, 1)), kind="stable")[:maps]
    features = features[..., liveliest]

    def masked(start: int, stop: int) -> Floats:
        masks = np.stack([_mask(features[..., index], page.shape) for index in range(start, stop)])
        return baseline + masks * (page - baseline)

    logits = network.logits(features.shape[-1], masked, progress)
    probabilities = np.exp(logits - logits.max(axis=1, keepdims=True))
    weights = probabilities[:, label] / probabilities.sum(axis=1)
    return np.asarray(np.maximum(features @ weights, 0.0), dtype=np.float32)


def _mask(feature: Floats, shape: tuple[int, ...]) -> Floats:
    """One feature map enlarged to the page and stretched to 0…1."""
    enlarged = cv2.resize(feature, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)
    low, high = float(enlarged.min()), float(enlarged.max())
    return np.asarray((enlarged - low) / (high - low + 1e-7), dtype=np.float32)

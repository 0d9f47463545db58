"""Saliency (Simonyan et al. 2014, arXiv:1312.6034), smoothed as SmoothGrad (Smilkov et al. 2017, arXiv:1706.03825).

The library draws SmoothGrad's noise unseeded and reports no progress, so the noisy copies are ours and each copy's
saliency is the network's compiled gradient; a test holds it to that of tf-keras-vis.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from ml.explain.network import Attribution, Floats, Network, Progress, no_progress
from ml.explain.paper import visible

COPIES: Final = 24
# Standard deviation of the noise as a share of the page's contrast. The paper's 10–20 % is for photographs; on thin
# strokes half of the lower end already hides the grid.
NOISE: Final = 0.05
_SEED: Final = 20


def attribute(network: Network, page: Floats, label: int, progress: Progress = no_progress) -> Attribution:
    """Mean size of the gradient of the label's logit over noisy copies of a page, (height/4, width/4).

    Args:
        network: the network.
        page: model input (height, width) in 0…255.
        label: index of the class.
        progress: told the share done, several times a second.
    """
    return visible(smooth_grad(network, page, label, progress)), {}


def smooth_grad(
    network: Network,
    page: Floats,
    label: int,
    progress: Progress = no_progress,
    *,
    copies: int = COPIES,
    noise: float = NOISE,
) -> Floats:
    """The same per pixel, (height, width); seeded, so a page always gets the same map."""
    rng = np.random.default_rng(_SEED)
    sigma = noise * float(page.max() - page.min())

    def noisy(start: int, stop: int) -> Floats:
        return page + rng.normal(0.0, sigma, (stop - start, *page.shape)).astype(np.float32)

    gradients = network.gradients(copies, noisy, label, progress)
    return np.asarray(np.abs(gradients).mean(axis=0), dtype=np.float32)

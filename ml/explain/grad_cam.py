"""Grad-CAM (Selvaraju et al. 2017, arXiv:1610.02391), by tf-keras-vis; equal to what the predictor computes."""

from __future__ import annotations

from ml.explain.network import Attribution, Floats, Network, Progress, no_progress
from ml.explain.vis import Gradcam, class_activation


def attribute(network: Network, page: Floats, label: int, progress: Progress = no_progress) -> Attribution:
    """The attribution layer's maps, weighted by the mean gradient of the label's logit; (h, w) of that layer.

    Args:
        network: the network.
        page: model input (height, width) in 0…255.
        label: index of the class.
        progress: told 1 at the end.
    """
    found = class_activation(Gradcam, network, page, label)
    progress(1.0)
    return found, {}

"""Grad-CAM++ (Chattopadhay et al. 2018, arXiv:1710.11063), by tf-keras-vis."""

from __future__ import annotations

from ml.explain.network import Attribution, Floats, Network, Progress, no_progress
from ml.explain.vis import GradcamPlusPlus, class_activation


def attribute(network: Network, page: Floats, label: int, progress: Progress = no_progress) -> Attribution:
    """The attribution layer's maps, weighted pixel by pixel where the gradient is positive; (h, w).

    Args:
        network: the network.
        page: model input (height, width) in 0…255.
        label: index of the class.
        progress: told 1 at the end.
    """
    found = class_activation(GradcamPlusPlus, network, page, label)
    progress(1.0)
    return found, {}

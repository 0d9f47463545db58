"""The network's own spatial attention (Woo et al. 2018, CBAM, arXiv:1807.06521), for networks that have such layers."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from ml.explain.network import Attribution, Floats, Network, Progress, no_progress

LAYER_PREFIX: Final = "spatial_attention"


def attribute(network: Network, page: Floats, label: int, progress: Progress = no_progress) -> Attribution:
    """Mean of the network's spatial-attention maps at the finest one's resolution, (h, w).

    Attention lies near one half everywhere; its least value is taken away, so that the differences show.

    Args:
        network: the network.
        page: model input (height, width) in 0…255.
        label: no matter; attention comes before the classes part.
        progress: told 1 at the end.

    Raises:
        ValueError: the network has no layer whose name begins with ``spatial_attention``.
    """
    del label
    names = [layer.name for layer in network.model.layers if layer.name.startswith(LAYER_PREFIX)]
    if not names:
        raise ValueError("this network has no spatial attention")
    maps = [found[..., 0] for found in network.outputs_of(tuple(names), page)]
    finest = max(maps, key=lambda found: found.size)
    size = (finest.shape[1], finest.shape[0])
    mean = np.mean([cv2.resize(found, size, interpolation=cv2.INTER_LINEAR) for found in maps], axis=0)
    progress(1.0)
    return np.asarray(mean - mean.min(), dtype=np.float32), {}

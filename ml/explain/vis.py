"""tf-keras-vis 0.8.7 as our networks need it."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ml.explain.network import Floats, Network

with warnings.catch_warnings():
    # It imports SciPy's zoom from a place that SciPy has deprecated.
    warnings.simplefilter("ignore", DeprecationWarning)
    from tf_keras_vis.gradcam import Gradcam
    from tf_keras_vis.gradcam_plus_plus import GradcamPlusPlus
    from tf_keras_vis.utils.scores import CategoricalScore


def class_activation(kind: type[Gradcam], network: Network, page: Floats, label: int) -> Floats:
    """A class activation map (h, w) ≥ 0 of the network's attribution layer, at that layer's resolution.

    The library's own scaling to 0…1 takes the minimum away and so shows weak evidence everywhere as none; it stays off.
    """
    maps = kind(network.model, clone=False)(
        CategoricalScore(label),
        page[None, ..., None],
        penultimate_layer=network.attribution_layer,
        # The layer named in the bundle is an activation, not the convolution before it.
        seek_penultimate_conv_layer=False,
        expand_cam=False,
        normalize_cam=False,
    )
    return np.asarray(maps[0], dtype=np.float32)


__all__ = ["CategoricalScore", "Gradcam", "GradcamPlusPlus", "class_activation"]

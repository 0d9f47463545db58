"""EfficientNet-B0 (Tan and Le 2019, arXiv:1905.11946) with one dense layer."""

from __future__ import annotations

import keras

from ml.architectures.backbones import classifier


def build(height: int, width: int, classes: int) -> keras.Model:
    """Build the network; see `ml.architectures.backbones.classifier`."""
    return classifier(height, width, classes, "efficientnet_b0")

"""MobileNetV2 (Sandler et al. 2018, arXiv:1801.04381) with one dense layer."""

from __future__ import annotations

import keras

from ml.architectures.backbones import classifier


def build(height: int, width: int, classes: int) -> keras.Model:
    """Build the network; see `ml.architectures.backbones.classifier`."""
    return classifier(height, width, classes, "mobilenet_v2")

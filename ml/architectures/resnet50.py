"""ResNet50 (He et al. 2016, arXiv:1512.03385) with one dense layer; trained in two phases where weights exist."""

from __future__ import annotations

import keras

from ml.architectures.backbones import classifier


def build(height: int, width: int, classes: int) -> keras.Model:
    """Build the network; see `ml.architectures.backbones.classifier`."""
    return classifier(height, width, classes, "resnet50")

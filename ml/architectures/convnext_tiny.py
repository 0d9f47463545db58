"""ConvNeXt-Tiny (Liu et al. 2022, arXiv:2201.03545) with one dense layer."""

from __future__ import annotations

import keras

from ml.architectures.backbones import classifier


def build(height: int, width: int, classes: int) -> keras.Model:
    """Build the network; see `ml.architectures.backbones.classifier`."""
    return classifier(height, width, classes, "convnext_tiny")

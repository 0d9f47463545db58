"""DenseNet121 (Huang et al. 2017, arXiv:1608.06993) with one dense layer."""

from __future__ import annotations

import keras

from ml.architectures.backbones import classifier


def build(height: int, width: int, classes: int) -> keras.Model:
    """Build the network; see `ml.architectures.backbones.classifier`."""
    return classifier(height, width, classes, "densenet121")

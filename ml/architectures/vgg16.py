"""VGG16 (Simonyan and Zisserman 2015, arXiv:1409.1556) without its dense layers, with one of ours."""

from __future__ import annotations

import keras

from ml.architectures.backbones import classifier


def build(height: int, width: int, classes: int) -> keras.Model:
    """Build the network; see `ml.architectures.backbones.classifier`."""
    return classifier(height, width, classes, "vgg16")

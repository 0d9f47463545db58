"""A real network that trains in seconds: what the tests of searches and devices put into the registry."""

from __future__ import annotations

import keras
from keras import layers

from ml.architectures import REGISTRY, Architecture

SIZE = (48, 96)


def build(height: int, width: int, classes: int) -> keras.Model:
    page = keras.Input((height, width, 1), name="page")
    x = layers.Rescaling(-1 / 255, offset=1.0)(page)
    x = layers.Conv2D(6, 5, strides=4, activation="relu", name="features")(x)
    x = layers.Flatten()(layers.AveragePooling2D(3)(x))
    return keras.Model(page, layers.Dense(classes, name="logits")(x))


ARCHITECTURE = Architecture(__name__, SIZE, "for tests")


def register() -> None:
    REGISTRY["tiny"] = ARCHITECTURE

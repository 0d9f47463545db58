"""Networks so small that the right explanation is known, and a page to explain."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from ml.bundle import CARD, MODEL, Calibration, write_manifest
from ml.preprocessing import PreprocessingSpec

if TYPE_CHECKING:
    from pathlib import Path

    import keras

    from ml.explain.explainer import Explainer
    from ml.explain.network import Floats, Network

HEIGHT, WIDTH = 64, 96
# What a logit gains per unit of mean ink in the quadrant that speaks for its class, and loses in the other.
GAIN = 600.0


def two_quadrants() -> keras.Model:
    """Sees the upper left quadrant as evidence for class 0, the lower right one for class 1, and nothing else.

    Each of two feature maps is the ink of one quadrant, averaged over 4 × 4 pixels; each logit is their difference.
    """
    import keras
    from keras import layers

    page = keras.Input((HEIGHT, WIDTH, 1), name="page")
    ink = layers.AveragePooling2D(4)(layers.Rescaling(-1.0 / 255.0, offset=1.0)(page))
    rows, columns = HEIGHT // 8, WIDTH // 8
    upper_left, lower_right = ((0, rows), (0, columns)), ((rows, 0), (columns, 0))
    quadrants = [layers.ZeroPadding2D(edge)(layers.Cropping2D(edge)(ink)) for edge in (upper_left, lower_right)]
    features = layers.Concatenate(name="features")(quadrants)
    attention = layers.Conv2D(1, 1, activation="sigmoid", name="spatial_attention_1")(features)
    coarser = layers.AveragePooling2D(2, name="spatial_attention_2")(attention)
    mean = layers.GlobalAveragePooling2D()(features)
    # The attention must be part of the graph; it has no say.
    silence = layers.Dense(2, use_bias=False, kernel_initializer="zeros", name="silent")
    silent = silence(layers.GlobalAveragePooling2D()(coarser))
    logits = layers.Add(name="logits")([layers.Dense(2, name="weigh")(mean), silent])
    model = keras.Model(page, logits)
    model.get_layer("weigh").set_weights(
        [np.array([[GAIN, -GAIN], [-GAIN, GAIN]], np.float32), np.zeros(2, np.float32)]
    )
    model.get_layer("spatial_attention_1").set_weights([np.array([[[[40.0], [0.0]]]], np.float32), np.zeros(1)])
    return model


def untrained() -> keras.Model:
    """A little network with bends in it and random weights, always the same."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(5)
    page = keras.Input((HEIGHT, WIDTH, 1), name="page")
    x = layers.Rescaling(-1.0 / 255.0, offset=1.0)(page)
    for number, filters in enumerate((8, 12)):
        x = layers.Conv2D(filters, 5, strides=2, padding="same", name=f"conv{number}")(x)
        x = layers.BatchNormalization(name=f"norm{number}")(x)
        x = layers.ReLU(name=f"relu{number}")(x)
    x = layers.Concatenate()([layers.GlobalAveragePooling2D()(x), layers.GlobalMaxPooling2D()(x)])
    x = layers.Dense(16, activation="relu", name="hidden")(x)
    return keras.Model(page, layers.Dense(2, name="logits")(x))


@pytest.fixture(scope="session")
def quadrants() -> Network:
    from ml.explain.network import Network

    return Network(two_quadrants(), "features")


@pytest.fixture(scope="session")
def bent() -> Network:
    from ml.explain.network import Network

    return Network(untrained(), "relu1")


@pytest.fixture(scope="session")
def strokes() -> Floats:
    """A model input with the same thin strokes in each quadrant, on paper of tone 230."""
    page = np.full((HEIGHT, WIDTH), 230.0, np.float32)
    for row in range(6, HEIGHT, 16):
        page[row] = 40.0
        page[row - 4 : row, 8::24] = 40.0
    return page


@pytest.fixture(scope="session")
def small_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`two_quadrants` as a bundle that is not square."""
    folder = tmp_path_factory.mktemp("bundle")
    two_quadrants().save(folder / MODEL)
    (folder / CARD).write_text("# Two quadrants\n")
    write_manifest(
        folder,
        name="two_quadrants",
        version="1.0.0",
        classes=("normal", "mi"),
        architecture="efficientnet_lite0_msa",
        attribution_layer="features",
        preprocessing=PreprocessingSpec(height=HEIGHT, width=WIDTH),
        calibration=Calibration(1.0, 0.5),
        metrics={},
    )
    return folder


@pytest.fixture(scope="session")
def small_explainer(small_bundle: Path) -> Explainer:
    from ml.explain.explainer import Explainer

    return Explainer.load(small_bundle)

"""A small convolutional network for grayscale pages, about 423 thousand parameters, trained from scratch."""

from __future__ import annotations

import keras
from keras import layers


def build(height: int, width: int, classes: int) -> keras.Model:
    """Build the network.

    A strided stem keeps the cost on a CPU low; the stages widen the receptive field down to 24 × 24 maps for a
    384-pixel input, fine enough for a heatmap to tell one lead from the next.

    Args:
        height, width: input size in pixels.
        classes: number of outputs.

    Returns:
        A flat functional model (N, height, width, 1) in 0…255 → (N, classes) logits. Its layer ``features`` holds
        the maps that Grad-CAM reads.
    """

    page = keras.Input((height, width, 1), name="page")
    x = feature_maps(page, last="features")
    mean = layers.GlobalAveragePooling2D(name="mean")(x)
    peak = layers.GlobalMaxPooling2D(name="peak")(x)
    x = layers.Concatenate(name="pooled")([mean, peak])
    x = layers.Dropout(0.4, name="dropout_pooled")(x)
    x = layers.Dense(107, activation="relu", name="hidden")(x)
    x = layers.Dropout(0.3, name="dropout_hidden")(x)
    logits = layers.Dense(classes, name="logits", dtype="float32")(x)
    return keras.Model(page, logits, name="custom_cnn")


def feature_maps(page: keras.KerasTensor, *, last: str = "stage5") -> keras.KerasTensor:
    """The convolutional part on top of a page (N, H, W, 1) in 0…255: maps (N, H / 16, W / 16, 176)."""
    # Ink becomes 1 and paper 0: zero padding then looks like paper.
    x = layers.Rescaling(-1.0 / 255.0, offset=1.0, name="ink")(page)
    x = _convolve(x, 16, "stem", kernel=5, strides=2)
    x = layers.MaxPooling2D(name="pool1")(x)
    x = _convolve(x, 32, "stage1")
    x = _convolve(x, 56, "stage2")
    x = layers.MaxPooling2D(name="pool2")(x)
    x = _convolve(x, 96, "stage3")
    x = layers.MaxPooling2D(name="pool3")(x)
    x = _convolve(x, 128, "stage4")
    return _convolve(x, 176, last)


def _convolve(x: keras.KerasTensor, filters: int, name: str, *, kernel: int = 3, strides: int = 1) -> keras.KerasTensor:
    x = layers.Conv2D(
        filters,
        kernel,
        strides=strides,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=f"{name}_conv",
    )(x)
    x = layers.BatchNormalization(name=f"{name}_norm")(x)
    return layers.ReLU(name=name)(x)

"""Custom CNN, MobileNetV2 and VGG16 side by side, their features concatenated."""

from __future__ import annotations

import keras
from keras import layers

from ml.architectures import custom_cnn
from ml.architectures.backbones import extend


def build(height: int, width: int, classes: int) -> keras.Model:
    """Build the network. Each branch scales the page for itself, inside the graph.

    Args:
        height, width: input size in pixels.
        classes: number of outputs.

    Returns:
        A flat functional model (N, height, width, 1) in 0…255 → (N, classes) logits. Layer ``features`` holds
        MobileNetV2's maps: Grad-CAM of one branch, since the three have maps of different sizes.
    """
    page = keras.Input((height, width, 1), name="page")
    own = layers.GlobalAveragePooling2D(name="head_custom_cnn")(custom_cnn.feature_maps(page))
    maps = layers.Activation("linear", name="features")(extend(page, "mobilenet_v2").output)
    mobile = layers.GlobalAveragePooling2D(name="head_mobilenet_v2")(maps)
    vgg = layers.GlobalAveragePooling2D(name="head_vgg16")(extend(page, "vgg16").output)
    # Untrained VGG16 features are a hundred times larger than the others'.
    branches = [layers.LayerNormalization(name=f"head_norm_{n}")(x) for n, x in enumerate((own, mobile, vgg), start=1)]
    x = layers.Concatenate(name="head_pooled")(branches)
    x = layers.Dropout(0.3, name="head_dropout")(x)
    x = layers.Dense(128, activation="relu", name="head_hidden")(x)
    logits = layers.Dense(classes, name="head_logits", dtype="float32")(x)
    return keras.Model(page, logits, name="fused")

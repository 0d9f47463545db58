"""Published networks as parts of ours: grey page in, feature maps out, everything in one flat graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import keras
from keras import layers

Builder = Callable[..., keras.Model]

BUILDERS: Final[dict[str, Builder]] = {
    "mobilenet_v2": keras.applications.MobileNetV2,
    "efficientnet_b0": keras.applications.EfficientNetB0,
    "resnet50": keras.applications.ResNet50,
    "vgg16": keras.applications.VGG16,
    "densenet121": keras.applications.DenseNet121,
    "convnext_tiny": keras.applications.ConvNeXtTiny,
}


def rgb(page: keras.KerasTensor, backbone: str) -> keras.KerasTensor:
    """A grey page (N, H, W, 1) in 0…255 as the three channels that a backbone's ImageNet weights were trained on."""
    x = layers.Concatenate(name=f"{backbone}_rgb")([page, page, page])
    if backbone in ("efficientnet_b0", "convnext_tiny"):
        return x  # These scale inside.
    if backbone == "mobilenet_v2":
        return layers.Rescaling(1 / 127.5, offset=-1.0, name=f"{backbone}_scale")(x)
    if backbone == "densenet121":
        mean, deviation = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
        scale = [1 / (255 * d) for d in deviation]
        return layers.Rescaling(scale, offset=[-m / d for m, d in zip(mean, deviation, strict=True)], name="scale")(x)
    # ResNet50 and VGG16: channels in BGR order, the mean of ImageNet taken away.
    return layers.Rescaling(1.0, offset=[-103.939, -116.779, -123.68], name=f"{backbone}_scale")(x)


def extend(page: keras.KerasTensor, backbone: str) -> keras.Model:
    """The backbone, without its classifier and with random weights, on top of a page tensor.

    Returns:
        A model from the page's input to the last feature maps, whose inner layers keep their published names.
    """
    return BUILDERS[backbone](input_tensor=rgb(page, backbone), include_top=False, weights=None)


def classifier(height: int, width: int, classes: int, backbone: str, *, dropout: float = 0.3) -> keras.Model:
    """The plain transfer-learning network: backbone, mean over the page, dropout, one dense layer.

    Args:
        height, width: input size in pixels.
        classes: number of outputs.
        backbone: key of `BUILDERS`.
        dropout: before the dense layer.

    Returns:
        A flat functional model (N, height, width, 1) in 0…255 → (N, classes) logits; layer ``features`` is what
        Grad-CAM reads.
    """
    page = keras.Input((height, width, 1), name="page")
    x = layers.Activation("linear", name="features")(extend(page, backbone).output)
    x = layers.GlobalAveragePooling2D(name="head_mean")(x)
    x = layers.Dropout(dropout, name="head_dropout")(x)
    logits = layers.Dense(classes, name="head_logits", dtype="float32")(x)
    return keras.Model(page, logits, name=backbone)

"""EfficientNet-B0 with multi-scale attention at three depths: fine strokes, complexes, whole leads."""

from __future__ import annotations

from typing import Final

import keras
from keras import layers, ops

from ml.architectures.backbones import extend

# Strides 8, 16 and 32 of EfficientNet-B0.
_DEPTHS: Final = ("block3b_add", "block5c_add", "top_activation")
_BRANCH_FILTERS: Final = 32


def build(height: int, width: int, classes: int) -> keras.Model:
    """Build the network.

    At each depth four branches look at the maps at different scales (1×1, depthwise 3×3, depthwise 5×5, depthwise 3×3
    with dilation 2); their concatenation passes channel attention and spatial attention (Woo et al. 2018,
    arXiv:1807.06521). The three results are pooled and concatenated.

    Args:
        height, width: input size in pixels.
        classes: number of outputs.

    Returns:
        A flat functional model (N, height, width, 1) in 0…255 → (N, classes) logits. Layers ``spatial_attention_1``
        to ``_3`` hold the attention maps (N, h, w, 1) in 0…1; ``features`` what Grad-CAM reads.
    """
    page = keras.Input((height, width, 1), name="page")
    backbone = extend(page, "efficientnet_b0")
    pooled = []
    for depth, name in enumerate(_DEPTHS, start=1):
        x = _spatial_attention(_channel_attention(_scales(backbone.get_layer(name).output, depth), depth), depth)
        if depth == len(_DEPTHS):
            x = layers.Activation("linear", name="features")(x)
        pooled.append(layers.GlobalAveragePooling2D(name=f"head_mean_{depth}")(x))
    x = layers.Concatenate(name="head_pooled")(pooled)
    x = layers.Dropout(0.3, name="head_dropout")(x)
    logits = layers.Dense(classes, name="head_logits", dtype="float32")(x)
    return keras.Model(page, logits, name="efficientnet_b0_msa")


def _scales(x: keras.KerasTensor, depth: int) -> keras.KerasTensor:
    narrow = layers.Conv2D(_BRANCH_FILTERS, 1, use_bias=False, name=f"head_narrow_{depth}")(x)
    branches = [narrow]
    for name, kernel, dilation in (("3x3", 3, 1), ("5x5", 5, 1), ("dilated", 3, 2)):
        convolution = layers.DepthwiseConv2D(
            kernel, padding="same", dilation_rate=dilation, use_bias=False, name=f"head_{name}_{depth}"
        )
        branches.append(convolution(narrow))
    x = layers.Concatenate(name=f"head_scales_{depth}")(branches)
    x = layers.BatchNormalization(name=f"head_norm_{depth}")(x)
    return layers.Activation("swish", name=f"head_swish_{depth}")(x)


def _channel_attention(x: keras.KerasTensor, depth: int) -> keras.KerasTensor:
    channels = x.shape[-1]
    squeeze = layers.Dense(channels // 8, activation="relu", name=f"head_squeeze_{depth}")
    excite = layers.Dense(channels, name=f"head_excite_{depth}")
    mean = layers.GlobalAveragePooling2D(keepdims=True, name=f"head_channel_mean_{depth}")(x)
    peak = layers.GlobalMaxPooling2D(keepdims=True, name=f"head_channel_peak_{depth}")(x)
    added = layers.Add(name=f"head_channel_sum_{depth}")([excite(squeeze(mean)), excite(squeeze(peak))])
    return layers.Multiply(name=f"head_channel_{depth}")([x, layers.Activation("sigmoid")(added)])


def _spatial_attention(x: keras.KerasTensor, depth: int) -> keras.KerasTensor:
    views = [ops.mean(x, axis=-1, keepdims=True), ops.max(x, axis=-1, keepdims=True)]
    both = layers.Concatenate(name=f"head_spatial_views_{depth}")(views)
    attention = layers.Conv2D(1, 7, padding="same", activation="sigmoid", name=f"spatial_attention_{depth}")(both)
    return layers.Multiply(name=f"head_spatial_{depth}")([x, attention])

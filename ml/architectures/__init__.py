"""What can be trained: one file each, one registry. Networks use ``keras`` and ``keras.ops`` only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Architecture:
    """A network, or a classical pipeline, that can be trained by name.

    Attributes:
        module: where its ``build`` lives; imported only when asked for.
        input_size: height and width in pixels it is meant for, one grey channel.
        source: where the design comes from.
        attribution_layer: the last layer that still knows where on the page things are; empty for classical ones.
        backbones: published networks inside it that ImageNet weights exist for (`ml.pretrained`).
        classical: a scikit-learn pipeline on image features instead of a network.
    """

    module: str
    input_size: tuple[int, int]
    source: str
    attribution_layer: str = "features"
    backbones: tuple[str, ...] = ()
    classical: bool = False

    def build(self, classes: int) -> keras.Model:
        """Build the untrained network: (N, height, width, 1) in 0…255 → (N, classes) logits."""
        builder: Callable[..., keras.Model] = import_module(self.module).build
        return builder(*self.input_size, classes)

    def build_pipeline(self, seed: int) -> Any:
        """Build the unfitted scikit-learn pipeline of a classical one: features (N, F) → class probabilities."""
        return import_module(self.module).build(seed)


def _classical(name: str, source: str) -> Architecture:
    return Architecture(f"ml.architectures.{name}", (384, 384), source, attribution_layer="", classical=True)


def _network(name: str, size: tuple[int, int], source: str, *backbones: str) -> Architecture:
    return Architecture(f"ml.architectures.{name}", size, source, backbones=backbones)


_SQUARE: Final = (224, 224)

REGISTRY: Final[dict[str, Architecture]] = {
    "custom_cnn": _network(
        "custom_cnn",
        (384, 384),
        "own design after the 423 K-parameter CNN on 384×384 grayscale pages reported for this data set",
    ),
    "efficientnet_b0": _network("efficientnet_b0", _SQUARE, "Tan and Le 2019, arXiv:1905.11946", "efficientnet_b0"),
    "efficientnet_b0_msa": _network(
        "efficientnet_b0_msa",
        _SQUARE,
        "EfficientNet-B0 with multi-scale attention at three depths, as reported for this data set (ICMLDE 2025)",
        "efficientnet_b0",
    ),
    "resnet50": _network("resnet50", _SQUARE, "He et al. 2016, arXiv:1512.03385", "resnet50"),
    "mobilenet_v2": _network("mobilenet_v2", (224, 384), "Sandler et al. 2018, arXiv:1801.04381", "mobilenet_v2"),
    "vgg16": _network("vgg16", _SQUARE, "Simonyan and Zisserman 2015, arXiv:1409.1556", "vgg16"),
    "densenet121": _network("densenet121", _SQUARE, "Huang et al. 2017, arXiv:1608.06993", "densenet121"),
    "convnext_tiny": _network("convnext_tiny", _SQUARE, "Liu et al. 2022, arXiv:2201.03545", "convnext_tiny"),
    "fused": _network(
        "fused",
        _SQUARE,
        "custom CNN, MobileNetV2 and VGG16 with their features concatenated, as reported for this data set",
        "mobilenet_v2",
        "vgg16",
    ),
    "svm": _classical("svm", "Cortes and Vapnik 1995; features: ml/image_features.py"),
    "random_forest": _classical("random_forest", "Breiman 2001; features: ml/image_features.py"),
    "logistic_regression": _classical("logistic_regression", "multinomial, L2; features: ml/image_features.py"),
}

"""How each network is trained unless somebody says otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

LOSSES: Final = ("weighted_cross_entropy", "focal", "adaptive_focal")
PRECISIONS: Final = ("float32", "mixed_bfloat16", "mixed_float16")


@dataclass(frozen=True)
class Recipe:
    """How a network is trained; written beside the weights.

    Attributes:
        architecture: name in the registry.
        epochs: at most; early stopping usually ends before.
        batch_size: pages a step.
        learning_rate: Adam's at the start; halved when validation loss stalls for ``patience // 3`` epochs.
        patience: epochs without a better validation loss before training stops.
        weight_decay: AdamW's.
        label_smoothing: of the one-hot targets.
        seed: of initial weights, shuffling, dropout and augmentation.
        loss: one of `LOSSES` (`ml/losses.py`).
        frozen_epochs: in these first epochs only the head is trained; counts only where the backbone has weights.
        unfrozen_layers: of the backbone's last layers trained after that; None means all.
        precision: Keras' dtype policy while training; what is sealed is float32.
        alpha_exponent, gamma_slope: τ and k of the adaptive focal loss (`ml.losses.FocalAdaptation`).
    """

    architecture: str
    epochs: int = 60
    batch_size: int = 16
    learning_rate: float = 1e-3
    patience: int = 15
    weight_decay: float = 1e-4
    label_smoothing: float = 0.05
    seed: int = 20
    loss: str = "weighted_cross_entropy"
    frozen_epochs: int = 0
    unfrozen_layers: int | None = None
    precision: str = "float32"
    alpha_exponent: float = 1.0
    gamma_slope: float = 2.0


RECIPES: Final[dict[str, Recipe]] = {
    "custom_cnn": Recipe("custom_cnn"),
    "mobilenet_v2": Recipe("mobilenet_v2", epochs=20, batch_size=32, learning_rate=5e-4, patience=6),
    "efficientnet_b0": Recipe("efficientnet_b0", epochs=50, batch_size=32, patience=9),
    # Learning rate 1e-4, batch 32, at most 50 epochs and mixed precision are the published ones.
    "efficientnet_b0_msa": Recipe("efficientnet_b0_msa", epochs=50, batch_size=32, learning_rate=1e-4, patience=9),
    # Adam 1e-3, patience 3, a frozen phase and the last 20 layers after it are the published ones.
    "resnet50": Recipe(
        "resnet50",
        epochs=30,
        batch_size=32,
        patience=6,
        loss="adaptive_focal",
        frozen_epochs=5,
        unfrozen_layers=20,
        precision="mixed_bfloat16",
    ),
    "vgg16": Recipe("vgg16", epochs=30, learning_rate=1e-4, patience=6, precision="mixed_bfloat16"),
    "densenet121": Recipe("densenet121", epochs=30, batch_size=32, patience=9),
    "convnext_tiny": Recipe(
        "convnext_tiny", epochs=30, learning_rate=1e-4, patience=9, weight_decay=0.05, precision="mixed_bfloat16"
    ),
    "fused": Recipe("fused", epochs=30, learning_rate=1e-4, patience=6, precision="mixed_bfloat16"),
}

"""The networks: one file each, one registry. ``keras`` and ``keras.ops`` only: any Keras backend can train them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Architecture:
    """A network that can be trained by name.

    Attributes:
        module: where its ``build(height, width, classes)`` lives; imported only when asked for.
        input_size: height and width in pixels it is meant for, one grey channel.
        attribution_layer: the last layer that still knows where on the page things are.
        source: where the design comes from.
    """

    module: str
    input_size: tuple[int, int]
    attribution_layer: str
    source: str

    def build(self, classes: int) -> keras.Model:
        """Build the untrained network: (N, height, width, 1) in 0…255 → (N, classes) logits."""
        builder: Callable[..., keras.Model] = import_module(self.module).build
        return builder(*self.input_size, classes)


REGISTRY: Final[dict[str, Architecture]] = {
    "custom_cnn": Architecture(
        module="ml.architectures.custom_cnn",
        input_size=(384, 384),
        attribution_layer="features",
        source="own design after the 423 K-parameter CNN on 384×384 grayscale pages reported for this data set",
    ),
}

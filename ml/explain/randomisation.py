"""Cascading weight randomisation (Adebayo et al. 2018, arXiv:1810.03292): a map that stays when the network is undone
shows the page, not the network.

Weights are shuffled within each tensor, from the last layer down to the first. Shuffling keeps every tensor's
distribution, so that activations keep their scale; drawing anew from the initialiser would make a network with
trained normalisation statistics explode, and its maps differ for that reason alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    import keras

MAX_STEPS: Final = 6


def steps_down(model: keras.Model) -> list[list[keras.Layer]]:
    """The layers that have weights, from the last to the first, in at most `MAX_STEPS` steps; the last layer alone."""
    weighted = [layer for layer in reversed(model.layers) if layer.weights]
    rest = np.array_split(np.arange(1, len(weighted)), min(MAX_STEPS - 1, max(len(weighted) - 1, 1)))
    return [weighted[:1], *([weighted[index] for index in part] for part in rest if part.size)]


def shuffle(layers: list[keras.Layer], rng: np.random.Generator) -> None:
    """Shuffle each tensor of the layers in place; a layer's vectors of one length keep their pairs (mean, variance)."""
    for layer in layers:
        values = layer.get_weights()
        orders = {value.size: rng.permutation(value.size) for value in values}
        layer.set_weights([value.ravel()[orders[value.size]].reshape(value.shape) for value in values])


@contextmanager
def restored(model: keras.Model) -> Iterator[None]:
    """Whatever happens to the weights inside, afterwards they are as before."""
    before = model.get_weights()
    try:
        yield
    finally:
        model.set_weights(before)

"""A trained network as the methods see it: pages in, logits and gradients out, compiled, a few pages at a time."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import keras

Floats = NDArray[np.float32]

# Gets the share of the work that is done, 0…1; an exception it raises ends the work.
Progress = Callable[[float], None]

# Makes the altered copies of a page from start to stop, (stop - start, height, width) in 0…255.
AlteredPages = Callable[[int, int], Floats]

# What a method answers: a map (h, w) ≥ 0 over the page, on any scale, and figures about how well it came off.
Attribution = tuple[Floats, dict[str, float]]

# Few enough that progress comes every second on one core, and that memory stays far below that of training.
BATCH: Final = 4


def no_progress(_share: float) -> None:
    """For callers who do not ask."""


class Network:
    """Compiled passes over one Keras model. Its weights may be changed in place; nothing is traced anew."""

    def __init__(self, model: keras.Model, attribution_layer: str) -> None:
        """Wrap a flat functional model (N, height, width, 1) in 0…255 → (N, classes) logits.

        Args:
            model: the network.
            attribution_layer: the last layer that still knows where on the page things are.
        """
        import tensorflow as tf

        self.model = model
        self.attribution_layer = attribution_layer
        _, self.height, self.width, _ = model.input_shape
        pages = tf.TensorSpec((None, self.height, self.width, 1), tf.float32)

        @tf.function(input_signature=[pages], autograph=False)
        def logits(some: Any) -> Any:
            return tf.cast(model(some, training=False), tf.float32)

        @tf.function(input_signature=[pages, tf.TensorSpec((), tf.int32)], autograph=False)
        def gradients(some: Any, label: Any) -> Any:
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(some)
                score = tf.reduce_sum(tf.cast(model(some, training=False), tf.float32)[:, label])
            return tape.gradient(score, some)

        self._compiled_logits = logits
        self._compiled_gradients = gradients
        self._compiled_layers: dict[tuple[str, ...], Callable[[Floats], Any]] = {}

    def logits(self, count: int, altered: AlteredPages, progress: Progress = no_progress) -> Floats:
        """Logits (count, classes) of altered pages, made and judged a few at a time."""
        return _in_batches(count, altered, self._compiled_logits, progress)

    def gradients(self, count: int, altered: AlteredPages, label: int, progress: Progress = no_progress) -> Floats:
        """Gradients (count, height, width) of the label's logit with respect to each pixel of altered pages."""
        label_only = partial(self._compiled_gradients, label=label)
        return _in_batches(count, altered, label_only, progress)[..., 0]

    def features(self, page: Floats) -> Floats:
        """(height, width) → (h, w, channels): the maps of the attribution layer."""
        return self.outputs_of((self.attribution_layer,), page)[0]

    def outputs_of(self, layers: tuple[str, ...], page: Floats) -> list[Floats]:
        """(height, width) → (h, w, channels) of each named layer; compiled at the first call."""
        if layers not in self._compiled_layers:
            self._compiled_layers[layers] = self._compile_layers(layers)
        return [
            np.asarray(found[0], dtype=np.float32) for found in self._compiled_layers[layers](page[None, ..., None])
        ]

    def _compile_layers(self, layers: tuple[str, ...]) -> Callable[[Floats], Any]:
        import keras
        import tensorflow as tf

        inner = keras.Model(self.model.inputs, [self.model.get_layer(name).output for name in layers])

        @tf.function(input_signature=[tf.TensorSpec((1, self.height, self.width, 1), tf.float32)], autograph=False)
        def run(page: Any) -> Any:
            # Keras hands a single output over bare.
            return [tf.cast(found, tf.float32) for found in tf.nest.flatten(inner([page], training=False))]

        compiled: Callable[[Floats], Any] = run
        return compiled


def _in_batches(count: int, altered: AlteredPages, compiled: Callable[[Floats], Any], progress: Progress) -> Floats:
    parts = []
    for start in range(0, count, BATCH):
        stop = min(start + BATCH, count)
        parts.append(compiled(altered(start, stop)[..., None].astype(np.float32)).numpy())
        progress(stop / count)
    return np.concatenate(parts)

"""One compiled pass over a page: calibrated probabilities and Grad-CAM. TensorFlow's is what all others must match."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ml.errors import BundleCorrupt

if TYPE_CHECKING:
    import keras

    from ml.bundle import BundleManifest

logger = logging.getLogger(__name__)


class Answer(NamedTuple):
    """What a pass gives.

    Attributes:
        probabilities: (classes,) float32, calibrated; they add up to 1.
        attribution: (h, w) float32 in 0…1, Grad-CAM of the winning class over the maps of the attribution layer.
    """

    probabilities: NDArray[np.float32]
    attribution: NDArray[np.float32]


# Page (1, H, W, 1) float32 in 0…255 → its answer.
CompiledPass = Callable[[NDArray[np.float32]], Answer]


def as_input(page: NDArray[np.uint8]) -> NDArray[np.float32]:
    """A preprocessed page (height, width) as what a pass takes: (1, height, width, 1) float32."""
    return page[None, ..., None].astype(np.float32)


def load_model(manifest: BundleManifest) -> keras.Model:
    """A bundle's network.

    Raises:
        BundleCorrupt: it does not fit its manifest.
    """
    import keras

    # The model's weights are the first thing that goes to the GPU.
    _grow_gpu_memory()
    # Safe mode refuses code smuggled in as Lambda layers; compile=False leaves the optimizer's state unread.
    model = keras.saving.load_model(manifest.model_file, compile=False, safe_mode=True)
    expected = (None, manifest.preprocessing.height, manifest.preprocessing.width, 1)
    if tuple(model.input_shape) != expected or model.output_shape[-1] != len(manifest.classes):
        raise BundleCorrupt(f"{manifest.model_file} does not fit the shapes and classes in its manifest")
    return model


def tensorflow_pass(model: keras.Model, manifest: BundleManifest) -> CompiledPass:
    """The reference: `graph_of` in TensorFlow. Compiles with its first page."""
    graph = graph_of(model, manifest)

    def run(page: NDArray[np.float32]) -> Answer:
        probabilities, attribution = graph(page)
        return Answer(probabilities.numpy(), attribution.numpy())

    return run


def graph_of(model: keras.Model, manifest: BundleManifest) -> Any:
    """One graph for probabilities and Grad-CAM (Selvaraju et al. 2017, arXiv:1610.02391) of the winning class.

    Returns:
        A ``tf.function`` (1, H, W, 1) → (classes,), (h, w). It holds the gradient as ordinary operations, so that it
        can be converted whole.
    """
    import keras
    import tensorflow as tf

    layer = model.get_layer(manifest.attribution_layer)
    two_headed = keras.Model(model.inputs, [layer.output, model.output])
    temperature = manifest.calibration.temperature
    spec = manifest.preprocessing

    @tf.function(input_signature=[tf.TensorSpec((1, spec.height, spec.width, 1), tf.float32)], autograph=False)
    def run(page: Any) -> tuple[Any, Any]:
        with tf.GradientTape() as tape:
            features, logits = two_headed(page, training=False)
            winning = tf.reduce_max(logits)
        weights = tf.reduce_mean(tape.gradient(winning, features), axis=(1, 2), keepdims=True)
        attribution = tf.nn.relu(tf.reduce_sum(features * weights, axis=-1))[0]
        attribution = attribution / tf.maximum(tf.reduce_max(attribution), keras.config.epsilon())
        return tf.nn.softmax(logits[0] / temperature), attribution

    return run


def _grow_gpu_memory() -> None:
    """Leave GPU memory to others until it is needed; must happen before the first operation on the GPU."""
    import tensorflow as tf

    for gpu in tf.config.list_physical_devices("GPU"):
        try:
            tf.config.experimental.set_memory_growth(gpu, True)
        except RuntimeError:
            logger.warning("the GPU is already in use; memory growth stays as it is")

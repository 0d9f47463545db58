"""Bundle + page → finding. The only module of the serving path that needs TensorFlow; it is imported on first load."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from ml.bundle import BundleManifest, read_manifest
from ml.decode import Page
from ml.errors import BundleCorrupt
from ml.gate import require_ecg
from ml.page import Crop, find_ecg, take_apart
from ml.preprocessing import preprocess

if TYPE_CHECKING:
    import keras

logger = logging.getLogger(__name__)

GRAD_CAM: Final = "grad_cam"

# Page (1, H, W, 1) float32 in 0…255 → probabilities (classes,) and attribution (h, w), both as TensorFlow tensors.
CompiledPass = Callable[[NDArray[np.float32]], tuple[Any, Any]]


@dataclass(frozen=True)
class ModelIdentity:
    """Which model said it."""

    name: str
    version: str
    sha256: str
    classes: tuple[str, ...]


@dataclass(frozen=True)
class Finding:
    """What the model says of one page.

    Attributes:
        label: the most probable class.
        confidence: its calibrated probability.
        abstained: the confidence is below the bundle's threshold; show "not sure", not the label.
        probabilities: class → calibrated probability; they add up to 1.
        warnings: stable codes, e.g. ``"grid_not_found"``.
        crop: the part of the page that was read, in page pixels.
        attribution: (h, w) float32 in 0…1 over the crop: where the evidence for ``label`` lies.
        method: how the attribution was computed.
    """

    label: str
    confidence: float
    abstained: bool
    probabilities: dict[str, float]
    warnings: tuple[str, ...]
    crop: Crop
    attribution: NDArray[np.float32]
    method: str = GRAD_CAM


class Predictor:
    """A loaded, warmed-up model. Load once per process, after any fork."""

    def __init__(self, manifest: BundleManifest, compiled: CompiledPass) -> None:
        self._manifest = manifest
        self._compiled = compiled
        self.identity = ModelIdentity(manifest.name, manifest.version, manifest.sha256, manifest.classes)

    @classmethod
    def load(cls, folder: Path, *, expected_sha256: str | None = None) -> Predictor:
        """Check a bundle's files, build its compiled pass and run it once.

        Args:
            folder: the bundle.
            expected_sha256: the bundle's identity as recorded elsewhere, where it is.

        Raises:
            BundleCorrupt: a file is missing, altered, or the bundle is not the expected one.
        """
        manifest, model = load_verified(folder, expected_sha256=expected_sha256)
        predictor = cls(manifest, _compile(model, manifest))
        spec = manifest.preprocessing
        predictor._compiled(np.full((1, spec.height, spec.width, 1), 255.0, np.float32))
        logger.info("model %s %s (%s…) is ready", manifest.name, manifest.version, manifest.sha256[:12])
        return predictor

    def read(self, page: Page) -> Finding:
        """Read an RGB page (H, W, 3) uint8.

        Raises:
            PageRejected: with code ``not_an_ecg_page`` or ``page_on_its_side``.
        """
        layers = take_apart(page)
        region = find_ecg(page, layers)
        with ThreadPoolExecutor(max_workers=1) as beside:
            # Nearly every page is one, so the network does not wait for the verdict; a refusal discards its answer.
            verdict = beside.submit(require_ecg, layers, region)
            model_input = preprocess(page, region.crop, self._manifest.preprocessing)
            probabilities, attribution = self._compiled(model_input[None, ..., None].astype(np.float32))
            verdict.result()
        values = [float(value) for value in probabilities.numpy()]
        winner = int(np.argmax(values))
        classes = self._manifest.classes
        return Finding(
            label=classes[winner],
            confidence=values[winner],
            abstained=values[winner] < self._manifest.calibration.threshold,
            probabilities=dict(zip(classes, values, strict=True)),
            warnings=region.warnings,
            crop=region.crop,
            attribution=attribution.numpy(),
        )


def load_verified(folder: Path, *, expected_sha256: str | None = None) -> tuple[BundleManifest, keras.Model]:
    """Check a bundle's files and load its network, for reading pages and for explaining the reading.

    Args:
        folder: the bundle.
        expected_sha256: the bundle's identity as recorded elsewhere, where it is.

    Raises:
        BundleCorrupt: a file is missing, altered, or the bundle is not the expected one.
    """
    manifest = read_manifest(folder)
    if expected_sha256 is not None and manifest.sha256 != expected_sha256:
        raise BundleCorrupt(f"{folder} is not the registered bundle: its SHA-256 is {manifest.sha256[:12]}…")
    manifest.require_network()
    manifest.verify()
    return manifest, _load_model(manifest)


def _load_model(manifest: BundleManifest) -> keras.Model:
    import keras

    # The model's weights are the first thing that goes to the GPU.
    _grow_gpu_memory()
    # Safe mode refuses code smuggled in as Lambda layers; compile=False leaves the optimizer's state unread.
    model = keras.saving.load_model(manifest.model_file, compile=False, safe_mode=True)
    expected = (None, manifest.preprocessing.height, manifest.preprocessing.width, 1)
    if tuple(model.input_shape) != expected or model.output_shape[-1] != len(manifest.classes):
        raise BundleCorrupt(f"{manifest.model_file} does not fit the shapes and classes in its manifest")
    return model


def _compile(model: keras.Model, manifest: BundleManifest) -> CompiledPass:
    """One graph for probabilities and Grad-CAM (Selvaraju et al. 2017, arXiv:1610.02391) of the winning class."""
    import keras
    import tensorflow as tf

    layer = model.get_layer(manifest.attribution_layer)
    two_headed = keras.Model(model.inputs, [layer.output, model.output])
    temperature = manifest.calibration.temperature
    spec = manifest.preprocessing

    @tf.function(input_signature=[tf.TensorSpec((1, spec.height, spec.width, 1), tf.float32)])
    def run(page: Any) -> tuple[Any, Any]:
        with tf.GradientTape() as tape:
            features, logits = two_headed(page, training=False)
            winning = tf.reduce_max(logits[0])
        weights = tf.reduce_mean(tape.gradient(winning, features), axis=(1, 2), keepdims=True)
        attribution = tf.nn.relu(tf.reduce_sum(features * weights, axis=-1))[0]
        attribution = attribution / tf.maximum(tf.reduce_max(attribution), keras.config.epsilon())
        return tf.nn.softmax(logits[0] / temperature), attribution

    compiled: CompiledPass = run
    return compiled


def _grow_gpu_memory() -> None:
    """Leave GPU memory to others until it is needed; must happen before the first operation on the GPU."""
    import tensorflow as tf

    for gpu in tf.config.list_physical_devices("GPU"):
        try:
            tf.config.experimental.set_memory_growth(gpu, True)
        except RuntimeError:
            logger.warning("the GPU is already in use; memory growth stays as it is")

"""Bundle + page → finding. TensorFlow, or the runtime that serves in its place, is imported on first load."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from ml.bundle import BundleManifest, read_manifest
from ml.compiled_pass import CompiledPass, as_input, load_model
from ml.decode import Page
from ml.errors import BundleCorrupt
from ml.export import TENSORFLOW
from ml.export.serving import open_pass
from ml.gate import require_ecg
from ml.page import GRID_NOT_FOUND, Crop, EcgRegion, find_ecg, take_apart
from ml.preprocessing import preprocess

if TYPE_CHECKING:
    import keras

logger = logging.getLogger(__name__)

GRAD_CAM: Final = "grad_cam"


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

    @property
    def region(self) -> EcgRegion:
        """Where the ECG was found, for whoever goes on reading the page."""
        return EcgRegion(self.crop, GRID_NOT_FOUND not in self.warnings, self.warnings)


class Predictor:
    """A loaded, warmed-up model. Load once per process, after any fork.

    Attributes:
        identity: which model it is, whatever runs it.
        backend: what runs it: ``tensorflow``, ``onnx`` or ``litert``.
    """

    def __init__(self, manifest: BundleManifest, compiled: CompiledPass, *, backend: str = TENSORFLOW) -> None:
        self._manifest = manifest
        self._compiled = compiled
        self.backend = backend
        self.identity = ModelIdentity(manifest.name, manifest.version, manifest.sha256, manifest.classes)

    @classmethod
    def load(cls, folder: Path, *, expected_sha256: str | None = None, backend: str = TENSORFLOW) -> Predictor:
        """Check a bundle's files, open what serves it and warm it up.

        Args:
            folder: the bundle.
            expected_sha256: the bundle's identity as recorded elsewhere, where it is.
            backend: ``tensorflow``, the reference; ``onnx`` or ``litert``, which run an export and leave TensorFlow
                out of memory; or ``fastest``, which times on this machine all that agree with TensorFlow.

        Raises:
            BackendUnavailable: the bundle cannot be served through that backend here.
            BundleCorrupt: a file is missing, altered, or the bundle is not the expected one.
        """
        manifest = _verified(folder, expected_sha256)
        chosen, compiled = open_pass(manifest, backend)
        short = manifest.sha256[:12]
        logger.info("model %s %s (%s…) is ready, served by %s", manifest.name, manifest.version, short, chosen)
        return cls(manifest, compiled, backend=chosen)

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
            probabilities, attribution = self._compiled(as_input(model_input))
            verdict.result()
        values = [float(value) for value in probabilities]
        winner = int(np.argmax(values))
        classes = self._manifest.classes
        return Finding(
            label=classes[winner],
            confidence=values[winner],
            abstained=values[winner] < self._manifest.calibration.threshold,
            probabilities=dict(zip(classes, values, strict=True)),
            warnings=region.warnings,
            crop=region.crop,
            attribution=attribution,
        )


def load_verified(folder: Path, *, expected_sha256: str | None = None) -> tuple[BundleManifest, keras.Model]:
    """Check a bundle's files and load its network, for reading pages and for explaining the reading.

    Args:
        folder: the bundle.
        expected_sha256: the bundle's identity as recorded elsewhere, where it is.

    Raises:
        BundleCorrupt: a file is missing, altered, or the bundle is not the expected one.
    """
    manifest = _verified(folder, expected_sha256)
    return manifest, load_model(manifest)


def _verified(folder: Path, expected_sha256: str | None) -> BundleManifest:
    manifest = read_manifest(folder)
    if expected_sha256 is not None and manifest.sha256 != expected_sha256:
        raise BundleCorrupt(f"{folder} is not the registered bundle: its SHA-256 is {manifest.sha256[:12]}…")
    manifest.require_network()
    manifest.verify()
    return manifest

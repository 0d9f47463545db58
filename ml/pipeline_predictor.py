"""Pipeline bundle + page → answer. For the laboratory: without heatmap, and never loaded by the application."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ml import pipelines
from ml.bundle import BundleManifest, read_manifest
from ml.calibration import softmax
from ml.decode import Page
from ml.errors import BundleCorrupt
from ml.gate import require_ecg
from ml.image_features import features
from ml.page import find_ecg, take_apart
from ml.preprocessing import preprocess


@dataclass(frozen=True)
class PipelineFinding:
    """What a pipeline says of one page: a `ml.predictor.Finding` without attribution.

    Attributes:
        label: the most probable class.
        confidence: its calibrated probability.
        abstained: the confidence is below the bundle's threshold; show "not sure", not the label.
        probabilities: class → calibrated probability; they add up to 1.
        warnings: stable codes, e.g. ``"grid_not_found"``.
    """

    label: str
    confidence: float
    abstained: bool
    probabilities: dict[str, float]
    warnings: tuple[str, ...]


class PipelinePredictor:
    """A loaded pipeline."""

    def __init__(self, manifest: BundleManifest, pipeline: Any) -> None:
        self._manifest = manifest
        self._pipeline = pipeline

    @classmethod
    def load(cls, folder: Path) -> PipelinePredictor:
        """Check a bundle's files and load its pipeline.

        Raises:
            BundleCorrupt: a file is missing or altered, the bundle holds no pipeline, or one that may not be used.
        """
        manifest = read_manifest(folder)
        if manifest.kind != "pipeline":
            raise BundleCorrupt(f"{folder} holds a {manifest.kind}, not a pipeline")
        manifest.verify()
        pipeline = pipelines.load(manifest.model_file)
        if list(pipeline.classes_) != list(range(len(manifest.classes))):
            raise BundleCorrupt(f"{manifest.model_file} does not fit the classes in its manifest")
        return cls(manifest, pipeline)

    def read(self, page: Page) -> PipelineFinding:
        """Read an RGB page (H, W, 3) uint8.

        Raises:
            PageRejected: with a code of `ml.gate.require_ecg`.
        """
        manifest = self._manifest
        layers = take_apart(page)
        region = find_ecg(page, layers)
        require_ecg(layers, region)
        described = features(preprocess(page, region.crop, manifest.preprocessing)[None])
        logits = pipelines.logits(self._pipeline, described, len(manifest.classes))
        values = [float(value) for value in softmax(logits / manifest.calibration.temperature)[0]]
        winner = int(np.argmax(values))
        return PipelineFinding(
            label=manifest.classes[winner],
            confidence=values[winner],
            abstained=values[winner] < manifest.calibration.threshold,
            probabilities=dict(zip(manifest.classes, values, strict=True)),
            warnings=region.warnings,
        )

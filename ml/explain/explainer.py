"""Bundle + page + method → where the evidence lies. Loads TensorFlow when a bundle is loaded, not before."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ml.decode import Page
from ml.explain import METHODS, TRACE_METHODS
from ml.explain.maps import to_unit
from ml.explain.network import Attribution, Network, Progress, no_progress
from ml.gate import require_ecg
from ml.page import Crop, EcgRegion, find_ecg, take_apart
from ml.predictor import ModelIdentity, load_verified
from ml.preprocessing import ModelInput, preprocess

if TYPE_CHECKING:
    import keras

    from ml.bundle import BundleManifest
    from ml.trace_network.serving import TraceNetwork

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Explanation:
    """Where the evidence for one class lies, by one method.

    Attributes:
        method: its name in the registry.
        label: the class that is explained.
        crop: the part of the page that was read, in page pixels.
        attribution: (h, w) float32 in 0…1 over the crop, larger = more evidence for ``label``. All zero where the
            method found none.
        details: figures the method gives about itself, e.g. ``local_r2`` of LIME; of methods on the traces, lead →
            share of the evidence.
    """

    method: str
    label: str
    crop: Crop
    attribution: NDArray[np.float32]
    details: dict[str, float] = field(default_factory=dict)


class Explainer:
    """A loaded model that explains its answers. Load once per process, after any fork."""

    def __init__(self, manifest: BundleManifest, model: keras.Model) -> None:
        self.manifest = manifest
        self.network = Network(model, manifest.attribution_layer)
        self.identity = ModelIdentity(manifest.name, manifest.version, manifest.sha256, manifest.classes)
        self.methods = tuple(name for name, method in METHODS.items() if method.applies_to(manifest.architecture))
        if manifest.traces is not None:
            self.methods = (*TRACE_METHODS, *self.methods)
        self._trace_network: TraceNetwork | None = None

    @classmethod
    def load(cls, folder: Path, *, expected_sha256: str | None = None) -> Explainer:
        """Check a bundle's files and load its network; methods compile their parts at their first use.

        Args:
            folder: the bundle.
            expected_sha256: the bundle's identity as recorded elsewhere, where it is.

        Raises:
            BundleCorrupt: a file is missing, altered, or the bundle is not the expected one.
        """
        explainer = cls(*load_verified(folder, expected_sha256=expected_sha256))
        logger.info("model %s %s is ready to explain", explainer.identity.name, explainer.identity.version)
        return explainer

    def explain(
        self, page: Page, method: str, *, label: str | None = None, progress: Progress | None = None
    ) -> Explanation:
        """Explain the answer for an RGB page (H, W, 3) uint8.

        Args:
            page: the page.
            method: name of one of ``methods``.
            label: the class whose evidence is asked for; None means the most probable one, of the network in question.
            progress: told the share done, 0…1; an exception it raises ends the work and passes through.

        Raises:
            PageRejected: with a code of `ml.gate.require_ecg`.
            ValueError: there is no such class, or no such method for this network.
        """
        progress = progress or no_progress
        self._require(method, label)
        progress(0.0)
        layers = take_apart(page)
        region = find_ecg(page, layers)
        require_ecg(layers, region)
        if method in TRACE_METHODS:
            return self._on_traces(page, region, method, label)
        model_input = preprocess(page, region.crop, self.manifest.preprocessing)
        index = self.winner(model_input) if label is None else self.identity.classes.index(label)
        found, details = self.attribute(model_input, method, index, progress)
        return Explanation(method, self.identity.classes[index], region.crop, found, details)

    def _on_traces(self, page: Page, region: EcgRegion, method: str, label: str | None) -> Explanation:
        from ml.trace_network.explain import attribute
        from ml.trace_network.serving import TraceNetwork

        if self._trace_network is None:
            self._trace_network = TraceNetwork.load(self.manifest)
        classes = self.identity.classes
        asked = None if label is None else classes.index(label)
        index, found, shares = attribute(self._trace_network, page, region, method, asked)
        return Explanation(method, classes[index], region.crop, found, shares)

    def attribute(
        self, model_input: ModelInput, method: str, label: int, progress: Progress = no_progress
    ) -> Attribution:
        """The same for a page that is already a model input (height, width) uint8, and a class's index."""
        raw, details = import_module(METHODS[method].module).attribute(
            self.network, model_input.astype(np.float32), label, progress
        )
        return to_unit(raw), details

    def winner(self, model_input: ModelInput) -> int:
        """Index of the most probable class of a model input."""
        pages = model_input[None]
        return int(self.network.logits(1, lambda start, stop: pages[start:stop].astype(np.float32))[0].argmax())

    def _require(self, method: str, label: str | None) -> None:
        if method not in self.methods:
            raise ValueError(f"{self.identity.name} has no explanation {method!r}; it has {', '.join(self.methods)}")
        if label is not None and label not in self.identity.classes:
            raise ValueError(
                f"{self.identity.name} knows no class {label!r}; it knows {', '.join(self.identity.classes)}"
            )

"""Bundle + page → finding. TensorFlow, or the runtime that serves in its place, is imported on first load."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from numpy.typing import NDArray

from ml.bundle import BundleManifest, read_manifest
from ml.compiled_pass import CompiledPass, as_input, load_model
from ml.decode import Page
from ml.errors import BundleCorrupt
from ml.export import TENSORFLOW
from ml.export.serving import open_pass
from ml.gate import require_ecg
from ml.leads import LeadsUnreadable
from ml.page import GRID_NOT_FOUND, Crop, EcgRegion, find_ecg, take_apart
from ml.preprocessing import preprocess
from ml.trace_network.explain import RELEVANCE
from ml.trace_network.placement import lead_shares, on_page
from ml.trace_network.views import views_of
from ml.traces import Traces, read_traces

if TYPE_CHECKING:
    import keras
    import numpy as np

    from ml.trace_network.serving import TraceAnswer, TraceNetwork

logger = logging.getLogger(__name__)

GRAD_CAM: Final = "grad_cam"
TRACES, PICTURE = "traces", "picture"
# Codes of warnings.
TRACES_UNREAD: Final = "traces_unread"
UNLIKE_TRAINING: Final = "unlike_training_pages"


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
        source: what answered: ``traces``, the network that reads signals, or ``picture``.
        second_opinion: class → what the network that sees the picture says, where the other one answered.
        possible: the classes that remain possible, the most probable one among them; empty where that is not known.
        distance: from the training pages, in units of what is usual; None where that is not known.
        traces: the signals, where the model reads them.
        unread: code of the reason why it could not; empty otherwise.
        lead_shares: lead → share of the evidence, where the signals answered.
    """

    label: str
    confidence: float
    abstained: bool
    probabilities: dict[str, float]
    warnings: tuple[str, ...]
    crop: Crop
    attribution: NDArray[np.float32]
    method: str = GRAD_CAM
    source: str = PICTURE
    second_opinion: dict[str, float] | None = None
    possible: tuple[str, ...] = ()
    distance: float | None = None
    traces: Traces | None = None
    unread: str = ""
    lead_shares: dict[str, float] = field(default_factory=dict)

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

    def __init__(
        self,
        manifest: BundleManifest,
        compiled: CompiledPass,
        *,
        backend: str = TENSORFLOW,
        trace_network: TraceNetwork | None = None,
    ) -> None:
        self._manifest = manifest
        self._compiled = compiled
        self._trace_network = trace_network
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
        trace_network = None
        if manifest.traces is not None:
            from ml.trace_network.serving import TraceNetwork

            trace_network = TraceNetwork.load(manifest)
        short = manifest.sha256[:12]
        logger.info("model %s %s (%s…) is ready, served by %s", manifest.name, manifest.version, short, chosen)
        return cls(manifest, compiled, backend=chosen, trace_network=trace_network)

    def read(self, page: Page) -> Finding:
        """Read an RGB page (H, W, 3) uint8.

        Raises:
            PageRejected: with a code of `ml.gate.require_ecg`.
        """
        layers = take_apart(page)
        region = find_ecg(page, layers)
        with ThreadPoolExecutor(max_workers=2) as beside:
            # Nearly every page is one, so nobody waits for the verdict; a refusal discards the answer.
            verdict = beside.submit(require_ecg, layers, region)
            seen = beside.submit(self._look, page, region)
            read = self._read_signals(page, region)
            verdict.result()
            return self._answer_of(read, seen.result(), region)

    def _look(self, page: Page, region: EcgRegion) -> Finding:
        """What the network says that sees the picture."""
        probabilities, attribution = self._compiled(
            as_input(preprocess(page, region.crop, self._manifest.preprocessing))
        )
        values = self._named(probabilities)
        label = max(values, key=lambda name: values[name])
        return Finding(
            label=label,
            confidence=values[label],
            abstained=values[label] < self._manifest.calibration.threshold,
            probabilities=values,
            warnings=region.warnings,
            crop=region.crop,
            attribution=attribution,
        )

    def _read_signals(self, page: Page, region: EcgRegion) -> tuple[Traces, TraceAnswer] | str:
        """What the network says that reads signals; or, in a bundle that has one, why it has none to read."""
        if self._trace_network is None:
            return ""
        try:
            traces = read_traces(page, region)
        except LeadsUnreadable as refusal:
            return refusal.code
        except Exception:
            # A defect of the reader must not cost the page its answer.
            logger.exception("The traces of a page could not be read.")
            return "internal_error"
        return traces, self._trace_network.read(views_of(traces.leads, traces.examined))

    def _answer_of(self, read: tuple[Traces, TraceAnswer] | str, seen: Finding, region: EcgRegion) -> Finding:
        if isinstance(read, str):
            return replace(seen, unread=read, warnings=(*seen.warnings, TRACES_UNREAD)) if read else seen
        traces, answer = read
        values = self._named(answer.probabilities)
        label = max(values, key=lambda name: values[name])
        return Finding(
            label=label,
            confidence=values[label],
            abstained=not answer.sure,
            probabilities=values,
            warnings=(*region.warnings, *traces.leads.warnings, *((UNLIKE_TRAINING,) if answer.unlike else ())),
            crop=region.crop,
            attribution=on_page(answer.relevance, traces.leads, traces.measurements, region.crop),
            method=RELEVANCE,
            source=TRACES,
            second_opinion=seen.probabilities,
            possible=tuple(
                name for name, possible in zip(self._manifest.classes, answer.possible, strict=True) if possible
            ),
            distance=answer.distance,
            traces=traces,
            lead_shares=lead_shares(answer.relevance),
        )

    def _named(self, probabilities: NDArray[np.floating]) -> dict[str, float]:
        return dict(zip(self._manifest.classes, (float(value) for value in probabilities), strict=True))


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

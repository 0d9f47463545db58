"""A trained model as a folder: weights, preprocessing spec, calibration, metrics, model card, checksums.

``bundle.json`` names every other file with its SHA-256; the bundle's own identity is the SHA-256 of ``bundle.json``.
Reading a manifest needs no TensorFlow, so the web process may do it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ml.errors import BundleCorrupt
from ml.preprocessing import PreprocessingSpec

MANIFEST: Final = "bundle.json"
MODEL: Final = "model.keras"
PIPELINE: Final = "pipeline.skops"
CARD: Final = "CARD.md"
TRACES: Final = "traces.keras"
NEARNESS: Final = "nearness.npz"
FORMAT: Final = 1
# Kind of model → the file that holds it.
MODEL_FILES: Final = {"network": MODEL, "pipeline": PIPELINE}

_SHIPPED: Final = Path(__file__).parent / "bundles"
# The network that sees pictures only, and the shipped model, of which it is a part.
PICTURE_BUNDLE: Final = _SHIPPED / "custom_cnn"
DEFAULT_BUNDLE: Final = _SHIPPED / "hybrid"


@dataclass(frozen=True)
class Calibration:
    """What turns logits into honest probabilities.

    Attributes:
        temperature: logits are divided by it before the softmax (Guo et al. 2017, arXiv:1706.04599).
        threshold: below this highest probability the answer is "not sure".
    """

    temperature: float
    threshold: float


@dataclass(frozen=True)
class TracesPart:
    """The network that reads signals (`ml.trace_network`), in a bundle that has one.

    It answers wherever the traces can be read; the network that sees the picture is asked for a second opinion there,
    and answers alone where they cannot.

    Attributes:
        views_version: of `ml.trace_network.views` that it was trained on.
        calibration: temperature and threshold of its own.
        possible_from: per class, the probability from which the class is a possible one.
        metrics: of pages held out from its members.
    """

    views_version: int
    calibration: Calibration
    possible_from: tuple[float, ...]
    metrics: dict[str, Any]

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> TracesPart:
        return cls(
            views_version=int(values["views_version"]),
            calibration=Calibration(**values["calibration"]),
            possible_from=tuple(float(value) for value in values["possible_from"]),
            metrics=values["metrics"],
        )


@dataclass(frozen=True)
class BundleManifest:
    """A bundle's description.

    Attributes:
        folder: where it lies.
        name, version: of the model.
        sha256: checksum of ``bundle.json``, which holds the checksums of everything else.
        classes: names in the order of the model's outputs.
        architecture: name in the registry of networks.
        attribution_layer: the layer Grad-CAM reads.
        preprocessing: the spec the model was trained with.
        calibration: temperature and threshold.
        metrics: as measured on held-out groups.
        files: file name → SHA-256.
        explanations: method → what `ml.explain.faithfulness` found of it on this network; empty if not yet judged.
        exports: format → file, SHA-256, size, parity and latency of the same network for another runtime, as
            `ml.export` measured them; empty if it was not exported.
        kind: ``network`` (Keras), or ``pipeline`` (scikit-learn on image features, without heatmaps).
        traces: the network that reads signals; None where the bundle only sees pictures.
    """

    folder: Path
    name: str
    version: str
    sha256: str
    classes: tuple[str, ...]
    architecture: str
    attribution_layer: str
    preprocessing: PreprocessingSpec
    calibration: Calibration
    metrics: dict[str, Any]
    files: dict[str, str]
    explanations: dict[str, Any] = field(default_factory=dict)
    exports: dict[str, Any] = field(default_factory=dict)
    kind: str = "network"
    traces: TracesPart | None = None

    @property
    def model_file(self) -> Path:
        return self.folder / MODEL_FILES[self.kind]

    @property
    def card(self) -> str:
        """The model card, Markdown."""
        return (self.folder / CARD).read_text(encoding="utf-8")

    def require_network(self) -> None:
        """Refuse a pipeline where a network is needed, for its heatmap.

        Raises:
            BundleCorrupt: the bundle holds no network.
        """
        if self.kind != "network":
            raise BundleCorrupt(
                f"{self.folder} holds a {self.kind} ({self.name} {self.version}), which cannot show where on the page "
                "it looked. Only networks can be served; read pages with it by python -m ml predict --bundle"
            )

    def verify(self) -> None:
        """Compare every file with its recorded checksum.

        Raises:
            BundleCorrupt: a file is missing or differs.
        """
        for name, expected in self.files.items():
            file = self.folder / name
            if not file.is_file():
                raise BundleCorrupt(f"{file} is missing")
            if sha256_of(file) != expected:
                raise BundleCorrupt(f"{file} does not match its recorded SHA-256")


def read_manifest(folder: Path) -> BundleManifest:
    """Read a bundle's description without loading its model.

    Raises:
        BundleCorrupt: there is no readable ``bundle.json``, or it is not of a format this version knows.
    """
    try:
        raw = (folder / MANIFEST).read_bytes()
        values = json.loads(raw)
        if values["format"] != FORMAT:
            raise BundleCorrupt(f"{folder} has bundle format {values['format']}; this version reads {FORMAT}")
        kind = values.get("kind", "network")
        if kind not in MODEL_FILES:
            raise BundleCorrupt(f"{folder} holds a model of kind {kind!r}; this version knows {sorted(MODEL_FILES)}")
        if not {MODEL_FILES[kind], CARD} <= set(values["files"]):
            raise BundleCorrupt(f"{folder} lists no checksum for {MODEL_FILES[kind]} or {CARD}")
        traces = values.get("traces")
        if traces is not None and not {TRACES, NEARNESS} <= set(values["files"]):
            raise BundleCorrupt(f"{folder} lists no checksum for {TRACES} or {NEARNESS}")
        exports = values.get("exports", {})
        for record in exports.values():
            if values["files"].get(record["file"]) != record["sha256"]:
                raise BundleCorrupt(f"{folder} lists no checksum for its export {record['file']}, or another one")
        return BundleManifest(
            folder=folder,
            name=values["name"],
            version=values["version"],
            sha256=hashlib.sha256(raw).hexdigest(),
            classes=tuple(values["classes"]),
            architecture=values["architecture"],
            attribution_layer=values["attribution_layer"],
            preprocessing=PreprocessingSpec.from_json(values["preprocessing"]),
            calibration=Calibration(**values["calibration"]),
            metrics=values["metrics"],
            files=values["files"],
            explanations=values.get("explanations", {}),
            exports=exports,
            kind=kind,
            traces=None if traces is None else TracesPart.from_json(traces),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BundleCorrupt(f"{folder} is not a readable bundle: {error}") from error


def write_manifest(
    folder: Path,
    *,
    name: str,
    version: str,
    classes: tuple[str, ...],
    architecture: str,
    attribution_layer: str,
    preprocessing: PreprocessingSpec,
    calibration: Calibration,
    metrics: dict[str, Any],
    kind: str = "network",
) -> BundleManifest:
    """Describe the model and card that already lie in ``folder`` and seal them with their checksums."""
    values = {
        "format": FORMAT,
        "kind": kind,
        "name": name,
        "version": version,
        "architecture": architecture,
        "attribution_layer": attribution_layer,
        "classes": list(classes),
        "preprocessing": preprocessing.to_json(),
        "calibration": {"temperature": calibration.temperature, "threshold": calibration.threshold},
        "metrics": metrics,
        "files": {file: sha256_of(folder / file) for file in (MODEL_FILES[kind], CARD)},
    }
    (folder / MANIFEST).write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
    return read_manifest(folder)


def amend(
    folder: Path,
    *,
    explanations: dict[str, Any] | None = None,
    exports: dict[str, Any] | None = None,
    traces: dict[str, Any] | None = None,
    name: str | None = None,
    version: str | None = None,
    card: str | None = None,
    files: Mapping[str, Path] | None = None,
) -> BundleManifest:
    """Write into an intact bundle what was found or made after its sealing. This gives it a new identity.

    A crash half-way leaves a bundle that is refused, never one that is served with parts of two.

    Args:
        folder: the bundle.
        explanations: replaces what was found of the explanation methods.
        exports: replaces the record of exports; the files of those that are no longer in it are deleted.
        traces: describes the network that reads signals, whose files are among ``files``.
        name, version: replace the model's.
        card: replaces the model card.
        files: name in the bundle → finished file on the same file system, which is moved there.

    Raises:
        BundleCorrupt: the bundle is not intact.
    """
    before = read_manifest(folder)
    before.verify()
    values = json.loads((folder / MANIFEST).read_bytes())
    for file, finished in (files or {}).items():
        finished.replace(folder / file)
    if card is not None:
        _write_whole(folder / CARD, card)
    for file in (*(files or {}), CARD):
        values["files"][file] = sha256_of(folder / file)
    dropped = _export_files(before.exports) - _export_files(before.exports if exports is None else exports)
    for file in dropped:
        del values["files"][file]
    found = {"explanations": explanations, "exports": exports, "traces": traces, "name": name, "version": version}
    values |= {key: value for key, value in found.items() if value is not None}
    _write_whole(folder / MANIFEST, json.dumps(values, indent=2) + "\n")
    for file in dropped:
        (folder / file).unlink()
    return read_manifest(folder)


def _export_files(exports: dict[str, Any]) -> set[str]:
    return {record["file"] for record in exports.values()}


def _write_whole(file: Path, text: str) -> None:
    partial = file.with_name(f"{file.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(file)


def sha256_of(file: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()

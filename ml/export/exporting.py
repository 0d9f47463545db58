"""Convert, compare, measure, and seal what passed into the bundle."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ml.bundle import BundleManifest, amend, sha256_of
from ml.compiled_pass import Answer, as_input, graph_of, load_model, tensorflow_pass
from ml.export import TENSORFLOW, BackendUnavailable, ExportFailed
from ml.export.card import with_exports
from ml.export.convert import convert
from ml.export.latency import machine, with_all_threads, with_one_thread
from ml.export.parity import Parity, answers, compare
from ml.export.reference import REFERENCE, write_reference
from ml.export.runtimes import open_export

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ml.export.formats import Format

# Of the drawn pages, those whose answers stay in the bundle.
REFERENCE_PAGES: Final = 4


@dataclass(frozen=True)
class Pages:
    """What exports are compared on.

    Attributes:
        inputs: (N, height, width) uint8.
        description: where they come from, for the card.
        reference: (M, height, width) uint8, drawn, for the bundle; never pages of people.
    """

    inputs: NDArray[np.uint8]
    description: str
    reference: NDArray[np.uint8]


@dataclass(frozen=True)
class Outcome:
    """What became of one format.

    Attributes:
        form: which.
        record: for the bundle's manifest; empty if it was refused.
        reason: why it was refused.
        disproved: it was made, and answered otherwise than TensorFlow.
    """

    form: Format
    record: dict[str, Any]
    reason: str = ""
    disproved: bool = False


def export(
    manifest: BundleManifest, forms: Sequence[Format], pages: Pages, *, rounds: int, target: Path
) -> list[Outcome]:
    """Export a verified bundle's network and seal those exports that passed.

    Args:
        manifest: the bundle.
        forms: what to export to.
        pages: what to compare on.
        rounds: timed passes of each runtime.
        target: the bundle itself, or a folder that does not exist yet, which becomes a copy of it with the exports.

    Returns:
        What became of each format, in their order. An earlier export of a format whose answers
        differ now is taken out.

    Raises:
        BundleCorrupt: the network does not fit its manifest.
        OSError: the bundle or the copy cannot be written.
    """
    model = load_model(manifest)
    graph, reference_pass = graph_of(model, manifest), tensorflow_pass(model, manifest)
    right = answers(reference_pass, pages.inputs)
    # Beside the target, so that finished files can be moved there whole.
    target.resolve().parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.resolve().parent, prefix=".export-") as stage:
        staged = Path(stage)
        write_reference(staged / REFERENCE, pages.reference, answers(reference_pass, pages.reference))
        outcomes = [_tried(graph, form, right, pages, staged / form.file) for form in forms]
        passed = [outcome for outcome in outcomes if outcome.record]
        if passed:
            files = {outcome.form.name: staged / outcome.form.file for outcome in passed}
            measured = {
                "one_thread": with_one_thread(manifest.folder, files, staged / REFERENCE, rounds=rounds),
                "all_threads": with_all_threads(reference_pass, files, as_input(pages.reference[0]), rounds=rounds),
            }
            _add_latency(passed, measured)
        _seal(manifest, outcomes, staged, target)
    return outcomes


def _tried(graph: Any, form: Format, right: Sequence[Answer], pages: Pages, file: Path) -> Outcome:
    try:
        file.write_bytes(convert(graph, form))
        # One thread: the answers are those of several, and a busy machine does not stretch hundreds of pages.
        run = open_export(file, form.runtime, threads=1)
    except (ExportFailed, BackendUnavailable) as error:
        return Outcome(form, {}, str(error))
    try:
        parity = compare(right, answers(run, pages.inputs), form)
    # A file may load and still not run, or give other shapes; each runtime says so in its own way.
    except Exception as error:  # noqa: BLE001
        return Outcome(form, {}, f"it cannot read a page: {error}", disproved=True)
    if not parity.passed:
        return Outcome(form, {}, f"parity failed: {parity}", disproved=True)
    return Outcome(form, _record(form, file, parity, pages.description))


def _record(form: Format, file: Path, parity: Parity, description: str) -> dict[str, Any]:
    packages = ("tensorflow", "tf2onnx", "onnxruntime") if form.runtime == "onnx" else ("tensorflow", "ai-edge-litert")
    return {
        "file": form.file,
        "sha256": sha256_of(file),
        "bytes": file.stat().st_size,
        "precision": form.precision,
        "compared_on": description,
        "parity": parity.to_json(),
        "made_with": {package: metadata.version(package) for package in packages},
    }


def _add_latency(passed: Sequence[Outcome], measured: Mapping[str, Mapping[str, float]]) -> None:
    for outcome in passed:
        for key, name in (("latency_ms", outcome.form.name), ("tensorflow_latency_ms", TENSORFLOW)):
            outcome.record[key] = {title: round(times[name], 2) for title, times in measured.items()}
        outcome.record["machine"] = machine()


def _seal(manifest: BundleManifest, outcomes: Sequence[Outcome], staged: Path, target: Path) -> None:
    disproved = {outcome.form.name for outcome in outcomes if outcome.disproved}
    kept = {name: record for name, record in manifest.exports.items() if name not in disproved}
    added = {outcome.form.name: outcome.record for outcome in outcomes if outcome.record}
    if not added and kept == manifest.exports:
        return
    exports = kept | added
    if target.resolve() != manifest.folder.resolve():
        shutil.copytree(manifest.folder, target)
    names = [record["file"] for record in added.values()] + ([REFERENCE] if added else [])
    amend(
        target,
        exports=exports,
        card=with_exports(manifest.card, exports, manifest.preprocessing),
        files={name: staged / name for name in names},
    )

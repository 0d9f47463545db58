"""A bundle is served by what agrees with TensorFlow on this machine, and by nothing else."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ml.bundle import MANIFEST, amend, read_manifest, sha256_of
from ml.errors import BundleCorrupt
from ml.export import FASTEST, TENSORFLOW, BackendUnavailable
from ml.export.formats import FORMATS
from ml.export.reference import REFERENCE
from ml.export.runtimes import open_export
from ml.export.serving import time_passes
from ml.predictor import Predictor

if TYPE_CHECKING:
    from pathlib import Path

    from ml.bundle import BundleManifest
    from ml.render import RenderedPage


@pytest.mark.parametrize("backend", ["onnx", "litert"])
def test_every_backend_reads_a_page_as_tensorflow_does(exported: Path, rendered: RenderedPage, backend: str) -> None:
    right = Predictor.load(exported).read(rendered.image)
    predictor = Predictor.load(exported, backend=backend)
    finding = predictor.read(rendered.image)
    assert predictor.backend == backend
    assert finding.label == right.label
    assert finding.crop == right.crop
    assert finding.probabilities == pytest.approx(right.probabilities, abs=1e-4)
    assert finding.attribution == pytest.approx(right.attribution, abs=1e-2)
    assert finding.attribution.dtype == right.attribution.dtype


def test_an_export_is_served_without_tensorflow(exported: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from ml.predictor import Predictor;"
        "from ml.render import render_page; from ml.synthetic import synthetic_signals;"
        f"folder = Path({str(exported)!r}); page = render_page(synthetic_signals(1)).image;"
        "[Predictor.load(folder, backend=backend).read(page) for backend in ('onnx', 'litert')];"
        "assert 'tensorflow' not in sys.modules and 'keras' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("backend", ["onnx", "litert"])
def test_a_tampered_export_is_refused(exported: Path, backend: str) -> None:
    file = exported / FORMATS[backend].file
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    for asked in (backend, FASTEST, TENSORFLOW):
        with pytest.raises(BundleCorrupt, match=file.name):
            Predictor.load(exported, backend=asked)


@pytest.mark.parametrize("backend", ["onnx", "litert"])
def test_a_sealed_export_that_answers_otherwise_here_is_not_served(
    exported: Path, wrong: dict[str, bytes], backend: str, caplog: pytest.LogCaptureFixture
) -> None:
    file = exported.parent / "wrong"
    file.write_bytes(wrong[backend])
    _reseal(exported, backend, file)
    with pytest.raises(BackendUnavailable, match="does not answer as TensorFlow did"):
        Predictor.load(exported, backend=backend)
    with caplog.at_level(logging.INFO, logger="ml.export.serving"):
        assert Predictor.load(exported, backend=FASTEST).backend != backend
    assert f"{backend} does not take part" in caplog.text


@pytest.mark.parametrize("backend", ["onnx", "litert"])
def test_an_export_that_no_runtime_reads_is_not_served(exported: Path, backend: str) -> None:
    wrong = exported.parent / "wrong"
    wrong.write_bytes(b"no graph at all")
    _reseal(exported, backend, wrong)
    with pytest.raises(BackendUnavailable, match="cannot run"):
        Predictor.load(exported, backend=backend)


def _reseal(folder: Path, name: str, file: Path) -> None:
    exports = read_manifest(folder).exports
    exports[name] = exports[name] | {"sha256": sha256_of(file)}
    amend(folder, exports=exports, files={exports[name]["file"]: file})


def test_the_fastest_is_one_that_passed_and_its_choice_is_logged(
    exported: Path, rendered: RenderedPage, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="ml"):
        predictor = Predictor.load(exported, backend=FASTEST)
    assert predictor.backend in {TENSORFLOW, "onnx", "litert"}
    timed = next(line for line in caplog.messages if line.startswith("serving through"))
    times = dict(pair.split(" ") for pair in timed.partition("a page: ")[2].split(", "))
    assert set(times) == {TENSORFLOW, "onnx", "litert"}
    assert float(times[predictor.backend]) == min(map(float, times.values()))
    assert predictor.read(rendered.image).label in predictor.identity.classes


def test_without_exports_the_fastest_is_tensorflow(small: BundleManifest) -> None:
    assert Predictor.load(small.folder, backend=FASTEST).backend == TENSORFLOW


def test_a_backend_without_an_export_says_how_to_make_one(small: BundleManifest) -> None:
    with pytest.raises(BackendUnavailable, match="python -m ml export"):
        Predictor.load(small.folder, backend="onnx")


@pytest.mark.parametrize("backend", ["litert-float16", "torch", ""])
def test_an_unknown_or_coarse_backend_is_refused(exported: Path, backend: str) -> None:
    with pytest.raises(BackendUnavailable, match="known: tensorflow, onnx, litert, fastest"):
        Predictor.load(exported, backend=backend)


@pytest.mark.parametrize(
    ("backend", "module", "package"), [("onnx", "onnxruntime", "onnxruntime"), ("litert", "ai_edge_litert", "ai-edge")]
)
def test_a_runtime_that_is_not_installed_is_named(
    exported: Path, monkeypatch: pytest.MonkeyPatch, backend: str, module: str, package: str
) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)
    # What the import system itself does for a module that is not there.
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(BackendUnavailable, match=f"{package}.*not installed: pip install"):
        Predictor.load(exported, backend=backend)
    assert Predictor.load(exported, backend=FASTEST).backend != backend


@pytest.mark.parametrize("content", [b"nothing", b"PK\x03\x04 nothing"], ids=["not numpy's", "cut off"])
def test_a_reference_that_cannot_be_read_makes_the_bundle_corrupt(exported: Path, content: bytes) -> None:
    broken = exported.parent / "broken"
    broken.write_bytes(content)
    amend(exported, files={REFERENCE: broken})
    with pytest.raises(BundleCorrupt, match=REFERENCE):
        Predictor.load(exported, backend="onnx")


def test_a_reference_without_a_checksum_proves_nothing(exported: Path) -> None:
    values = json.loads((exported / MANIFEST).read_text())
    del values["files"][REFERENCE]
    (exported / MANIFEST).write_text(json.dumps(values))
    with pytest.raises(BundleCorrupt, match="no checksum for reference"):
        Predictor.load(exported, backend="onnx")


def test_the_slower_of_two_is_timed_as_slower(manifest: BundleManifest) -> None:
    fast = open_export(manifest.folder / FORMATS["litert"].file, "litert")

    def slow(page: np.ndarray) -> object:
        for _ in range(20):
            answer = fast(page)
        return answer

    spec = manifest.preprocessing
    page = np.zeros((1, spec.height, spec.width, 1), np.float32)
    times = time_passes({"slow": slow, "fast": fast}, page, rounds=5)
    assert 0.0 < times["fast"] < times["slow"]

"""A bundle is served exactly as it was sealed, or not at all."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from ml.bundle import CARD, MANIFEST, MODEL, amend, read_manifest
from ml.errors import BundleCorrupt

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def copy(bundle: Path, tmp_path: Path) -> Path:
    return shutil.copytree(bundle, tmp_path / "bundle")


def test_the_shipped_bundle_is_intact_and_below_its_size_limit(bundle: Path) -> None:
    manifest = read_manifest(bundle)
    manifest.verify()
    assert sum(file.stat().st_size for file in bundle.iterdir()) < 25 * 2**20
    assert {file.name for file in bundle.iterdir()} == {MANIFEST, *manifest.files}
    assert "not a medical device" in manifest.card
    assert 0.2 < manifest.calibration.threshold < 1.0
    assert manifest.metrics["test"]["strict"]["headline"]["accuracy"]["high"] < 0.97


@pytest.mark.parametrize("name", [MODEL, CARD])
def test_one_changed_byte_is_noticed(copy: Path, name: str) -> None:
    data = bytearray((copy / name).read_bytes())
    data[len(data) // 2] ^= 1
    (copy / name).write_bytes(data)
    with pytest.raises(BundleCorrupt, match=name):
        read_manifest(copy).verify()


def test_a_missing_model_is_noticed(copy: Path) -> None:
    (copy / MODEL).unlink()
    with pytest.raises(BundleCorrupt, match="missing"):
        read_manifest(copy).verify()


def test_a_changed_threshold_makes_another_bundle(copy: Path, bundle: Path) -> None:
    values = json.loads((copy / MANIFEST).read_text())
    values["calibration"]["threshold"] = 0.01
    (copy / MANIFEST).write_text(json.dumps(values))
    assert read_manifest(copy).sha256 != read_manifest(bundle).sha256


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"format": 99}',
        "not json",
        '{"format": 1, "files": {"model.keras": "0"}}',
        '{"format": 1, "files": []}',
    ],
)
def test_an_unreadable_manifest_is_refused(copy: Path, content: str) -> None:
    (copy / MANIFEST).write_text(content)
    with pytest.raises(BundleCorrupt):
        read_manifest(copy)


def test_a_folder_without_a_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleCorrupt):
        read_manifest(tmp_path / "nothing")


def test_reading_a_manifest_needs_no_tensorflow(bundle: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from ml.bundle import read_manifest;"
        f"read_manifest(Path({str(bundle)!r})).verify();"
        "import ml.decode, ml.gate, ml.heatmap, ml.preprocessing, ml.predictor;"
        "assert 'tensorflow' not in sys.modules and 'keras' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_science_imports_no_django() -> None:
    code = (
        "import sys, pkgutil, importlib, ml;"
        "names = [module.name for module in pkgutil.walk_packages(ml.__path__, 'ml.')];"
        "[importlib.import_module(name) for name in names if '__main__' not in name];"
        "assert 'django' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_findings_about_explanations_are_sealed_in_and_give_a_new_identity(copy: Path) -> None:
    before = read_manifest(copy)
    amended = amend(copy, explanations={"saliency": {"passes_randomisation": False}})
    assert amended.explanations == {"saliency": {"passes_randomisation": False}}
    assert amended.sha256 != before.sha256
    assert amended.files == before.files
    read_manifest(copy).verify()


def test_a_damaged_bundle_is_not_amended(copy: Path) -> None:
    (copy / CARD).write_text("another card")
    with pytest.raises(BundleCorrupt):
        amend(copy, explanations={})


def test_what_is_added_later_is_covered_by_the_checksums(copy: Path, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"a graph")
    record = {"onnx": {"file": "model.onnx", "sha256": hashlib.sha256(b"a graph").hexdigest()}}
    before = read_manifest(copy)
    amended = amend(copy, exports=record, card="# A new card\n", files={"model.onnx": tmp_path / "model.onnx"})
    amended.verify()
    assert amended.exports == record
    assert amended.card == "# A new card\n"
    assert amended.sha256 != before.sha256
    (copy / "model.onnx").write_bytes(b"another graph")
    with pytest.raises(BundleCorrupt, match=r"model\.onnx"):
        amended.verify()


def test_each_amendment_keeps_the_others(copy: Path) -> None:
    card = read_manifest(copy).card
    amend(copy, explanations={"saliency": {"passes_randomisation": False}})
    amended = amend(copy, card=f"{card}\nMore.\n")
    assert amended.explanations == {"saliency": {"passes_randomisation": False}}


def test_an_export_with_another_checksum_than_its_file_is_refused(copy: Path, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"a graph")
    record = {"onnx": {"file": "model.onnx", "sha256": "0" * 64}}
    with pytest.raises(BundleCorrupt, match=r"model\.onnx"):
        amend(copy, exports=record, files={"model.onnx": tmp_path / "model.onnx"})


def test_an_export_that_is_taken_out_leaves_no_file(copy: Path, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"a graph")
    record = {"onnx": {"file": "model.onnx", "sha256": hashlib.sha256(b"a graph").hexdigest()}}
    amend(copy, exports=record, files={"model.onnx": tmp_path / "model.onnx"})
    assert amend(copy, explanations={}).exports == record
    amended = amend(copy, exports={})
    amended.verify()
    assert "model.onnx" not in amended.files
    assert not (copy / "model.onnx").exists()

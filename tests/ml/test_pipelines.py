"""A classical pipeline is stored, sealed and read again as it was fitted; files that are not ours are refused."""

from __future__ import annotations

import csv
import json
import subprocess
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import skops.io

from ml import pipelines
from ml.__main__ import main
from ml.bundle import read_manifest
from ml.calibration import softmax
from ml.dataset import CARDIAC_CLASSES
from ml.decode import decode, encode_png
from ml.errors import BundleCorrupt
from ml.pipeline_predictor import PipelinePredictor
from ml.predictor import Predictor
from ml.render import render_page
from ml.runs import read_run
from ml.synthetic import synthetic_signals

if TYPE_CHECKING:
    from pathlib import Path

PIPELINES: list[tuple[str, dict[str, Any]]] = [
    ("svm", {"pca__n_components": 8}),
    ("logistic_regression", {"pca__n_components": 8}),
    ("random_forest", {"randomforestclassifier__n_estimators": 12, "randomforestclassifier__n_jobs": 1}),
]


def _described() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    labels = np.arange(80) % 4
    return (rng.normal(size=(80, 40)) + labels[:, None]).astype(np.float32), labels


@pytest.fixture(params=PIPELINES, ids=lambda wanted: wanted[0])
def fitted(request: pytest.FixtureRequest) -> Any:
    return pipelines.build(request.param[0], 20, request.param[1]).fit(*_described())


@pytest.fixture
def forest() -> Any:
    return pipelines.build(*("random_forest", 20, PIPELINES[2][1])).fit(*_described())


def test_a_stored_pipeline_answers_as_the_one_in_memory(fitted: Any, tmp_path: Path) -> None:
    described, _ = _described()
    pipelines.save(fitted, tmp_path / "pipeline.skops")
    stored = pipelines.load(tmp_path / "pipeline.skops")
    assert np.array_equal(pipelines.logits(stored, described, 4), pipelines.logits(fitted, described, 4))


def test_a_file_that_would_run_a_command_is_refused(tmp_path: Path) -> None:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    pipelines.save(make_pipeline(FunctionTransformer(subprocess.getoutput)), tmp_path / "pipeline.skops")
    with pytest.raises(BundleCorrupt, match=r"subprocess\.getoutput"):
        pipelines.load(tmp_path / "pipeline.skops")


def test_a_harmless_type_that_is_none_of_ours_is_refused_too(tmp_path: Path) -> None:
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline

    (tmp_path / "alone").write_bytes(skops.io.dumps(KNeighborsClassifier()))
    pipelines.save(make_pipeline(KNeighborsClassifier()).fit(*_described()), tmp_path / "step")
    with pytest.raises(BundleCorrupt, match="not a pipeline"):
        pipelines.load(tmp_path / "alone")
    with pytest.raises(BundleCorrupt, match="no step"):
        pipelines.load(tmp_path / "step")


@pytest.mark.parametrize("column", ["left_child", "right_child", "feature"])
def test_a_tree_that_points_outside_of_itself_is_refused(column: str, forest: Any, tmp_path: Path) -> None:
    tree = forest[-1].estimators_[3].tree_
    state = tree.__getstate__()
    nodes = state["nodes"].copy()
    nodes[column][0] = 10_000_000
    tree.__setstate__(state | {"nodes": nodes})
    pipelines.save(forest, tmp_path / "pipeline.skops")
    with pytest.raises(BundleCorrupt, match="outside"):
        pipelines.load(tmp_path / "pipeline.skops")


def test_a_tree_that_leads_back_to_its_root_is_refused(forest: Any, tmp_path: Path) -> None:
    tree = forest[-1].estimators_[0].tree_
    state = tree.__getstate__()
    nodes = state["nodes"].copy()
    nodes["left_child"][0] = 0
    tree.__setstate__(state | {"nodes": nodes})
    pipelines.save(forest, tmp_path / "pipeline.skops")
    with pytest.raises(BundleCorrupt, match="outside"):
        pipelines.load(tmp_path / "pipeline.skops")


def test_support_vectors_that_do_not_fit_their_counts_are_refused(tmp_path: Path) -> None:
    machine = pipelines.build("svm", 20, {"pca__n_components": 8}).fit(*_described())
    machine[-1]._n_support = machine[-1]._n_support + np.int32(1000)
    pipelines.save(machine, tmp_path / "pipeline.skops")
    with pytest.raises(BundleCorrupt, match="counts"):
        pipelines.load(tmp_path / "pipeline.skops")


def test_a_file_from_another_version_of_the_library_is_refused(
    fitted: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as older:
        older.setattr("sklearn.base.__version__", "0.99")
        pipelines.save(fitted, tmp_path / "pipeline.skops")
    with pytest.raises(BundleCorrupt, match=r"0[.]99"):
        pipelines.load(tmp_path / "pipeline.skops")


# --- From the command to the bundle ---------------------------------------------------------------


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty drawn pages in twenty groups; the class shows in the heart rate."""
    folder = tmp_path_factory.mktemp("pages")
    with (folder / "manifest.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "label", "group", "strict"])
        for n in range(40):
            signals = synthetic_signals(seed=n, heart_rate_bpm=50 + 30 * (n % 4))
            (folder / f"{n}.png").write_bytes(encode_png(render_page(signals, size=(700, 497), seed=n).image))
            writer.writerow([f"{n}.png", CARDIAC_CLASSES[n % 4], f"g{n // 2}", 1])
    return folder


OPTIONS = ["--run", "run", "--version", "9.9", "--set", "pca__n_components=6"]


def test_training_a_pipeline_ends_in_a_bundle_that_answers_as_the_run_did(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["train", "svm", str(data), *OPTIONS]) == 0
    bundle = tmp_path / "run" / "bundle"
    manifest = read_manifest(bundle)
    manifest.verify()
    assert manifest.kind == "pipeline"
    assert "`svm` pipeline on 1,760 features" in manifest.card
    assert "--set pca__n_components=6" in manifest.card
    run = read_run(tmp_path / "run")
    test = run.parts["test"]
    expected = softmax(test.logits / manifest.calibration.temperature)[0]
    capsys.readouterr()
    assert main(["predict", "--quiet", "--bundle", str(bundle), str(data / test.files[0])]) == 0
    row = json.loads(capsys.readouterr().out)
    assert row["status"] == "ok"
    assert list(row["probabilities"].values()) == pytest.approx(expected.tolist(), abs=6e-5)
    assert row["abstained"] is bool(expected.max() < manifest.calibration.threshold)

    with pytest.raises(BundleCorrupt, match="where on the page"):
        Predictor.load(bundle)
    page = decode((data / test.files[0]).read_bytes()).pages[0]
    before = PipelinePredictor.load(bundle).read(page)

    # An earlier run that kept no pipeline is fitted again, and must answer as it did.
    (tmp_path / "run" / "pipeline.skops").unlink()
    assert main(["train", "svm", str(data), *OPTIONS]) == 0
    assert PipelinePredictor.load(bundle).read(page).probabilities == pytest.approx(before.probabilities)
    assert main(["train", "svm", str(data), *OPTIONS[:-1], "pca__n_components=5"]) == 1
    assert "another run" in capsys.readouterr().err

    damaged = bytearray((bundle / "pipeline.skops").read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (bundle / "pipeline.skops").write_bytes(damaged)
    assert main(["predict", "--quiet", "--bundle", str(bundle), str(data / "0.png")]) == 2
    assert "SHA-256" in capsys.readouterr().err


def test_a_run_that_answers_otherwise_when_fitted_again_is_not_sealed(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["train", "svm", str(data), *OPTIONS]) == 0
    (tmp_path / "run" / "pipeline.skops").unlink()
    with np.load(tmp_path / "run" / "predictions.npz") as stored:
        arrays = dict(stored)
    np.savez(tmp_path / "run" / "predictions.npz", **arrays | {"test_logits": arrays["test_logits"] + 0.1})
    assert main(["train", "svm", str(data), *OPTIONS]) == 1
    assert "answers otherwise" in capsys.readouterr().err


def test_settings_are_for_pipelines_and_must_be_spelt_right(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "custom_cnn", str(data), "--set", "svc__C=1"]) == 1
    assert "pipelines" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["train", "svm", str(data), "--set", "svc__C"])
    with pytest.raises(ValueError, match="nonsense"):
        pipelines.build("svm", 1, {"nonsense": 1})

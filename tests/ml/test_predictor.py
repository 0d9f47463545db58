"""The shipped model as it is served: its answers, its abstention, its heatmap."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.stats import spearmanr

from ml.bundle import MANIFEST, read_manifest
from ml.decode import decode
from ml.errors import BundleCorrupt, PageRejected
from ml.page import find_ecg
from ml.predictor import Predictor
from ml.preprocessing import preprocess
from ml.render import RenderedPage, render_page
from ml.synthetic import synthetic_signals

if TYPE_CHECKING:
    from pathlib import Path

    import keras

    from ml.decode import Page


def test_a_finding_is_whole(predictor: Predictor, rendered: RenderedPage) -> None:
    finding = predictor.read(rendered.image)
    assert tuple(finding.probabilities) == predictor.identity.classes
    assert sum(finding.probabilities.values()) == pytest.approx(1.0, abs=1e-5)
    assert finding.label == max(finding.probabilities, key=lambda label: finding.probabilities[label])
    assert finding.confidence == finding.probabilities[finding.label]
    assert finding.crop == find_ecg(rendered.image).crop
    assert finding.attribution.min() >= 0.0
    assert finding.attribution.max() == pytest.approx(1.0)


def test_the_same_page_gets_the_same_answer(predictor: Predictor, rendered: RenderedPage) -> None:
    first, second = predictor.read(rendered.image), predictor.read(rendered.image.copy())
    assert first.probabilities == second.probabilities
    assert np.array_equal(first.attribution, second.attribution)


def test_below_its_threshold_the_model_is_not_sure(predictor: Predictor, rendered: RenderedPage) -> None:
    manifest = predictor._manifest
    confidence = predictor.read(rendered.image).confidence
    for threshold, abstains in ((confidence + 0.001, True), (confidence - 0.001, False)):
        calibration = replace(manifest.calibration, threshold=threshold)
        strict = Predictor(replace(manifest, calibration=calibration), predictor._compiled)
        assert strict.read(rendered.image).abstained is abstains


def test_the_temperature_of_the_bundle_is_applied(predictor: Predictor, bundle: Path, rendered: RenderedPage) -> None:
    manifest = read_manifest(bundle)
    logits = np.asarray(_network(bundle)(_input(bundle, rendered.image), training=False))[0]
    scaled = logits / manifest.calibration.temperature
    expected = np.exp(scaled - scaled.max()) / np.exp(scaled - scaled.max()).sum()
    answered = np.array(list(predictor.read(rendered.image).probabilities.values()))
    assert answered == pytest.approx(expected, abs=1e-4)


def test_what_is_no_ecg_gets_no_diagnosis(predictor: Predictor) -> None:
    with pytest.raises(PageRejected) as refused:
        predictor.read(np.full((700, 1000, 3), 255, np.uint8))
    assert refused.value.code == "not_an_ecg_page"


def test_another_bundle_than_the_registered_one_is_not_loaded(bundle: Path) -> None:
    with pytest.raises(BundleCorrupt, match="registered"):
        Predictor.load(bundle, expected_sha256="0" * 64)


def test_a_model_that_does_not_fit_its_manifest_is_not_loaded(bundle: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(bundle, tmp_path / "bundle")
    values = json.loads((copy / MANIFEST).read_text())
    values["classes"] = ["normal", "mi"]
    (copy / MANIFEST).write_text(json.dumps(values))
    with pytest.raises(BundleCorrupt, match="fit"):
        Predictor.load(copy)


def _network(bundle: Path) -> keras.Model:
    import keras

    return keras.saving.load_model(read_manifest(bundle).model_file, compile=False)


def _input(bundle: Path, page: Page) -> np.ndarray:
    model_input = preprocess(page, find_ecg(page).crop, read_manifest(bundle).preprocessing)
    return model_input[None, ..., None].astype(np.float32)


# tf-keras-vis 0.8.7 imports SciPy's zoom from its old place.
from_its_old_place = pytest.mark.filterwarnings("ignore:Please import `zoom`:DeprecationWarning")


def _agreement(predictor: Predictor, bundle: Path, network: keras.Model, page: Page) -> float:
    """Rank correlation of our Grad-CAM with that of tf-keras-vis."""
    from tf_keras_vis.gradcam import Gradcam
    from tf_keras_vis.utils.scores import CategoricalScore

    finding = predictor.read(page)
    winner = list(finding.probabilities).index(finding.label)
    oracle = Gradcam(network, clone=False)(
        CategoricalScore(winner),
        _input(bundle, page),
        penultimate_layer=read_manifest(bundle).attribution_layer,
        seek_penultimate_conv_layer=False,
        expand_cam=False,
    )
    return float(spearmanr(np.asarray(oracle[0]).ravel(), finding.attribution.ravel()).statistic)


@from_its_old_place
def test_the_heatmap_is_the_one_that_tf_keras_vis_computes(predictor: Predictor, bundle: Path) -> None:
    network = _network(bundle)
    for seed, layout in ((11, "4x2.5"), (12, "2x5"), (13, "4x2.5")):
        page = render_page(synthetic_signals(seed=seed), layout=layout, seed=seed).image
        assert _agreement(predictor, bundle, network, page) >= 0.99


@pytest.mark.dataset
@from_its_old_place
def test_and_so_it_is_on_real_pages(predictor: Predictor, bundle: Path, dataset: Path) -> None:
    network = _network(bundle)
    files = sorted((dataset / "originals").glob("*.jpg"))[::4]
    for file in files:
        assert _agreement(predictor, bundle, network, decode(file.read_bytes()).pages[0]) >= 0.99, file.name

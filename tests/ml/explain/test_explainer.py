"""From a bundle and a page to a map on the page."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ml.bundle import read_manifest
from ml.errors import BundleCorrupt, PageRejected
from ml.explain import METHODS
from ml.explain.explainer import Explainer
from ml.page import find_ecg

if TYPE_CHECKING:
    from pathlib import Path

    from ml.predictor import Predictor
    from ml.render import RenderedPage


@pytest.fixture(scope="module")
def shipped(bundle: Path) -> Explainer:
    return Explainer.load(bundle)


def test_naming_the_methods_loads_nothing_heavy() -> None:
    heavy = "{'tensorflow', 'keras', 'numpy', 'cv2', 'tf_keras_vis'}"
    check = f"import sys, ml.explain; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_grad_cam_is_the_predictor_s_own(shipped: Explainer, predictor: Predictor, rendered: RenderedPage) -> None:
    finding, explanation = predictor.read(rendered.image), shipped.explain(rendered.image, "grad_cam")
    assert shipped.identity == predictor.identity
    assert (explanation.label, explanation.crop) == (finding.label, finding.crop)
    assert explanation.attribution == pytest.approx(finding.attribution, abs=1e-4)


def test_spatial_attention_is_offered_only_where_there_is_some(shipped: Explainer, small_explainer: Explainer) -> None:
    assert set(shipped.methods) == set(METHODS) - {"spatial_attention"}
    assert small_explainer.methods == tuple(METHODS)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_explains_a_page_and_says_how_far_it_is(
    method: str, small_explainer: Explainer, rendered: RenderedPage
) -> None:
    told: list[float] = []
    explanation = small_explainer.explain(rendered.image, method, label="mi", progress=told.append)
    assert (explanation.method, explanation.label) == (method, "mi")
    assert explanation.crop == find_ecg(rendered.image).crop
    assert explanation.attribution.dtype == np.float32
    assert explanation.attribution.min() >= 0
    assert explanation.attribution.max() == pytest.approx(1.0)
    assert told == sorted(told)
    assert (told[0], told[-1]) == (0.0, 1.0)
    if method in ("lime", "integrated_gradients", "saliency"):
        assert np.diff(told).max() < 0.35


@pytest.mark.parametrize("method", ["score_cam", "saliency", "integrated_gradients", "lime", "grad_cam"])
def test_an_exception_from_progress_ends_the_work(
    method: str, small_explainer: Explainer, rendered: RenderedPage
) -> None:
    told: list[float] = []

    def stop(share: float) -> None:
        told.append(share)
        if share > 0:
            raise TimeoutError

    with pytest.raises(TimeoutError):
        small_explainer.explain(rendered.image, method, progress=stop)
    assert len(told) == 2


def test_without_a_label_the_winning_class_is_explained(shipped: Explainer, rendered: RenderedPage) -> None:
    own = shipped.explain(rendered.image, "grad_cam")
    named = shipped.explain(rendered.image, "grad_cam", label=own.label)
    other = next(label for label in shipped.identity.classes if label != own.label)
    assert np.array_equal(own.attribution, named.attribution)
    assert not np.array_equal(own.attribution, shipped.explain(rendered.image, "grad_cam", label=other).attribution)


def test_what_is_no_ecg_is_not_explained(small_explainer: Explainer) -> None:
    with pytest.raises(PageRejected) as refused:
        small_explainer.explain(np.full((700, 1000, 3), 255, np.uint8), "grad_cam")
    assert refused.value.code == "not_an_ecg_page"


def test_unknown_methods_and_labels_are_refused_by_name(shipped: Explainer, rendered: RenderedPage) -> None:
    with pytest.raises(ValueError, match=r"'tea_leaves'.*grad_cam"):
        shipped.explain(rendered.image, "tea_leaves")
    with pytest.raises(ValueError, match="'spatial_attention'"):
        shipped.explain(rendered.image, "spatial_attention")
    with pytest.raises(ValueError, match=r"'gout'.*normal"):
        shipped.explain(rendered.image, "grad_cam", label="gout")


def test_another_bundle_than_the_registered_one_is_not_loaded(small_bundle: Path) -> None:
    assert Explainer.load(small_bundle, expected_sha256=read_manifest(small_bundle).sha256)
    with pytest.raises(BundleCorrupt, match="registered"):
        Explainer.load(small_bundle, expected_sha256="0" * 64)


def test_no_evidence_is_shown_as_none(small_explainer: Explainer) -> None:
    blank = np.full((64, 96), 230, np.uint8)
    for method in ("grad_cam", "integrated_gradients", "lime"):
        found, _ = small_explainer.attribute(blank, method, 0)
        assert np.isfinite(found).all(), method
    assert not small_explainer.attribute(blank, "integrated_gradients", 0)[0].any()

"""Each method against networks whose answer is known beforehand."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.linear_model import Ridge

from ml.explain import METHODS, lime
from ml.explain.integrated_gradients import integrate
from ml.explain.paper import paper_of, visible
from ml.explain.saliency import smooth_grad
from ml.explain.score_cam import score_weighted

if TYPE_CHECKING:
    import keras

    from ml.explain.network import Floats, Network

HEIGHT, WIDTH = 64, 96
# What a logit of `quadrants` gains per unit of mean ink in its own quadrant.
GAIN = 600.0

# tf-keras-vis 0.8.7 imports SciPy's zoom from its old place, and Keras' TensorFlow backend hands NumPy arrays over in a
# way that NumPy 2 has deprecated.
from_its_old_place = pytest.mark.filterwarnings("ignore:Please import `zoom`:DeprecationWarning")
as_keras_hands_arrays_over = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)

SIGNED = ("grad_cam", "grad_cam_plus_plus", "score_cam", "integrated_gradients", "lime")


def _map(method: str, network: Network, page: Floats, label: int) -> Floats:
    found, _ = import_module(METHODS[method].module).attribute(network, page, label)
    assert found.dtype == np.float32
    assert found.min() >= 0
    assert found.shape[1] / found.shape[0] == pytest.approx(WIDTH / HEIGHT)
    return found


def _share(found: Floats, label: int) -> float:
    """Share of a map in the quadrant that speaks for the label."""
    rows, columns = found.shape[0] // 2, found.shape[1] // 2
    part = found[:rows, :columns] if label == 0 else found[rows:, columns:]
    return float(part.sum() / found.sum())


def _listed(network: Network) -> keras.Model:
    """The same network, taking its one input in a list, as tf-keras-vis hands it over."""
    import keras

    return keras.Model(network.model.inputs, network.model.output)


def test_every_method_has_its_module() -> None:
    for method in METHODS.values():
        assert find_spec(method.module) is not None
        assert method.summary.endswith(".")


@pytest.mark.parametrize("label", [0, 1])
@pytest.mark.parametrize("method", SIGNED)
def test_the_evidence_lies_in_the_quadrant_that_speaks_for_the_class(
    method: str, label: int, quadrants: Network, strokes: Floats
) -> None:
    assert _share(_map(method, quadrants, strokes, label), label) > 0.9


def test_saliency_marks_both_quadrants_that_matter_and_no_other(quadrants: Network, strokes: Floats) -> None:
    found = _map("saliency", quadrants, strokes, 0)
    assert _share(found, 0) == pytest.approx(0.5, abs=0.02)
    assert _share(found, 0) + _share(found, 1) > 0.95


@pytest.mark.parametrize("method", ["grad_cam", "grad_cam_plus_plus"])
def test_a_class_activation_map_is_the_feature_map_that_counts(
    method: str, quadrants: Network, strokes: Floats
) -> None:
    found = _map(method, quadrants, strokes, 1)
    expected = quadrants.features(strokes)[..., 1]
    if method == "grad_cam":
        # Grad-CAM takes away the map that speaks against the class; here they do not overlap.
        expected = np.maximum(expected - quadrants.features(strokes)[..., 0], 0)
    assert found / found.max() == pytest.approx(expected / expected.max(), abs=1e-5)


def test_saliency_of_a_linear_network_is_the_size_of_its_weights(quadrants: Network, strokes: Floats) -> None:
    found = smooth_grad(quadrants, strokes, 0)
    weight = GAIN / 255 / (HEIGHT * WIDTH)
    assert found[5, 5] == pytest.approx(weight, rel=1e-4)
    assert found[60, 90] == pytest.approx(weight, rel=1e-4)
    assert found[5, 90] == 0


@from_its_old_place
@as_keras_hands_arrays_over
def test_saliency_without_noise_is_that_of_tf_keras_vis(bent: Network, strokes: Floats) -> None:
    from tf_keras_vis.saliency import Saliency

    from ml.explain.vis import CategoricalScore

    oracle = Saliency(_listed(bent), clone=False)(CategoricalScore(1), [strokes[None, ..., None]], normalize_map=False)
    ours = smooth_grad(bent, strokes, 1, copies=1, noise=0.0)
    assert ours == pytest.approx(np.asarray(oracle[0])[0], abs=1e-7)


def test_integrated_gradients_of_a_linear_network_are_ink_times_weight(quadrants: Network, strokes: Floats) -> None:
    paper = paper_of(strokes)
    found = integrate(quadrants, strokes, paper, 0, steps=4)
    weights = np.zeros((HEIGHT, WIDTH))
    weights[: HEIGHT // 2, : WIDTH // 2] = -GAIN / 255 / (HEIGHT * WIDTH)
    weights[HEIGHT // 2 :, WIDTH // 2 :] = GAIN / 255 / (HEIGHT * WIDTH)
    assert found == pytest.approx(weights * (strokes - paper), abs=1e-6)


@pytest.mark.parametrize("label", [0, 1])
def test_integrated_gradients_add_up_to_the_difference_of_the_logits(
    label: int, bent: Network, strokes: Floats
) -> None:
    ends = np.stack([paper_of(strokes), strokes])
    at_paper, at_page = bent.logits(2, lambda start, stop: ends[start:stop])[:, label]
    found = integrate(bent, strokes, ends[0], label, steps=300)
    assert abs(at_page - at_paper) > 0.02
    assert found.sum() == pytest.approx(at_page - at_paper, rel=0.01)


def test_lime_recovers_the_weights_of_a_linear_network(quadrants: Network, strokes: Floats) -> None:
    paper = paper_of(strokes)
    pieces = lime.cut(strokes, paper)
    weights, fit = lime.explain_pieces(quadrants, strokes, paper, pieces, 0, samples=240, ridge=1e-6)
    exact = integrate(quadrants, strokes, paper, 0, steps=1)
    expected = np.bincount(pieces.ravel(), exact.ravel())
    assert np.abs(expected).max() > 0.1
    assert weights == pytest.approx(expected, abs=1e-3)
    assert fit == pytest.approx(1.0, abs=1e-6)


def test_lime_s_regression_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    features, targets, weights = rng.random((80, 9)), rng.normal(size=80), rng.random(80)
    oracle = Ridge(alpha=0.7).fit(features, targets, sample_weight=weights)
    coefficients, fit = lime.fit_ridge(features, targets, weights, 0.7)
    assert coefficients == pytest.approx(oracle.coef_)
    assert fit == pytest.approx(oracle.score(features, targets, sample_weight=weights))


def test_lime_cuts_traces_apart_from_paper(strokes: Floats) -> None:
    pieces = lime.cut(strokes, paper_of(strokes))
    # Pieces of trace are a little wider than the trace.
    near_ink = cv2.dilate((strokes < 100).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    on_ink, on_paper = set(pieces[strokes < 100]), set(pieces[~near_ink])
    assert on_ink.isdisjoint(on_paper)
    assert len(on_ink) > 20
    assert len(on_paper) == lime.BLOCKS[0] * lime.BLOCKS[1]
    assert sorted(set(pieces.ravel())) == list(range(pieces.max() + 1))


def test_copies_nearer_to_the_page_weigh_more() -> None:
    on = lime.draw(np.random.default_rng(3), 200, 50)
    near = lime.nearness(on)
    assert on[0].all()
    assert near[0] == 1.0
    assert spearmanr(on.mean(axis=1), near).statistic == pytest.approx(1.0)
    assert on.mean(axis=1).min() < 0.5


@from_its_old_place
@as_keras_hands_arrays_over
@pytest.mark.filterwarnings("ignore::UserWarning:keras")
def test_score_cam_over_a_black_page_is_that_of_tf_keras_vis(bent: Network, strokes: Floats) -> None:
    from tf_keras_vis.scorecam import Scorecam

    from ml.explain.vis import CategoricalScore

    oracle = Scorecam(_listed(bent), clone=False)(
        CategoricalScore(1),
        strokes[None, ..., None],
        penultimate_layer="relu1",
        seek_penultimate_conv_layer=False,
        expand_cam=False,
        normalize_cam=False,
    )
    ours = score_weighted(bent, strokes, np.zeros_like(strokes), 1)
    # The two enlarge masks by different conventions at the edges.
    assert spearmanr(ours.ravel(), np.asarray(oracle).ravel()).statistic > 0.98


def test_spatial_attention_is_the_mean_of_the_layers_for_every_class(quadrants: Network, strokes: Floats) -> None:
    found = _map("spatial_attention", quadrants, strokes, 0)
    assert np.array_equal(found, _map("spatial_attention", quadrants, strokes, 1))
    fine = 1 / (1 + np.exp(-40.0 * quadrants.features(strokes)[..., 0]))
    coarse = fine.reshape(HEIGHT // 8, 2, WIDTH // 8, 2).mean(axis=(1, 3))
    expected = (fine + cv2.resize(coarse, (WIDTH // 4, HEIGHT // 4), interpolation=cv2.INTER_LINEAR)) / 2
    assert found == pytest.approx(expected - expected.min(), abs=1e-5)


def test_a_network_without_attention_has_none_to_show(bent: Network, strokes: Floats) -> None:
    with pytest.raises(ValueError, match="no spatial attention"):
        _map("spatial_attention", bent, strokes, 0)


@pytest.mark.parametrize("method", ["saliency", "lime"])
def test_methods_that_draw_at_random_give_a_page_the_same_map_each_time(
    method: str, bent: Network, strokes: Floats
) -> None:
    assert np.array_equal(_map(method, bent, strokes, 1), _map(method, bent, strokes, 1))


def test_paper_has_the_shadow_of_the_page_but_not_its_ink(strokes: Floats) -> None:
    shadow = np.linspace(0, 60, WIDTH, dtype=np.float32)
    paper = paper_of(strokes - shadow)
    assert np.abs(paper - (230.0 - shadow)).max() < 10


def test_edges_of_opposite_sign_cancel_and_peaks_are_cut() -> None:
    stroke = np.zeros((HEIGHT, WIDTH), np.float32)
    stroke[20], stroke[21] = 1.0, -1.0
    single = np.zeros_like(stroke)
    single[20] = 1.0
    assert visible(stroke).max() < 0.5 * visible(single).max()
    assert np.ptp(np.sort(visible(np.random.default_rng(0).random((400, 400), np.float32)), axis=None)[-40:]) == 0

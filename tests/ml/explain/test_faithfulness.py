"""What is measured of the methods, on networks and maps whose figures are known beforehand."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ml import explain
from ml.dataset import LabelledPage
from ml.explain.faithfulness import Sample, check_randomisation, choose, mean_interval, measure, verdicts
from ml.explain.maps import on_common_grid, random_like, rank_correlation, structural_similarity
from ml.explain.perturbation import STEPS, curves, places
from ml.explain.placement import places_of, ratio
from ml.explain.randomisation import MAX_STEPS, restored, shuffle, steps_down
from ml.page import find_ecg, take_apart

if TYPE_CHECKING:
    from ml.explain.explainer import Explainer
    from ml.explain.network import Attribution, Floats, Network
    from ml.render import RenderedPage


def _quadrant(shape: tuple[int, int], label: int) -> Floats:
    found = np.zeros(shape, np.float32)
    rows, columns = shape[0] // 2, shape[1] // 2
    found[:rows, :columns] = label == 0
    found[rows:, columns:] = label == 1
    return found


def _rng() -> np.random.Generator:
    return np.random.default_rng(7)


def test_deleting_the_evidence_first_ends_the_answer_at_once_and_inserting_it_first_brings_it_back(
    quadrants: Network, strokes: Floats
) -> None:
    page = strokes.copy()
    # The evidence for class 1 goes; without any, the two classes are equally probable.
    page[32:, 48:] = 230.0
    truth = curves(quadrants, page, _quadrant(page.shape, 0), 0, 1.0, _rng())
    wrong = curves(quadrants, page, _quadrant(page.shape, 1), 0, 1.0, _rng())
    assert truth.deletion[0] == pytest.approx(1.0, abs=0.01)
    assert truth.deletion[STEPS // 4 + 1 :] == pytest.approx(0.5, abs=0.01)
    assert truth.insertion[0] == pytest.approx(0.5, abs=0.01)
    assert truth.insertion[STEPS // 4 + 1 :] == pytest.approx(1.0, abs=0.01)
    assert truth.deletion_auc < wrong.deletion_auc - 0.2
    assert truth.insertion_auc > wrong.insertion_auc + 0.1
    assert 0.5 <= truth.deletion_auc < 0.65


def test_the_temperature_softens_the_curves(quadrants: Network, strokes: Floats) -> None:
    found = _quadrant(strokes.shape, 0)
    steep, soft = (curves(quadrants, strokes * 0.9, found, 0, temperature, _rng()) for temperature in (1.0, 1000.0))
    assert np.ptp(soft.deletion) < 0.1 * np.ptp(steep.deletion)


def test_pixels_go_in_the_order_of_the_map_and_in_blotches_where_it_says_nothing() -> None:
    place = places(_quadrant((8, 12), 0), (64, 96), _rng())
    assert place[:28, :44].max() < place[36:, 52:].min()
    assert np.array_equal(np.sort(place, axis=None), np.arange(64 * 96) / (64 * 96))
    early = place < np.median(place[36:, 52:])
    changes = np.abs(np.diff(early[36:, 52:].astype(int), axis=1)).mean()
    assert changes < 0.2, "pixels strewn singly would change at every second step"


def test_a_random_map_has_the_values_and_the_smoothness_of_the_original_but_not_its_places() -> None:
    import cv2

    found = cv2.GaussianBlur(_rng().random((48, 64), np.float32), (0, 0), 4)
    others = [random_like(found, np.random.default_rng(seed)) for seed in range(30)]
    assert np.array_equal(np.sort(found, axis=None), np.sort(others[0], axis=None))

    def roughness(image: Floats) -> float:
        return float(np.abs(np.diff(image, axis=1)).mean())

    assert np.mean([roughness(other) for other in others]) == pytest.approx(roughness(found), rel=0.3)
    assert abs(np.mean([rank_correlation(found, other) for other in others])) < 0.15


def test_likeness_of_maps() -> None:
    found = _rng().random((20, 30), np.float32)
    assert rank_correlation(found, found**3) == pytest.approx(1.0)
    assert rank_correlation(found, 1 - found) == pytest.approx(-1.0)
    assert rank_correlation(found, np.zeros_like(found)) == 0.0
    assert structural_similarity(found, found) == pytest.approx(1.0)
    assert structural_similarity(found, 1 - found) < 0
    assert on_common_grid(found, (64, 96)).shape == (16, 24)


def test_structural_similarity_of_flat_maps_is_that_of_their_means() -> None:
    one, other = np.full((9, 9), 0.2, np.float32), np.full((9, 9), 0.8, np.float32)
    assert structural_similarity(one, other) == pytest.approx((2 * 0.16 + 1e-4) / (0.04 + 0.64 + 1e-4), rel=1e-4)


def test_steps_go_from_the_last_layer_to_the_first_and_leave_none_out(bent: Network) -> None:
    steps = steps_down(bent.model)
    assert [layer.name for layer in steps[0]] == ["logits"]
    assert steps[-1][-1].name == "conv0"
    assert len(steps) <= MAX_STEPS
    assert {layer.name for step in steps for layer in step} == {
        layer.name for layer in bent.model.layers if layer.weights
    }


def test_shuffling_keeps_the_values_and_the_network_is_restored(bent: Network, strokes: Floats) -> None:
    def logits() -> Floats:
        return bent.logits(1, lambda _start, _stop: strokes[None])

    before, weights = logits(), bent.model.get_layer("conv0").get_weights()[0]

    def shuffle_and_fail() -> None:
        with restored(bent.model):
            shuffle([bent.model.get_layer("conv0")], _rng())
            shuffled = bent.model.get_layer("conv0").get_weights()[0]
            assert not np.array_equal(shuffled, weights)
            assert np.array_equal(np.sort(shuffled, axis=None), np.sort(weights, axis=None))
            assert np.abs(logits() - before).max() > 1e-4
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        shuffle_and_fail()
    assert np.array_equal(logits(), before)


def _edges(network: Network, page: Floats, label: int, progress: object) -> Attribution:
    """A "method" that draws the page's ink, whatever the network."""
    return np.maximum(230.0 - page, 0.0)[::4, ::4], {}


def test_a_map_of_the_page_alone_fails_the_randomisation_check(
    small_explainer: Explainer, strokes: Floats, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(explain.METHODS, "saliency", replace(explain.METHODS["saliency"], module="edges"))
    monkeypatch.setitem(__import__("sys").modules, "edges", SimpleNamespace(attribute=_edges))
    page = _one_sided(strokes)
    found, _ = small_explainer.attribute(page, "saliency", 0)
    result = check_randomisation(small_explainer, "saliency", [(page, 0)], [found], seed=1)
    assert [step["spearman"] for step in result["steps"]] == pytest.approx([1.0] * len(result["steps"]))
    assert [step["ssim"] for step in result["steps"]] == pytest.approx([1.0] * len(result["steps"]))
    assert 0 < result["threshold"] < 0.9
    assert not result["passes"]


def test_a_map_that_hangs_on_the_weights_passes_it(bent: Network, strokes: Floats) -> None:
    page = _one_sided(strokes)
    rng = np.random.default_rng(1)

    def attribute(_page: object, _method: str, _label: int) -> Attribution:
        # What a network sees that is new with each set of weights.
        seed = int(abs(bent.model.get_layer("conv0").get_weights()[0]).ravel()[:9] @ np.arange(1, 10) * 1e6)
        return random_like(original, np.random.default_rng(seed)), {}

    original = np.asarray(_quadrant((16, 24), 0) + rng.random((16, 24)), np.float32)
    fake = SimpleNamespace(network=bent, attribute=attribute)
    pages = [(page, 0)] * 6
    assert check_randomisation(fake, "any", pages, [original] * 6, seed=1)["passes"]  # type: ignore[arg-type]


def _one_sided(strokes: Floats) -> np.ndarray:
    page = strokes.copy()
    page[:, 60:] = 230.0
    return page.astype(np.uint8)


def test_a_map_on_the_trace_is_told_from_one_on_bare_grid(rendered: RenderedPage) -> None:
    layers = take_apart(rendered.image)
    masks = places_of(layers, find_ecg(rendered.image, layers).crop)
    trace, empty = masks["trace"], masks["empty_grid"]
    assert not (trace & empty).any()
    assert 0.02 < trace.mean() < 0.4
    assert empty.mean() > 0.2
    assert masks["border"].mean() == pytest.approx(1 - 0.92**2, abs=0.01)
    assert ratio(trace.astype(np.float32), trace) == pytest.approx(1 / trace.mean(), rel=1e-4)
    assert ratio(trace.astype(np.float32), empty) == 0.0
    assert ratio(np.ones((24, 24), np.float32), trace) == pytest.approx(1.0)
    assert ratio(np.zeros((24, 24), np.float32), trace) is None
    # The truth of the drawing: what it drew as a trace is what the mask holds.
    crop = find_ecg(rendered.image, layers).crop
    dark = crop.of(rendered.image).max(axis=2) < 90
    height, width = trace.shape
    rows, columns = np.nonzero(dark)
    on = trace[
        np.minimum(rows * height // dark.shape[0], height - 1), np.minimum(columns * width // dark.shape[1], width - 1)
    ]
    assert on.mean() > 0.95


def test_the_interval_resamples_whole_groups() -> None:
    values = np.repeat(_rng().normal(size=10), 20)
    alone, together = np.arange(200).astype(str), np.repeat(np.arange(10), 20).astype(str)
    narrow, wide = (mean_interval(values, groups, seed=1) for groups in (alone, together))
    assert narrow[0] < values.mean() < narrow[1]
    assert wide[1] - wide[0] > 3 * (narrow[1] - narrow[0])


def test_pages_are_chosen_from_the_strict_ones_of_each_class() -> None:
    pages = [LabelledPage(f"{n}", ("normal", "mi")[n % 5 == 0], f"g{n}", n % 2 == 0) for n in range(60)]
    chosen = choose(pages, np.arange(40), 3, seed=4)
    assert [page.label for page in chosen] == ["mi"] * 3 + ["normal"] * 3
    assert all(page.strict and int(page.file) < 40 for page in chosen)
    assert chosen == choose(pages, np.arange(40), 3, seed=4)
    assert chosen != choose(pages, np.arange(40), 3, seed=5)


def test_a_measurement_is_whole_and_can_be_sealed(small_explainer: Explainer, strokes: Floats) -> None:
    samples = [
        Sample(label, f"g{number}", _page(strokes, number), {"trace": strokes < 100, "empty_grid": strokes > 200})
        for number, label in enumerate(["mi", "normal"] * 3)
    ]
    methods = ("grad_cam", "integrated_gradients")
    result = measure(small_explainer, samples, methods, randomised=1)
    assert (result["pages"], result["groups"], result["randomised_pages"]) == (6, 6, 2)
    agreement = np.array(result["agreement"]["spearman"])
    assert np.diag(agreement) == pytest.approx(1.0)
    assert agreement == pytest.approx(agreement.T)
    for method in methods:
        figures = result["methods"][method]
        # The maps are right here by construction, so they beat random ones.
        assert figures["deletion"]["high"] < 0
        assert figures["insertion"]["low"] > 0
    sealed = verdicts(json.loads(json.dumps(result)))
    assert set(sealed) == set(methods)
    assert {
        "passes_randomisation",
        "deletion_auc",
        "insertion_auc",
        "random_deletion_auc",
        "on_trace_ratio",
        "pages",
    } <= (sealed["grad_cam"].keys())
    assert sealed["integrated_gradients"]["on_trace_ratio"] > 1.3


def _page(strokes: Floats, number: int) -> np.ndarray:
    """Strokes in one half of the page only, so that one class wins clearly."""
    page = strokes.copy()
    if number % 2:
        page[32:] = 230.0
    else:
        page[:32] = 230.0
    page[number] = 230.0
    return page.astype(np.uint8)

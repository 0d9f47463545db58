"""Trace networks learn what the traces show, from other groups' pages only, and a broken run is taken up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from ml.bundle import PICTURE_BUNDLE, TRACES, read_manifest
from ml.dataset import LabelledPage
from ml.errors import BundleCorrupt
from ml.trace_network import cross_fitting
from ml.trace_network.answers import fit_rules
from ml.trace_network.cross_fitting import cross_fit, division, member_file
from ml.trace_network.judging import answer_held_out, judge
from ml.trace_network.nearness import Nearness
from ml.trace_network.network import EMBEDDING, LOGITS, build, together, with_new_head
from ml.trace_network.recipe import TraceRecipe
from ml.trace_network.sealing import assemble, seal
from ml.trace_network.training import ask, pretrain
from ml.trace_network.views import SHAPES, Views
from tests.ml.trace_network.conftest import CLASSES

RECIPE = TraceRecipe(pretraining_epochs=0, epochs=50, batch_size=4, repeats=1, folds=2, seed=3)


@pytest.fixture(scope="module")
def run(hearts: tuple[list[LabelledPage], Views], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    cross_fit(RECIPE, *hearts, CLASSES, folder, recordings=None)
    return folder


def test_fast_hearts_are_told_from_slow_ones_by_networks_that_never_saw_them(
    hearts: tuple[list[LabelledPage], Views], run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def again(*_: object, **__: object) -> None:
        raise AssertionError("a network that is there was trained again")

    monkeypatch.setattr(cross_fitting, "train", again)
    pages, views = hearts
    held_out = cross_fit(RECIPE, pages, views, CLASSES, run, recordings=None)
    judged = answer_held_out(held_out, pages, CLASSES, target_accuracy=0.9)
    figures = judge(judged, held_out, pages, views, CLASSES, seed=0)
    assert figures["all"]["headline"]["macro_auroc"]["value"] > 0.95
    assert figures["strict"]["pages"] == 32
    # Nothing but the rate tells these hearts apart, and every view shows it.
    assert set(figures["controls"]) == {*SHAPES, *(f"what is known of {name}" for name in SHAPES)}
    assert figures["controls"]["measurements"] > 0.9
    assert (held_out.distances > 0).all()


def test_no_group_is_on_both_sides(hearts: tuple[list[LabelledPage], Views]) -> None:
    pages = hearts[0]
    tested: list[int] = []
    for fold in range(RECIPE.folds):
        kept, out = division(RECIPE, pages, 0, fold)
        assert not {pages[index].group for index in kept} & {pages[index].group for index in out}
        tested += out.tolist()
    assert sorted(tested) == list(range(len(pages)))


def test_only_what_is_missing_is_trained(
    hearts: tuple[list[LabelledPage], Views], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[int] = []

    def counted(*_: object, seed: int, **__: object) -> keras.Model:
        trained.append(seed)
        return build(len(CLASSES))

    monkeypatch.setattr(cross_fitting, "train", counted)
    first = cross_fit(RECIPE, *hearts, CLASSES, tmp_path, recordings=None)
    member_file(tmp_path, 0, 0).unlink()
    again = cross_fit(RECIPE, *hearts, CLASSES, tmp_path, recordings=None)
    assert trained == [RECIPE.seed, RECIPE.seed + 1, RECIPE.seed]
    kept = again.folds[0] == 1
    np.testing.assert_array_equal(again.logits[0, kept], first.logits[0, kept])
    with pytest.raises(ValueError, match="another recipe"):
        cross_fit(replace(RECIPE, epochs=51), *hearts, CLASSES, tmp_path, recordings=None)


def test_pretraining_is_what_the_pages_start_from(hearts: tuple[list[LabelledPage], Views]) -> None:
    pages, views = hearts
    statements = np.array([[page.label == CLASSES[1], page.label == CLASSES[0]] for page in pages], np.float32)
    trained = pretrain(replace(RECIPE, pretraining_epochs=1), views, statements)
    fresh = with_new_head(trained, 4)
    assert fresh.output_shape == (None, 4)
    for ours, theirs in zip(fresh.layers[:-1], trained.layers[:-1], strict=True):
        for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)


def test_together_they_say_what_they_say_on_average(hearts: tuple[list[LabelledPage], Views]) -> None:
    networks = [build(3) for _ in range(2)]
    few = hearts[1].at(np.arange(3))
    both = together(networks)(list(few.parts), training=False)
    apart = [ask(network, few) for network in networks]
    np.testing.assert_allclose(both[LOGITS], np.mean([logits for logits, _ in apart], axis=0), atol=1e-4)
    np.testing.assert_allclose(both[EMBEDDING][:, 1], apart[1][1], atol=1e-4)
    assert together(networks[:1])(list(few.parts), training=False)[EMBEDDING].shape == (3, 1, 144)


def test_a_sealed_bundle_holds_both_networks_and_refuses_other_classes(
    hearts: tuple[list[LabelledPage], Views], run: Path, tmp_path: Path
) -> None:
    pages, views = hearts
    held_out = cross_fit(RECIPE, pages, views, CLASSES, run, recordings=None)
    network, nearness = assemble(RECIPE, pages, views, held_out, run)
    assert len(nearness.known) == RECIPE.folds
    labels = np.array([CLASSES.index(page.label) for page in pages])
    rules = fit_rules(held_out.logits[0], labels, target_accuracy=0.9)
    with pytest.raises(BundleCorrupt, match="apart"):
        seal(
            network,
            nearness,
            rules,
            {},
            RECIPE,
            PICTURE_BUNDLE,
            tmp_path / "out",
            name="x",
            version="1",
            command="",
            explanations={},
        )
    assert not (tmp_path / "out").exists()


def test_the_shipped_bundle_says_what_was_found(bundle: Path) -> None:
    manifest = read_manifest(bundle)
    manifest.verify()
    assert (manifest.name, manifest.version) == ("hybrid", "2.0.0")
    assert manifest.card.startswith("# hybrid 2.0.0\n")
    assert manifest.traces is not None
    assert sum(file.stat().st_size for file in bundle.iterdir()) < 40 * 2**20
    assert TRACES in manifest.files
    headline = manifest.traces.metrics["strict"]["headline"]
    assert f"{headline['accuracy']['value']:.3f}" in manifest.card
    for method in ("trace_relevance", "lead_occlusion", "grad_cam"):
        assert isinstance(manifest.explanations[method]["passes_randomisation"], bool)
    assert isinstance(Nearness.load(bundle / "nearness.npz").farthest, float)

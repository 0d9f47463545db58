"""One preprocessing: the same bytes in training and in serving, today and after the next change."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from ml.bundle import read_manifest
from ml.dataset import LabelledPage, load_inputs
from ml.decode import decode, encode_png
from ml.page import Crop, find_ecg
from ml.preprocessing import PreprocessingSpec, preprocess

if TYPE_CHECKING:
    from ml.predictor import Predictor
    from ml.render import RenderedPage

EXAMPLE = Path(__file__).parents[2] / "static" / "examples" / "synthetic_ecg_page.png"
GOLDEN = Path(__file__).with_name("golden_page.json")


def test_training_and_serving_see_equal_bytes(
    rendered: RenderedPage, predictor: Predictor, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "page.png"
    file.write_bytes(encode_png(rendered.image))
    spec = read_manifest(bundle).preprocessing
    trained_on = load_inputs(tmp_path, [LabelledPage("page.png", "normal", "g1", strict=True)], spec)[0]

    served: list[np.ndarray] = []
    compiled = predictor._compiled

    def listen(batch: np.ndarray) -> tuple[object, object]:
        served.append(batch)
        return compiled(batch)

    monkeypatch.setattr(predictor, "_compiled", listen)
    predictor.read(decode(file.read_bytes()).pages[0])
    assert served[0].shape == (1, spec.height, spec.width, 1)
    assert np.array_equal(served[0][0, ..., 0], trained_on.astype(np.float32))


def test_the_golden_page_still_gives_the_recorded_values() -> None:
    golden = json.loads(GOLDEN.read_text())
    page = decode(EXAMPLE.read_bytes()).pages[0]
    crop = find_ecg(page).crop
    assert [crop.x, crop.y, crop.width, crop.height] == golden["crop"]
    model_input = preprocess(page, crop, PreprocessingSpec())
    blocks = model_input.reshape(16, 24, 16, 24).mean(axis=(1, 3))
    # A grey level of tolerance: OpenCV's builds round differently from machine to machine.
    assert np.abs(blocks - np.array(golden["block_means"])).max() < 1.0
    assert float(model_input.std()) == pytest.approx(golden["std"], abs=0.5)


def test_each_step_leaves_its_mark(rendered: RenderedPage) -> None:
    spec = PreprocessingSpec()
    usual = preprocess(rendered.image, rendered.crop, spec)
    for changed in (
        replace(spec, clahe_clip_limit=4.0),
        replace(spec, clahe_tiles=2),
        replace(spec, median_kernel=5),
        replace(spec, working_width=600),
    ):
        assert not np.array_equal(preprocess(rendered.image, rendered.crop, changed), usual), changed


def test_colour_does_not_matter_only_its_grey(rendered: RenderedPage) -> None:
    gray = cv2.cvtColor(rendered.image, cv2.COLOR_RGB2GRAY)
    colourless = cv2.cvtColor(gray, cv2.COLOR_GRAY2RGB)
    spec = PreprocessingSpec()
    assert np.array_equal(preprocess(colourless, rendered.crop, spec), preprocess(rendered.image, rendered.crop, spec))


@pytest.mark.parametrize("crop", [Crop(0, 0, 300, 9), Crop(5, 5, 20, 400), Crop(0, 0, 1, 1)])
def test_odd_crops_give_the_models_size_all_the_same(rendered: RenderedPage, crop: Crop) -> None:
    assert preprocess(rendered.image, crop, PreprocessingSpec()).shape == (384, 384)


def test_a_spec_survives_its_bundle() -> None:
    spec = PreprocessingSpec(height=224, width=448, clahe_clip_limit=3.5)
    assert PreprocessingSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec


@pytest.mark.parametrize("change", [{"version": 99}, {"sharpen": True}])
def test_a_spec_of_another_algorithm_is_refused_not_guessed(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="preprocessing"):
        PreprocessingSpec.from_json(PreprocessingSpec().to_json() | change)

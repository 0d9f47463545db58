"""From a folder of pages to a run on disk, by the command a person would type; and what is refused on the way."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ml.__main__ import main
from ml.bundle import read_manifest
from ml.dataset import CARDIAC_CLASSES
from ml.experiment import Experiment, carry_out
from ml.pretrained import WeightsUnavailable, initialise
from ml.recipes import RECIPES, Recipe
from ml.runs import Predictions, is_finished, read_run, write_run


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Small pages without a grid: bars at a height that depends on the class, ten groups a class."""
    folder = tmp_path / "data"
    folder.mkdir()
    rng = np.random.default_rng(0)
    with (folder / "manifest.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "label", "group", "strict"])
        for n in range(160):
            page = rng.integers(230, 256, (300, 420, 3), dtype=np.uint8)
            top = 40 + 60 * (n % 4)
            page[top : top + 12, 20:400] = 10
            Image.fromarray(page).save(folder / f"{n}.png")
            writer.writerow([f"{n}.png", CARDIAC_CLASSES[n % 4], f"g{n % 40}", 1])
    return folder


def test_a_classical_run_is_written_down_and_read_back_instead_of_repeated(data: Path, tmp_path: Path) -> None:
    experiment = Experiment(Recipe("random_forest"))
    run = carry_out(experiment, data, tmp_path / "run")
    test = run.parts["test"]
    assert (test.logits.argmax(axis=1) == test.labels).mean() == 1.0
    assert not set(test.groups) & set(run.parts["validation"].groups)
    assert run.description["classes"] == list(CARDIAC_CLASSES)
    assert run.description["pages"]["test"] == len(test.labels)
    written = (tmp_path / "run" / "run.json").stat().st_mtime_ns
    assert np.array_equal(carry_out(experiment, data, tmp_path / "run").parts["test"].logits, test.logits)
    assert (tmp_path / "run" / "run.json").stat().st_mtime_ns == written
    with pytest.raises(ValueError, match="another run"):
        carry_out(Experiment(Recipe("random_forest", seed=4)), data, tmp_path / "run")


def test_training_a_network_ends_in_a_bundle_with_its_own_command_in_the_card(
    data: Path, tmp_path: Path, capfd: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    options = ["--epochs", "1", "--run", "run", "--out", "bundle", "--version", "9.9"]
    assert main(["train", "custom_cnn", str(data), *options]) == 0
    assert "accuracy" in capfd.readouterr().err
    manifest = read_manifest(tmp_path / "bundle")
    manifest.verify()
    assert manifest.version == "9.9"
    assert "--epochs 1" in manifest.card
    description = json.loads((tmp_path / "run" / "run.json").read_text())
    assert description["epochs"] == 1
    assert description["weights"] == {}


def test_train_says_in_a_sentence_what_it_cannot_do(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "svm", str(data), "--fold", "7", "--run", str(data / "a")]) == 1
    assert "there is no fold 7" in capsys.readouterr().err
    assert main(["train", "svm", str(data), "--protocol", "published", "--run", str(data / "b")]) == 1
    assert "version 2" in capsys.readouterr().err
    assert main(["train", "svm", str(data / "nowhere"), "--run", str(data / "c")]) == 1
    assert "manifest.csv" in capsys.readouterr().err


def test_every_network_has_a_recipe_of_its_own_name() -> None:
    assert all(recipe.architecture == name for name, recipe in RECIPES.items())


def test_a_run_that_did_not_finish_is_not_taken_for_one(tmp_path: Path) -> None:
    assert not is_finished(tmp_path)
    with pytest.raises(FileNotFoundError):
        read_run(tmp_path)
    empty = Predictions(np.array(["a"]), np.array([0]), np.array(["g"]), np.array([True]), np.zeros((1, 2)))
    write_run(tmp_path, {"classes": ["a", "b"]}, {"validation": empty, "test": empty})
    assert is_finished(tmp_path)
    assert read_run(tmp_path).parts["test"].files.tolist() == ["a"]


def test_local_weights_that_are_not_there_are_not_replaced_by_chance(tmp_path: Path) -> None:
    with pytest.raises(WeightsUnavailable, match="mobilenet_v2"):
        initialise(_model(), "mobilenet_v2", wanted="local", folder=tmp_path)
    assert initialise(_model(), "mobilenet_v2", wanted="none", folder=tmp_path) == {"mobilenet_v2": {"kind": "none"}}


def test_local_weights_are_copied_into_the_network_and_recorded(tmp_path: Path) -> None:
    import keras

    from ml.pretrained import LOCAL_FILES

    model = _model()
    source = keras.applications.MobileNetV2(input_shape=(224, 384, 3), include_top=False, weights=None)
    source.save_weights(tmp_path / LOCAL_FILES["mobilenet_v2"])
    used = initialise(model, "mobilenet_v2", wanted="auto", folder=tmp_path)
    assert used["mobilenet_v2"]["kind"] == "local"
    assert len(used["mobilenet_v2"]["sha256"]) == 64
    for name in ("Conv1", "block_16_project"):
        assert np.array_equal(model.get_layer(name).get_weights()[0], source.get_layer(name).get_weights()[0])


def _model() -> Any:
    from ml.architectures import REGISTRY

    return REGISTRY["mobilenet_v2"].build(4)

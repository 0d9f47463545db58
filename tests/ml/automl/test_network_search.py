"""A study of real, tiny networks: it ends in a bundle, goes on by the same command, and stops what falls behind."""

from __future__ import annotations

import csv
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState, create_trial
from PIL import Image

from ml.__main__ import main
from ml.architectures import REGISTRY
from ml.automl import networks
from ml.automl.networks import NetworkSearch, Plan, best_of, open_study
from ml.automl.space import SPACE, own, parameters_of
from ml.automl.storage import open_storage
from ml.bundle import read_manifest
from ml.dataset import CARDIAC_CLASSES
from ml.training import read_log

if TYPE_CHECKING:
    from collections.abc import Iterator

PLAN = Plan(("tiny",), epochs=3)


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1]))
    import tiny_network

    monkeypatch.setitem(REGISTRY, "tiny", tiny_network.ARCHITECTURE)
    monkeypatch.setattr("ml.commands.automl._NETWORKS", ["tiny"])
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    sys.modules.pop("tiny_network", None)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small pages without a grid: a bar at a height that depends on the class, twelve groups a class."""
    folder = tmp_path_factory.mktemp("pages")
    rng = np.random.default_rng(0)
    with (folder / "manifest.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "label", "group", "strict"])
        for n in range(96):
            page = rng.integers(230, 256, (300, 420, 3), dtype=np.uint8)
            top = 40 + 60 * (n % 4)
            page[top : top + 12, 20:400] = 10
            Image.fromarray(page).save(folder / f"{n}.png")
            writer.writerow([f"{n}.png", CARDIAC_CLASSES[n % 4], f"g{n % 48}", 1])
    return folder


def _search(data: Path, folder: Path, plan: Plan = PLAN, said: list[str] | None = None) -> NetworkSearch:
    say = (lambda line: None) if said is None else said.append
    return NetworkSearch(plan, data, folder, cache=folder / "cache", say=say)


def _trained(folder: Path) -> list[int]:
    return [len(read_log(run / "log.csv")) for run in sorted(folder.glob("*/tiny-*"))]


def test_a_study_ends_in_an_intact_bundle_and_the_same_command_goes_on(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    command = ["automl", "networks", str(data), "--minutes", "5", "--trials", "2", "--epochs", "1"]
    command += ["--architectures", "tiny"]
    assert main(command) == 0
    said = capfd.readouterr().err
    assert said.count("min left") == 2
    assert "best so far" in said
    (bundle,) = Path("runs/automl/study").glob("*/bundle")
    manifest = read_manifest(bundle)
    manifest.verify()
    assert "python -m ml train tiny DATA" in manifest.card
    described = json.loads((bundle.parent / "run.json").read_text())

    assert main([*command, "--no-bundle"]) == 0
    study = optuna.load_study(study_name="study", storage="sqlite:///runs/automl.db")
    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE] * 4
    drawn = [json.dumps(trial.params) for trial in study.trials]
    assert len(set(drawn)) == 4, "what was drawn before must not be drawn again"
    assert study.trials[0].params == parameters_of(own("tiny"))
    best = best_of(study)
    assert best is not None
    assert best.value == max(trial.value or 0.0 for trial in study.trials)
    assert described["experiment"]["recipe"] in [trial.user_attrs["recipe"] for trial in study.trials]
    assert main([*command, "--fold", "1"]) == 1
    assert "begun with other settings (fold)" in capfd.readouterr().err


def test_a_trial_behind_the_others_is_stopped(data: Path, tmp_path: Path) -> None:
    study = open_study("s", None, PLAN, warm_up=0)
    distributions = {"learning_rate": optuna.distributions.FloatDistribution(1e-5, 3e-3, log=True)}
    for _ in range(networks.STARTUP_TRIALS):
        done = create_trial(
            params={"learning_rate": 1e-3},
            distributions=distributions,
            value=1.0,
            intermediate_values={0: 1.01, 1: 1.02, 2: 1.03},
        )
        study.add_trial(done)
    said: list[str] = []
    _search(data, tmp_path, said=said).run(study, minutes=5, trials=1)
    assert [trial.state for trial in study.trials].count(TrialState.PRUNED) == 1
    assert _trained(tmp_path) == [1]
    assert "stopped after 1 epochs" in said[0]


def test_a_trial_that_the_time_breaks_off_is_taken_up_at_its_next_epoch(data: Path, tmp_path: Path) -> None:
    storage = open_storage(f"sqlite:///{tmp_path}/new/study.db")
    study = open_study("s", storage, PLAN)
    said: list[str] = []
    # Time enough to begin, not to end.
    _search(data, tmp_path, said=said).run(study, minutes=1e-4)
    assert _trained(tmp_path) == [1]
    assert "broken off after 1 epochs, queued again" in said[0]
    assert best_of(study) is None
    again = open_study("s", storage, PLAN)
    _search(data, tmp_path).run(again, minutes=5, trials=1)
    first, second = again.trials
    assert (first.state, second.state) == (TrialState.FAIL, TrialState.COMPLETE)
    assert second.params == first.params
    assert sorted(second.intermediate_values) == [0, 1, 2]
    assert second.intermediate_values[0] == first.intermediate_values[0]
    assert _trained(tmp_path) == [3]
    (events,) = [len(list(run.glob("tensorboard/train/*"))) for run in tmp_path.glob("s/tiny-*")]
    assert events == 2


def test_a_trial_that_fails_fails_alone(data: Path, tmp_path: Path) -> None:
    study = open_study("s", open_storage(f"journal://{tmp_path}/journal.log"), Plan(("tiny",), epochs=1))
    search = _search(data, tmp_path, Plan(("tiny",), epochs=1))
    # Something else lies where the first trial wants to write.
    folder = search.folder_of(study, replace(own("tiny"), epochs=1))
    folder.parent.mkdir(parents=True)
    folder.write_text("not a folder")
    search.run(study, minutes=5, trials=2)
    assert [trial.state for trial in study.trials] == [TrialState.FAIL, TrialState.COMPLETE]
    assert "FileExistsError" in study.trials[0].user_attrs["failure"]


def test_no_trial_looks_at_a_test_page(data: Path, tmp_path: Path) -> None:
    plan = Plan(("tiny",), epochs=1)
    values = []
    for name in ("with", "without"):
        search = _search(data, tmp_path / name, plan)
        if name == "without":
            search._inputs_for("tiny")[search._split.test] = 0
        study = open_study("s", None, plan)
        search.run(study, minutes=5, trials=1)
        values.append(study.trials[0].value)
    assert values[0] == values[1]
    groups = [{search._pages[index].group for index in part} for part in (search._judged_on, search._split.test)]
    assert not groups[0] & groups[1]


def test_every_own_recipe_lies_in_the_space(monkeypatch: pytest.MonkeyPatch) -> None:
    from ml.automl.space import Between, draw

    for architecture in (name for name, known in REGISTRY.items() if not known.classical):
        wanted: dict[str, Any] = parameters_of(own(architecture))
        drawn = draw(optuna.trial.FixedTrial(wanted), (architecture,), seed=own(architecture).seed, epochs=None)
        assert drawn == own(architecture)
        for row in SPACE:
            if isinstance(row.values, Between) and row.name in wanted:
                assert row.values.low <= wanted[row.name] <= row.values.high

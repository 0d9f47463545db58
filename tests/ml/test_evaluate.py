"""``python -m ml evaluate`` on made-up runs whose figures are known."""

from __future__ import annotations

import csv
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml.__main__ import main
from ml.dataset import CARDIAC_CLASSES
from ml.experiment import Experiment
from ml.protocols import PROTOCOLS, divide
from ml.recipes import Recipe
from ml.runs import Predictions, write_run


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A manifest of 160 pages in 80 groups; normal hearts beat at 70, all others at 100."""
    folder = tmp_path / "data"
    folder.mkdir()
    with (folder / "manifest.csv").open("w", newline="") as file:
        columns = [
            "file",
            "label",
            "group",
            "strict",
            "layout",
            "filter_hz",
            "sex",
            "lead_off",
            "printed_hr_bpm",
            "v2_class",
            "v2_names",
        ]
        writer = csv.writer(file)
        writer.writerow(columns)
        for page in range(160):
            kind = (page // 2) % 4
            label, v2 = CARDIAC_CLASSES[kind], ("Normal", "HB", "PMI", "MI")[kind]
            names = f"{v2}({page}).jpg|{v2}({page}b).jpg"
            rate = 100 if kind else 70
            printed = ["4x2.5", "0.67-25", "FM"[page % 2], 0, rate]
            writer.writerow([f"{page}.jpg", label, f"g{page // 2}", int(page // 8 % 4 > 0), *printed, v2, names])
    return folder


def made_up(data: Path, folder: Path, *, right: float = 1.0, fold: int = 0, **changed: Any) -> Path:
    """A run that knows the answer to the share ``right`` of its pages, and says the next class to the others."""
    protocol = changed.pop("protocol", "grouped")
    experiment = Experiment(Recipe(changed.pop("architecture", "svm")), protocol, fold=fold)
    pages, classes, split = divide(data, protocol, seed=experiment.split_seed, fold=fold)
    parts = {}
    for part in ("validation", "test"):
        chosen = [pages[index] for index in getattr(split, part)]
        labels = np.array([classes.index(page.label) for page in chosen])
        wrong = np.arange(len(labels)) >= right * len(labels)
        parts[part] = Predictions(
            np.array([page.file for page in chosen]),
            labels,
            np.array([page.group for page in chosen]),
            np.array([page.strict for page in chosen]),
            4.0 * np.eye(4)[(labels + wrong) % 4],
        )
    description = {
        "experiment": asdict(experiment),
        "leak_free": PROTOCOLS[protocol].leak_free,
        "classes": list(classes),
        "pages": {part: len(getattr(split, part)) for part in ("train", "validation", "test")},
        "calibration": {"temperature": 2.0, "threshold": 0.5} | changed,
    }
    write_run(folder, description, parts)
    return folder


def report(data: Path, out: Path, *runs: Path) -> dict[str, Any]:
    arguments = [*map(str, runs), "--data", str(data), "--out", str(out), "--bootstrap", "20"]
    assert main(["evaluate", *arguments]) == 0
    found: dict[str, Any] = json.loads((out / "evaluation.json").read_text())
    return found


def test_a_perfect_run_has_perfect_figures(data: Path, tmp_path: Path) -> None:
    found = report(data, tmp_path / "out", made_up(data, tmp_path / "run"))
    headline = found["strict"]["headline"]
    for name in ("accuracy", "macro_precision", "macro_specificity", "macro_f1", "macro_auroc"):
        assert headline[name] == {"value": 1, "low": 1, "high": 1}
    # Logits of 4 against 0: what the model claims before and after dividing them by 2 falls short of 1 by this much.
    assert found["strict"]["before_scaling"]["ece"] == pytest.approx(1 - np.exp(4) / (np.exp(4) + 3), abs=1e-4)
    assert headline["ece"]["value"] == pytest.approx(1 - np.exp(2) / (np.exp(2) + 3), abs=1e-4)
    assert found["controls"]["leaks"]["clean"]


def test_the_report_is_one_page_that_loads_nothing(data: Path, tmp_path: Path) -> None:
    report(data, tmp_path / "out", made_up(data, tmp_path / "run", right=0.5))
    page = (tmp_path / "out" / "evaluation.html").read_text()
    assert page.count("<svg") == 10
    assert "<img" not in page
    assert "<script" not in page
    assert "## Subgroups" in (tmp_path / "out" / "evaluation.md").read_text()
    errors = (tmp_path / "out" / "errors.html").read_text()
    assert "<script" not in errors
    assert ", called " in errors
    assert ".jpg: " in errors or ".png: " in errors


def test_folds_are_pooled_each_with_its_own_threshold(data: Path, tmp_path: Path) -> None:
    sure = made_up(data, tmp_path / "a")
    unsure = made_up(data, tmp_path / "b", fold=1, threshold=0.99)
    found = report(data, tmp_path / "out", sure, unsure)
    sizes = [run["pages"]["test"] for run in found["runs"]]
    assert found["all"]["pages"] == sum(sizes)
    assert found["all"]["headline"]["coverage"]["value"] == pytest.approx(sizes[0] / sum(sizes), abs=1e-4)


def test_the_heart_rate_rule_is_judged_beside_the_model(data: Path, tmp_path: Path) -> None:
    rows = report(data, tmp_path / "out", made_up(data, tmp_path / "run"))["controls"]["baselines"]["rows"]
    rule = next(row for row in rows if row["name"].startswith("printed heart rate"))
    assert rule["abnormal_accuracy"]["value"] == 1
    assert rule["accuracy"]["value"] < 0.7


def test_a_leaking_protocol_shows_how_much_it_leaks(data: Path, tmp_path: Path) -> None:
    found = report(data, tmp_path / "out", made_up(data, tmp_path / "run", protocol="published-756"))
    assert found["controls"]["leaks"]["runs"][0]["test_pictures_in_training"] == 1
    assert not found["controls"]["leaks"]["clean"]
    assert "This protocol leaks" in (tmp_path / "out" / "evaluation.html").read_text()


def test_small_subgroups_are_marked(data: Path, tmp_path: Path) -> None:
    subgroups = report(data, tmp_path / "out", made_up(data, tmp_path / "run"))["subgroups"]
    assert {row["kind"] for row in subgroups} == {"layout", "sex", "printed heart rate", "lead off"}
    assert all(row["small"] == (row["pages"] < 30 or row["groups"] < 10) for row in subgroups)
    assert any(row["small"] for row in subgroups)


@pytest.mark.parametrize("case", ["missing", "unfinished", "mixture", "twice", "no data", "no manifest", "other data"])
def test_what_cannot_be_judged_is_refused_in_words(
    case: str, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = made_up(data, tmp_path / "run")
    (tmp_path / "empty").mkdir()
    other = tmp_path / "other"
    other.mkdir()
    (other / "manifest.csv").write_text("file,label,group,strict\nx.jpg,normal,g,1\n")
    runs, folder, said = {
        "missing": ([tmp_path / "nowhere"], data, "there is no folder"),
        "unfinished": ([tmp_path / "empty"], data, "has not finished"),
        "mixture": ([run, made_up(data, tmp_path / "b", architecture="random_forest")], data, "not of one kind"),
        "twice": ([run, run], data, "given twice"),
        "no data": ([run], tmp_path / "nowhere", "no data folder"),
        "no manifest": ([run], tmp_path / "empty", "no manifest.csv"),
        "other data": ([run], other, "are not in"),
    }[case]
    assert main(["evaluate", *map(str, runs), "--data", str(folder), "--out", str(tmp_path / "out")]) == 1
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()

"""The table says what was run and, in so many words, what was not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from ml.__main__ import main
from ml.benchmark import TABLE, run_folder
from ml.bundle import MODEL, PICTURE_BUNDLE, read_manifest
from ml.commands.benchmark import PLACES
from ml.decode import encode_png
from ml.render import render_page
from ml.runs import Predictions, write_run
from ml.synthetic import synthetic_signals

SVM = next(row for row in TABLE if row.architecture == "svm")


def _write(folder: Path, right: int) -> None:
    """A run of forty test pages of which the first ``right`` were answered rightly; half of the pages are strict."""
    labels = np.arange(40) % 2
    answered = np.where(np.arange(40) < right, labels, 1 - labels)
    part = Predictions(
        files=np.array([f"{n}.png" for n in range(40)]),
        labels=labels,
        groups=np.array([f"g{n}" for n in range(40)]),
        strict=np.arange(40) < 20,
        logits=np.eye(2)[answered] * 4.0,
    )
    description = {
        "classes": ["normal", "mi"],
        "calibration": {"temperature": 1.0, "threshold": 0.5},
        "parameters": None,
        "weights": {},
        "minutes": 0.25,
        "inference_ms": 12.3,
    }
    write_run(folder, description, {"validation": part, "test": part})


def _tables(tmp_path: Path) -> dict[str, list[str]]:
    """First cell → all cells of each row that the command writes."""
    out = tmp_path / "results.md"
    others = [f"<!-- {place}: begin --><!-- {place}: end -->" for place in PLACES if place != "models"]
    places = "\n".join(("<!-- models: begin -->\nold\n<!-- models: end -->", *others))
    out.write_text(f"before\n{places}\nafter\n")
    arguments = ["--no-training", "--runs", str(tmp_path / "runs"), "--records", str(tmp_path / "records")]
    assert main(["benchmark", *arguments, "--out", str(out)]) == 0
    text = out.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "\nold\n" not in text
    assert "The network that ships for pictures" in text
    assert "what is known of rhythm" in text, "the figures of the shipped bundle"
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("| ")]
    return {row[0].strip("`"): row for row in rows}


def test_a_row_comes_from_runs_and_the_rest_was_not_trained(tmp_path: Path) -> None:
    for protocol, right in {"grouped": 15, "published": 36, "published-756": 40}.items():
        _write(run_folder(tmp_path / "runs", SVM.experiment(protocol)), right)
    rows = _tables(tmp_path)
    assert {row.architecture for row in TABLE} <= set(rows)
    assert rows["svm"][2].startswith("1.000 ("), "on its training files"
    assert rows["svm"][3].startswith("0.900 ("), "every test page of the published protocol"
    assert rows["svm"][4].startswith("0.750 ("), "strict pages only where the headline is"
    assert "not trained" in rows["vgg16"]
    assert "not trained" not in rows["svm"]
    assert len({len(row) for name, row in rows.items() if name in {"model", "svm", "vgg16"}}) == 1


def test_records_outlive_their_runs(tmp_path: Path) -> None:
    _write(run_folder(tmp_path / "runs", SVM.experiment("grouped")), right=15)
    first = _tables(tmp_path)
    shutil.rmtree(tmp_path / "runs")
    assert _tables(tmp_path) == first


def test_it_asks_for_data_and_does_not_write_where_there_is_no_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["benchmark"]) == 2
    out = tmp_path / "other.md"
    out.write_text("mine")
    assert main(["benchmark", "--no-training", "--runs", str(tmp_path), "--out", str(out)]) == 1
    assert out.read_text() == "mine"
    assert "no place" in capsys.readouterr().err


def test_a_sealed_bundle_makes_the_record_of_its_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, out, records = tmp_path / "data", tmp_path / "results.md", tmp_path / "records"
    _rendered(data)
    places = ["--runs", str(tmp_path / "runs"), "--records", str(records), "--out", str(out)]
    options = [str(data), "--bundle", str(PICTURE_BUNDLE), *places]
    assert main(["benchmark", *options, "--models", "custom_cnn"]) == 0
    record = json.loads(next(records.iterdir()).read_text())
    assert record["bundle"]["model_sha256"] == read_manifest(PICTURE_BUNDLE).files[MODEL]
    assert record["figures"]["test_strict"]["pages"] == record["pages"]["test"]
    assert "| `custom_cnn` |" in out.read_text()
    assert main(["benchmark", *options, "--models", "svm"]) == 1
    assert "holds a custom_cnn" in capsys.readouterr().err


def _rendered(folder: Path) -> None:
    """Thirty-two pages of four classes, each a group of its own."""
    folder.mkdir()
    rows = ["file,label,group,strict"]
    for number in range(32):
        label = ("normal", "abnormal_heartbeat", "history_mi", "mi")[number % 4]
        image = render_page(synthetic_signals(seed=number), seed=number).image
        (folder / f"{number}.png").write_bytes(encode_png(image))
        rows.append(f"{number}.png,{label},g{number},1")
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n")

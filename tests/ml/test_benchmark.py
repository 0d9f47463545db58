"""The table says what was run and, in so many words, what was not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ml.__main__ import main
from ml.benchmark import TABLE, folder_of
from ml.runs import Predictions, write_run

SVM = next(row for row in TABLE if row.architecture == "svm")


def _write(runs: Path, protocol: str, right: int) -> None:
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
    write_run(folder_of(SVM, protocol, runs), description, {"validation": part, "test": part})


def test_a_row_comes_from_runs_and_the_rest_was_not_trained(tmp_path: Path) -> None:
    _write(tmp_path / "runs", "grouped", right=15)
    _write(tmp_path / "runs", "published", right=36)
    out = tmp_path / "results.md"
    out.write_text("before\n<!-- table: begin -->\nold\n<!-- table: end -->\nafter\n")
    assert main(["benchmark", "--no-training", "--runs", str(tmp_path / "runs"), "--out", str(out)]) == 0
    text = out.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    rows = {line.split("|")[1].strip(): line for line in text.splitlines() if line.startswith("| `")}
    assert set(rows) == {f"`{row.architecture}`" for row in TABLE}
    cells = [cell.strip() for cell in rows["`svm`"].split("|")]
    assert cells[3].startswith("0.900 ("), "every test page of the published protocol"
    assert cells[4].startswith("0.750 ("), "strict pages only where the headline is"
    assert "not trained" in rows["`vgg16`"]
    assert "not trained" not in rows["`svm`"]
    assert "The shipped bundle" in text


def test_it_asks_for_data_and_does_not_write_where_there_is_no_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["benchmark"]) == 2
    out = tmp_path / "other.md"
    out.write_text("mine")
    assert main(["benchmark", "--no-training", "--runs", str(tmp_path), "--out", str(out)]) == 1
    assert out.read_text() == "mine"
    assert "no place" in capsys.readouterr().err

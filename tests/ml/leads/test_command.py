"""``python -m ml leads`` prints what a page says, or why it says nothing."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from ml.__main__ import main
from ml.decode import encode_png
from ml.leads.layouts import LEADS
from ml.render import render_page
from ml.synthetic import synthetic_signals

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("pages") / "page.png"
    file.write_bytes(encode_png(render_page(synthetic_signals(12), size=(996, 707), grid="pink", seed=12).image))
    return file


def test_json_has_every_lead_with_its_signal_and_its_path(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["leads", str(page), "--json", "--rate", "500"]) == 0
    found = json.loads(capsys.readouterr().out)

    assert found["layout"] == "4x2.5"
    assert [lead["name"] for lead in found["leads"] if not lead["rhythm"]] == [
        "I", "aVR", "V1", "V4", "II", "aVL", "V2", "V5", "III", "aVF", "V3", "V6",
    ]  # fmt: skip
    rhythm = found["leads"][-1]
    assert rhythm["rhythm"]
    assert len(rhythm["signal_mv"]) == pytest.approx(5000, abs=50)
    assert len(rhythm["path"]["x"]) == len(rhythm["path"]["y"])
    assert max(x for x in rhythm["path"]["x"]) < 996


def test_csv_has_a_row_for_every_sample(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["leads", str(page), "--csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))

    assert {row["lead"] for row in rows} == set(LEADS)
    strip = [float(row["time_s"]) for row in rows if row["rhythm"] == "1"]
    assert strip == sorted(strip)
    assert strip[-1] == pytest.approx(10, abs=0.1)


def test_the_plot_shows_the_paths_on_the_paled_page(
    page: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "plot.png"
    assert main(["leads", str(page), "--plot", str(target)]) == 0

    assert "V6 lead" in capsys.readouterr().out
    plot = cv2.imread(str(target))
    assert plot is not None
    assert plot.shape == (707, 996, 3)
    # Ink has no colour, paths have.
    assert (np.ptp(plot.astype(int), axis=2) > 100).sum() > 3000


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_page_that_cannot_be_read_says_why(
    form: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    blank = tmp_path / "blank.png"
    blank.write_bytes(encode_png(np.full((400, 600, 3), 255, np.uint8)))

    assert main(["leads", str(blank), *form]) == 1
    printed = capsys.readouterr()
    assert "no_traces" in (printed.out if form else printed.err)


def test_a_page_that_a_file_does_not_have_is_refused(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["leads", str(page), "--page", "2"]) == 1
    assert "no_such_page" in capsys.readouterr().err


def test_a_file_that_is_not_there_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["leads", str(tmp_path / "missing.png")]) == 1
    assert "unreadable_file" in capsys.readouterr().err

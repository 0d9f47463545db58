"""``python -m ml train-traces`` from pages to a bundle that reads one."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from ml.__main__ import main
from ml.bundle import read_manifest
from ml.dataset import CARDIAC_CLASSES
from ml.decode import encode_png
from ml.predictor import TRACES, Predictor
from ml.records import read_record
from ml.render import render_page
from ml.synthetic import synthetic_signals

RATES = dict(zip(CARDIAC_CLASSES, (60.0, 80.0, 100.0, 120.0), strict=True))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six small pages of each class, each of a group of its own, and one that shows nothing."""
    folder = tmp_path_factory.mktemp("data")
    with (folder / "manifest.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "label", "group", "strict", "v2_names"])
        for number in range(24):
            label = CARDIAC_CLASSES[number % 4]
            signals = synthetic_signals(seed=number, heart_rate_bpm=RATES[label])
            (folder / f"{number}.png").write_bytes(encode_png(render_page(signals, seed=number, size=(996, 707)).image))
            writer.writerow([f"{number}.png", label, f"g{number}", 1, f"N{number}"])
        blank = render_page(synthetic_signals(seed=1), seed=1, size=(996, 707)).image * 0 + 250
        (folder / "blank.png").write_bytes(encode_png(blank))
        writer.writerow(["blank.png", "normal", "g24", 1, ""])
    return folder


def test_pages_become_a_bundle_that_reads_them(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--run", str(tmp_path / "run"), "--out", str(tmp_path / "out"), "--version", "9.9.9"]
    few = ["--epochs", "1", "--folds", "2", "--repeats", "1"]
    assert main(["train-traces", str(data), *options, *few]) == 0
    said = capsys.readouterr().err
    assert "start from nothing" in said
    assert "held-out strict pages: accuracy" in said
    figures = read_record(tmp_path / "run" / "figures.json")
    assert figures is not None
    assert (figures["pages"], figures["unread"]) == (25, 1)
    assert [row["share"] for row in figures["with_picture"]["mixtures"]] == [0.0, 0.2, 0.5, 1.0]
    errors = (tmp_path / "run" / "errors.html").read_text()
    assert "wrong answers of 24" in errors
    assert errors.count("data:image/jpeg;base64,") == errors.count("<figcaption>")
    manifest = read_manifest(tmp_path / "out")
    manifest.verify()
    assert (manifest.name, manifest.version) == ("hybrid", "9.9.9")
    assert "train-traces DATA --pretraining-epochs 24 --epochs 1" in manifest.card
    page = render_page(synthetic_signals(seed=50), seed=50, size=(996, 707)).image
    assert Predictor.load(tmp_path / "out").read(page).source == TRACES


def test_without_pages_the_command_says_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train-traces", str(tmp_path), "--run", str(tmp_path / "run")]) == 1
    assert "manifest.csv" in capsys.readouterr().err

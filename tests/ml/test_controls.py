"""A page without its traces keeps nothing of them."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from ml.decode import encode_png
from ml.page import find_ecg, take_apart
from ml.render import RenderedPage, render_page
from ml.runs import Predictions, Run
from ml.synthetic import synthetic_signals
from ml.trained_controls import BLANK, PLACE, SEEN, TONE, trained_controls, without_traces


def test_a_page_without_traces_has_no_ink_inside_its_grid(rendered: RenderedPage) -> None:
    empty = without_traces(rendered.image)
    crop = find_ecg(rendered.image).crop
    assert take_apart(crop.of(rendered.image).copy()).ink.mean() > 0.005
    assert take_apart(crop.of(empty).copy()).ink.mean() < 0.0005


def test_two_hearts_on_the_same_paper_look_alike_without_traces(rendered: RenderedPage) -> None:
    other = render_page(synthetic_signals(seed=8), seed=3).image
    crop = find_ecg(rendered.image).crop
    seen = np.abs(crop.of(rendered.image).astype(int) - crop.of(other).astype(int)).mean()
    blank = np.abs(crop.of(without_traces(rendered.image)).astype(int) - crop.of(without_traces(other)).astype(int))
    assert blank.mean() < 0.1 * seen


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty pages of hearts drawn at random; what they are labelled as shows in the tone of the paper alone."""
    folder = tmp_path_factory.mktemp("papers")
    rows = []
    for number in range(20):
        label = ("normal", "mi")[number % 2]
        image = render_page(synthetic_signals(seed=number), seed=3).image
        paper = cv2.convertScaleAbs(image, alpha=0.9 if label == "mi" else 1.0).astype(np.uint8)
        (folder / f"{number}.png").write_bytes(encode_png(paper))
        rows.append({"file": f"{number}.png", "label": label, "group": f"g{number}", "strict": 1})
    with (folder / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder


def test_controls_tell_that_the_paper_gives_the_class_away_and_by_what(papers: Path) -> None:
    experiment = {"protocol": "grouped", "task": "four", "split_seed": 20, "fold": 0}
    classes = ["normal", "abnormal_heartbeat", "history_mi", "mi"]
    nothing: dict[str, Predictions] = {}
    run = Run(papers, {"experiment": experiment, "classes": classes}, nothing)
    found = trained_controls([run], papers, folds=50)
    auroc = {row["name"]: row["macro_auroc"]["value"] for row in found["rows"]}
    views = {f"true labels, {view}" for view in (SEEN, BLANK, TONE, PLACE)}
    assert set(auroc) == {"shuffled labels, whole grid"} | views
    assert auroc[f"true labels, {TONE}"] == 1.0
    assert auroc[f"true labels, {PLACE}"] == 0.5, "all pages are of one shape"
    assert found["shuffled_at_chance"]

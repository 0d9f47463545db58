"""What is let through as an ECG page and what is not."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from ml.decode import decode
from ml.degradation import degrade
from ml.errors import PageRejected
from ml.gate import Evidence, require_ecg, shipped_weights
from ml.page import find_ecg, take_apart
from ml.render import LAYOUTS, RenderedPage, render_page
from ml.synthetic import synthetic_signals

if TYPE_CHECKING:
    from pathlib import Path

    from ml.decode import Page


def _verdict(page: Page) -> str:
    layers = take_apart(page)
    try:
        require_ecg(layers, find_ecg(page, layers))
    except PageRejected as refusal:
        return refusal.code
    return "ecg"


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
@pytest.mark.parametrize("scale", [0.4, 1.0])
def test_rendered_pages_pass(layout: str, scale: float) -> None:
    page = render_page(synthetic_signals(seed=8, rhythm="irregular"), layout=layout, seed=8).image
    assert _verdict(cv2.resize(page, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)) == "ecg"


def test_a_careful_photo_passes(rendered: RenderedPage) -> None:
    assert _verdict(degrade(rendered, seed=2).image) == "ecg"


def test_a_dark_picture_is_called_dark(rendered: RenderedPage) -> None:
    codes = [_verdict((rendered.image * share).astype(np.uint8)) for share in (1.0, 0.3, 0.2)]
    assert codes == ["ecg", "too_dark", "too_dark"]


def test_a_blurred_picture_is_called_blurred(rendered: RenderedPage) -> None:
    width = rendered.image.shape[1]
    codes = [_verdict(cv2.GaussianBlur(rendered.image, (0, 0), share * width / 1000)) for share in (0.5, 2, 2.5)]
    assert codes == ["ecg", "too_blurred", "too_blurred"]


def _text() -> Page:
    page = np.full((1000, 750, 3), 255, np.uint8)
    for line in range(30):
        cv2.putText(page, "the quick brown fox jumps over it" * 2, (40, 60 + 30 * line), 0, 0.6, (0, 0, 0), 1)
    return page


def _noise() -> Page:
    return np.random.default_rng(0).integers(0, 256, (700, 1000, 3), np.uint8)


def _chart() -> Page:
    page = np.full((600, 800, 3), 255, np.uint8)
    for x in range(100, 701, 100):
        cv2.rectangle(page, (x - 30, 500 - x // 2), (x + 30, 500), (70, 120, 200), -1)
    cv2.line(page, (60, 500), (760, 500), (0, 0, 0), 2)
    return page


def _empty_grid() -> Page:
    page = np.full((700, 1000, 3), 255, np.uint8)
    page[::9] = (255, 215, 215)
    page[:, ::9] = (255, 215, 215)
    return page


@pytest.mark.parametrize("draw", [_text, _noise, _chart, _empty_grid])
def test_other_pictures_are_refused(draw: object) -> None:
    assert callable(draw)
    assert _verdict(draw()) == "not_an_ecg_page"


@pytest.mark.parametrize("shade", [0, 127, 255])
def test_blank_pages_are_refused(shade: int) -> None:
    assert _verdict(np.full((700, 1000, 3), shade, np.uint8)) == "not_an_ecg_page"


@pytest.mark.parametrize("turns", [1, 3])
def test_a_page_on_its_side_is_told_so(rendered: RenderedPage, turns: int) -> None:
    assert _verdict(np.ascontiguousarray(np.rot90(rendered.image, turns))) == "page_on_its_side"


def test_the_shipped_weights_fit_the_evidence_that_is_collected() -> None:
    assert shipped_weights().weights.shape == (len(Evidence.names()),)


def _files(folder: Path, table: str) -> list[Path]:
    with (folder / table).open(newline="") as rows:
        return [folder / row["file"] for row in csv.DictReader(rows)]


@pytest.mark.dataset
@pytest.mark.parametrize(
    ("table", "every", "least", "most"),
    [("manifest.csv", 25, 1.0, 1.0), ("other_pages.csv", 2, 0.95, 1.0), ("not_ecg.csv", 3, 0.0, 0.03)],
)
def test_real_files_are_sorted_as_cross_validation_promised(
    dataset: Path, table: str, every: int, least: float, most: float
) -> None:
    files = _files(dataset, table)[::every]
    verdicts = {file.name: _verdict(decode(file.read_bytes()).pages[0]) for file in files}
    share = sum(verdict == "ecg" for verdict in verdicts.values()) / len(files)
    assert least <= share <= most, verdicts

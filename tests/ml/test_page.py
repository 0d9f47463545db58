"""The inside of the grid is found at any scale, and nothing printed around it gets in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from ml.decode import decode
from ml.page import GRID_NOT_FOUND, Crop, find_ecg
from ml.preprocessing import PreprocessingSpec, preprocess
from ml.render import LAYOUTS, RenderedPage, render_page
from ml.synthetic import synthetic_signals

if TYPE_CHECKING:
    from pathlib import Path

    from ml.decode import Page


def _edges(crop: Crop) -> np.ndarray:
    return np.array([crop.x, crop.y, crop.x + crop.width, crop.y + crop.height])


@pytest.mark.parametrize("scale", [0.3, 0.45, 1.0, 1.6])
@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_the_grid_is_found_at_any_scale(layout: str, scale: float) -> None:
    page = render_page(synthetic_signals(seed=5), layout=layout, seed=5)
    shown = cv2.resize(page.image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    region = find_ecg(shown)
    assert region.grid_found
    assert region.warnings == ()
    # One per cent of the page's width: well inside a large square of the grid.
    assert np.abs(_edges(region.crop) / scale - _edges(page.crop)).max() < 0.01 * page.image.shape[1]


def test_the_crop_never_reaches_the_frame_line(rendered: RenderedPage) -> None:
    crop, truth = find_ecg(rendered.image).crop, rendered.crop
    assert crop.x >= truth.x
    assert crop.y >= truth.y
    assert crop.x + crop.width <= truth.x + truth.width
    assert crop.y + crop.height <= truth.y + truth.height


def test_print_outside_the_grid_does_not_change_the_models_input_by_one_byte() -> None:
    signals = synthetic_signals(seed=6)
    plain = render_page(signals, seed=6)
    talkative = render_page(
        signals,
        seed=6,
        title="ACUTE MYOCARDIAL INFARCTION",
        header=("HR 142 bpm", "Diagnosis: STEMI"),
        footer="0.05-150Hz 25mm/s 142 bpm",
    )
    assert not np.array_equal(plain.image, talkative.image)
    inputs = [preprocess(page.image, find_ecg(page.image).crop, PreprocessingSpec()) for page in (plain, talkative)]
    assert np.array_equal(*inputs)


def _without_grid(page: RenderedPage) -> Page:
    """The page as a machine prints it that has no grid: black ink on white."""
    gray = cv2.cvtColor(page.image, cv2.COLOR_RGB2GRAY)
    return cv2.cvtColor(np.where(gray < 110, gray, 255).astype(np.uint8), cv2.COLOR_GRAY2RGB)


def test_without_a_grid_the_traces_are_boxed_and_the_result_says_so(rendered: RenderedPage) -> None:
    region = find_ecg(_without_grid(rendered))
    assert not region.grid_found
    assert region.warnings == (GRID_NOT_FOUND,)
    boxes = [lead.box for lead in rendered.leads]
    assert region.crop.x <= min(box.x for box in boxes) + 60
    assert region.crop.x + region.crop.width >= max(box.x + box.width for box in boxes) - 60
    assert region.crop.y >= rendered.crop.y, "the printed header must stay outside"
    assert region.crop.y + region.crop.height <= rendered.crop.y + rendered.crop.height, "and so must the footer"


@pytest.mark.parametrize("shade", [0, 128, 255])
def test_an_empty_page_gives_the_whole_page(shade: int) -> None:
    region = find_ecg(np.full((600, 800, 3), shade, np.uint8))
    assert region.crop == Crop(0, 0, 800, 600)
    assert region.warnings == (GRID_NOT_FOUND,)


@pytest.mark.dataset
def test_every_full_size_page_of_the_main_style_is_cropped_to_the_inside_of_its_grid(dataset: Path) -> None:
    files = sorted((dataset / "originals").glob("normal__*.jpg"))
    assert files
    for file in files:
        crop = find_ecg(decode(file.read_bytes()).pages[0]).crop
        # The inside of the grid as documented with the data: x 72–2173, y 287–1514.
        assert np.abs(_edges(crop) - [72, 287, 2173, 1514]).max() <= 8, file.name


@pytest.mark.dataset
def test_a_page_scaled_down_is_cropped_like_its_original(dataset: Path) -> None:
    import csv

    with (dataset / "originals.csv").open(newline="") as table:
        twins = [(row["file"], row["same_page_as"]) for row in csv.DictReader(table) if row["same_page_as"]]
    assert len(twins) >= 10
    for original, scaled in twins:
        large, small = (decode((dataset / name).read_bytes()).pages[0] for name in (original, scaled))
        relative = [_edges(find_ecg(page).crop) / page.shape[1] for page in (large, small)]
        assert np.abs(relative[0] - relative[1]).max() < 0.01, original

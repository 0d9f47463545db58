"""The heat lies on the page where the evidence is, and nowhere else."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from ml.heatmap import LAYER_SIDE, heat_layer, overlay
from ml.page import Crop

PAGE = np.full((700, 1000, 3), 255, np.uint8)
CROP = Crop(100, 200, 800, 400)


def _corner(row: int, column: int) -> np.ndarray:
    attribution = np.zeros((24, 24), np.float32)
    attribution[row : row + 6, column : column + 6] = 1.0
    return attribution


def _read(data: bytes) -> np.ndarray:
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert image is not None
    return image


@pytest.mark.parametrize(
    ("attribution", "inside"),
    [
        (_corner(0, 0), (120, 220)),
        (_corner(0, 18), (880, 220)),
        (_corner(18, 0), (120, 580)),
        (_corner(18, 18), (880, 580)),
    ],
)
def test_a_hot_corner_is_hot_on_the_page(attribution: np.ndarray, inside: tuple[int, int]) -> None:
    layer, drawn = _read(heat_layer(attribution, CROP, PAGE.shape)), _read(overlay(PAGE, attribution, CROP))
    opacity = layer[..., 3].astype(float)
    rows, columns = np.nonzero(opacity > 100)
    scale = PAGE.shape[1] / layer.shape[1]
    assert abs(columns.mean() * scale - inside[0]) < 100
    assert abs(rows.mean() * scale - inside[1]) < 60
    assert drawn[inside[1], inside[0]].min() < 200
    assert drawn[400, 500].min() > 245, "the middle of the page is cold"


def test_nothing_is_drawn_outside_the_crop() -> None:
    everywhere = np.ones((24, 24), np.float32)
    layer, drawn = _read(heat_layer(everywhere, CROP, PAGE.shape)), _read(overlay(PAGE, everywhere, CROP))
    scale = layer.shape[1] / PAGE.shape[1]
    outside = np.ones(layer.shape[:2], bool)
    outside[int(200 * scale) : round(600 * scale), int(100 * scale) : round(900 * scale)] = False
    assert layer[outside, 3].max() == 0
    assert layer[~outside, 3].min() > 200
    assert drawn[:190].min() > 245
    assert drawn[:, :90].min() > 245


def test_the_layer_has_the_aspect_of_the_page_and_the_overlay_its_size() -> None:
    layer = _read(heat_layer(_corner(3, 3), CROP, PAGE.shape))
    assert layer.shape[1] == LAYER_SIDE
    assert layer.shape[0] / layer.shape[1] == pytest.approx(0.7, abs=0.002)
    assert _read(overlay(PAGE, _corner(3, 3), CROP)).shape == PAGE.shape


def test_no_evidence_leaves_the_page_as_it_is() -> None:
    nothing = np.zeros((24, 24), np.float32)
    assert _read(heat_layer(nothing, CROP, PAGE.shape))[..., 3].max() == 0
    drawn = _read(overlay(PAGE, nothing, CROP))
    assert drawn[:670].min() > 250
    assert drawn[670:, 500:].min() < 200, "the research-use notice at the lower right edge"


def test_the_page_given_is_not_drawn_on() -> None:
    page = PAGE.copy()
    overlay(page, _corner(0, 0), CROP)
    assert np.array_equal(page, PAGE)

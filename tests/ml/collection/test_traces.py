"""The same recording is found again, another is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from ml.collection.layout import layout_of
from ml.collection.traces import ALIKE, COPY, alike, likeness, strokes_of, trace_box
from ml.decode import decode
from ml.page import WORKING_SIDE, take_apart

if TYPE_CHECKING:
    from pathlib import Path

    from tests.ml.collection.conftest import Image


def _reencoded(page: Image) -> Image:
    return np.asarray(cv2.imdecode(cv2.imencode(".jpg", page, [cv2.IMWRITE_JPEG_QUALITY, 40])[1], 1), np.uint8)


def _halved(page: Image) -> Image:
    return np.asarray(cv2.resize(page, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.uint8)


def _enlarged(page: Image) -> Image:
    return np.asarray(cv2.resize(page, None, fx=2.2, fy=2.2, interpolation=cv2.INTER_CUBIC), np.uint8)


def _moved(page: Image) -> Image:
    return np.asarray(cv2.copyMakeBorder(page, 30, 50, 20, 60, cv2.BORDER_CONSTANT, value=(255, 255, 255)), np.uint8)


def _brightened(page: Image) -> Image:
    return np.asarray(cv2.convertScaleAbs(page, alpha=0.6, beta=100), np.uint8)


def _noisy(page: Image) -> Image:
    noise = np.random.default_rng(0).normal(0, 12, page.shape)
    return np.clip(page + noise, 0, 255).astype(np.uint8)


def _turned(page: Image) -> Image:
    height, width = page.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), 0.3, 1)
    return np.asarray(cv2.warpAffine(page, turn, (width, height), borderValue=(255, 255, 255)), np.uint8)


CHANGES = (_turned, _reencoded, _halved, _enlarged, _moved, _brightened, _noisy)


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_copy_is_found_among_other_hearts(change: Callable[[Image], Image], pages: list[Image]) -> None:
    strokes = [strokes_of(page) for page in (*pages[:5], change(pages[2]))]
    pairs = alike(strokes)
    assert [(pair.first, pair.second) for pair in pairs] == [(2, 5)]
    assert pairs[0].likeness >= COPY


def test_different_hearts_are_not_alike(pages: list[Image]) -> None:
    assert alike([strokes_of(page) for page in pages]) == []


def test_pages_without_traces_are_like_no_other() -> None:
    blank = strokes_of(np.full((600, 800, 3), 255, np.uint8))
    assert alike([blank, blank]) == []
    assert likeness(blank, blank) == 0
    assert not alike([])


def test_a_page_is_wholly_like_itself(pages: list[Image]) -> None:
    strokes = strokes_of(pages[0])
    assert likeness(strokes, strokes) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(("places", "layout"), [((1, 2, 3), "4x2.5"), ((2,), "2x5"), ((1,), ""), ((), "")])
def test_the_layout_is_told_by_the_lines_between_the_columns(
    places: tuple[int, ...], layout: str, pages: list[Image]
) -> None:
    page = pages[0].copy()
    box = trace_box(take_apart(page).contrast)
    assert box is not None
    scale = page.shape[1] / WORKING_SIDE
    left, top, right, bottom = (round(edge * scale) for edge in box)
    # What the renderer draws between its columns is wiped out first; baselines are of no account here.
    for quarter in (1, 2, 3):
        at = left + quarter * (right - left) // 4
        page[top:bottom, at - 3 : at + 4] = 255
    for quarter in places:
        cv2.line(page, (at := left + quarter * (right - left) // 4, top), (at, bottom - 60), (10, 10, 12), 2)
    assert layout_of(page) == layout


def test_no_layout_is_claimed_for_a_page_without_separators() -> None:
    assert layout_of(np.full((600, 800, 3), 255, np.uint8)) == ""


@pytest.mark.dataset
def test_real_pages_are_told_apart_and_their_layout_is_seen(dataset: Path) -> None:
    from ml.dataset import read_manifest

    some = read_manifest(dataset)[::40]
    pages = [decode((dataset / one.file).read_bytes()).pages[0] for one in some]
    assert alike([strokes_of(page) for page in pages], ALIKE) == []
    seen = [(one.layout, layout_of(page)) for one, page in zip(some, pages, strict=True)]
    assert {layout for layout, _ in seen} >= {"4x2.5", "2x5"}
    assert all(found == layout for layout, found in seen if layout in ("4x2.5", "2x5"))

"""A page without its traces keeps nothing of them."""

from __future__ import annotations

import numpy as np

from ml.page import find_ecg, take_apart
from ml.render import RenderedPage, render_page
from ml.synthetic import synthetic_signals
from ml.trained_controls import without_traces


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

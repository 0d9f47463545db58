"""Drawn pages of different hearts, and files of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from ml.render import LayoutName, render_page
from ml.synthetic import synthetic_signals

Image: TypeAlias = NDArray[np.uint8]
SavePage: TypeAlias = Callable[..., Path]


def draw(seed: int, layout: LayoutName = "4x2.5") -> Image:
    signals = synthetic_signals(seed, heart_rate_bpm=55 + 7 * seed % 60)
    return render_page(signals, layout=layout, size=(996, 707), seed=seed).image


@pytest.fixture(scope="session")
def pages() -> list[Image]:
    """Ten hearts, (707, 996, 3) each."""
    return [draw(seed) for seed in range(10)]


@pytest.fixture
def save() -> SavePage:
    """Write a page as JPEG or, by its name, PNG."""

    def write(file: Path, page: Image, quality: int = 92) -> Path:
        file.parent.mkdir(parents=True, exist_ok=True)
        parameters = [cv2.IMWRITE_JPEG_QUALITY, quality] if file.suffix == ".jpg" else []
        assert cv2.imwrite(str(file), cv2.cvtColor(page, cv2.COLOR_RGB2BGR), parameters)
        return file

    return write

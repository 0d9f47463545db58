"""Pages with a known truth, drawn once for all tests of the science."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ml.bundle import PICTURE_BUNDLE
from ml.render import RenderedPage, render_page
from ml.synthetic import synthetic_signals

if TYPE_CHECKING:
    from ml.predictor import Predictor


@pytest.fixture(scope="session")
def rendered() -> RenderedPage:
    """A full-size page in the layout of four columns."""
    return render_page(synthetic_signals(seed=3), seed=3)


@pytest.fixture(scope="session")
def bundle() -> Path:
    """The network that sees pictures, as it ships."""
    return PICTURE_BUNDLE


@pytest.fixture(scope="session")
def predictor(bundle: Path) -> Predictor:
    """The same, loaded and warmed up once."""
    from ml.predictor import Predictor

    return Predictor.load(bundle)

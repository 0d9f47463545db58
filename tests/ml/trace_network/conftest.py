"""Hearts whose class shows in the trace, as views."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ml.bundle import DEFAULT_BUNDLE
from ml.dataset import LabelledPage
from ml.measurements.measure import examine
from ml.synthetic import synthetic_signals
from ml.trace_network.data import as_read
from ml.trace_network.views import Views, batch, views_of

if TYPE_CHECKING:
    from ml.predictor import Predictor

SLOW, FAST = "normal", "abnormal_heartbeat"
CLASSES = (SLOW, FAST)


def heart(seed: int, rate: float, layout: str = "4x2.5") -> Views:
    """A synthetic heart, printed and read without error."""
    signals = synthetic_signals(seed=seed, heart_rate_bpm=rate)
    leads = as_read({name: signal[::5] for name, signal in signals.items()}, layout)
    return views_of(leads, examine(leads))


@pytest.fixture(scope="session")
def hearts() -> tuple[list[LabelledPage], Views]:
    """Forty pages of twenty groups: slow hearts are normal, fast ones are not."""
    pages, views = [], []
    for number in range(40):
        fast = number % 2 == 1
        views.append(heart(number, 125.0 if fast else 60.0))
        pages.append(LabelledPage(f"{number}.png", CLASSES[fast], f"g{number // 4}-{fast}", strict=number < 32))
    return pages, batch(views)


@pytest.fixture(scope="session")
def bundle() -> Path:
    """The model that ships, with its trace network."""
    return DEFAULT_BUNDLE


@pytest.fixture(scope="session")
def predictor(bundle: Path) -> Predictor:
    """The same, loaded and warmed up once."""
    from ml.predictor import Predictor

    return Predictor.load(bundle)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)

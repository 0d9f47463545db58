"""What the trace network is shown: the same of one heart however it is printed, and nothing that was not read."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ml.leads.layouts import LEADS
from ml.measurements.measure import examine
from ml.synthetic import synthetic_signals
from ml.trace_network.augmentation import VariedViews, vary
from ml.trace_network.data import as_read
from ml.trace_network.views import (
    BEAT_TIMES_S,
    MEASURED,
    SHAPES,
    Views,
    batch,
    nothing_seen,
    only,
    views_of,
    without,
)
from tests.ml.trace_network.conftest import heart

SIGNALS = {name: signal[::5] for name, signal in synthetic_signals(seed=5, heart_rate_bpm=70).items()}


def test_views_have_the_shapes_that_the_network_is_built_for() -> None:
    for views in (heart(1, 70.0), nothing_seen()):
        assert dict(zip(SHAPES, (part.shape for part in views.parts), strict=True)) == SHAPES
        assert all(part.dtype == np.float32 and np.isfinite(part).all() for part in views.parts)


def test_a_heart_looks_the_same_in_every_layout() -> None:
    found = [views_of(leads, examine(leads)) for leads in (as_read(SIGNALS, name) for name in ("4x2.5", "2x5", "12x1"))]
    rate = MEASURED.index(("heart_rate", None))
    for other in found[1:]:
        alike = []
        for one, same in zip(found[0].beats, other.beats, strict=True):
            both = (one[:, 1] > 0) & (same[:, 1] > 0)
            alike.append(np.corrcoef(one[both, 0], same[both, 0])[0, 1])
        # Small leads are noisy, and other beats make up their typical one.
        assert np.mean(alike) > 0.97
        assert min(alike) > 0.85
        assert found[0].measurements[rate] == pytest.approx(other.measurements[rate], abs=0.1)


def test_a_lead_that_was_not_read_is_unknown_and_nothing_else_changes_much() -> None:
    leads = as_read(SIGNALS, "4x2.5")
    lost = replace(leads.leads["V3"], signal_mv=np.full_like(leads.leads["V3"].signal_mv, np.nan))
    gone = replace(leads, leads={**leads.leads, "V3": lost})
    views, whole = views_of(gone, examine(gone)), views_of(leads, examine(leads))
    row = LEADS.index("V3")
    assert not views.beats[row].any()
    assert whole.beats[row].any()
    assert not any(views.measurements[place].any() for place, (_, lead) in enumerate(MEASURED) if lead == "V3")
    np.testing.assert_allclose(views.beats[0], whole.beats[0], atol=0.05)


def test_the_level_before_the_complex_is_zero() -> None:
    before = (BEAT_TIMES_S > -0.12) & (BEAT_TIMES_S < -0.05)
    beats = heart(2, 64.0).beats
    assert np.abs(np.median(beats[:, before, 0], axis=1)).max() < 0.02


def test_leads_and_views_can_be_taken_away() -> None:
    page = heart(3, 80.0)
    less = without(page, "aVF")
    assert not less.beats[LEADS.index("aVF")].any()
    assert np.array_equal(less.rhythm, page.rhythm)
    alone = only(page, 1)
    assert alone.rhythm.any()
    assert not alone.beats.any()
    assert not alone.measurements.any()


def test_variations_repeat_with_their_seed_and_leave_the_unknown_unknown() -> None:
    views = batch([heart(seed, 70.0) for seed in range(6)])
    one, again, other = (vary(views, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(one.parts, again.parts, strict=True))
    assert not np.array_equal(one.beats, other.beats)
    for part in one.parts:
        assert not part[..., 0][part[..., 1] == 0].any()


def test_batches_hold_every_page_once_and_mix_classes_and_pages_alike() -> None:
    views = batch([heart(seed, 70.0) for seed in range(5)])
    marked = Views(np.zeros_like(views.beats), np.zeros_like(views.rhythm), views.measurements)
    targets, weights = np.eye(5, dtype=np.float32), np.arange(5, dtype=np.float32)
    data = VariedViews(marked, targets, weights, seed=1, batch_size=2, mixing=0.3)
    found = [data[index] for index in range(len(data))]
    assert sorted(np.concatenate([batch[2] for batch in found]).tolist()) == [0, 1, 2, 3, 4]
    mixed = np.concatenate([batch[1] for batch in found])
    np.testing.assert_allclose(mixed.sum(axis=1), 1, atol=1e-6)
    assert (mixed.max(axis=1) >= 0.5).all()

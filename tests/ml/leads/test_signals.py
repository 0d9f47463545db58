"""Gaps never shrink, layouts are complete, and limb leads are checked against one another."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ml.leads.consistency import limb_agreement
from ml.leads.layouts import LAYOUTS, LEADS
from ml.leads.signals import Lead
from ml.synthetic import synthetic_signals


def _lead(signal: list[float] | np.ndarray, rate: float = 100.0) -> Lead:
    values = np.asarray(signal, np.float32)
    path = np.stack([np.arange(len(values)), values], axis=1).astype(np.float32)
    return Lead("II", False, 0.0, rate, values, 1.0, path)


def test_resampling_interpolates_between_samples() -> None:
    np.testing.assert_allclose(_lead([0, 1, 2, 3]).resampled(200), [0, 0.5, 1, 1.5, 2, 2.5, 3], atol=1e-6)


def test_resampling_never_fills_a_gap_nor_eats_a_sample_beside_it() -> None:
    resampled = _lead([0, 1, np.nan, 3, 4]).resampled(200)

    np.testing.assert_array_equal(np.isnan(resampled), [False, False, False, True, True, True, False, False, False])
    assert resampled[2] == 1
    assert resampled[6] == 3


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=list(LAYOUTS))
def test_every_layout_shows_every_lead_once_for_ten_seconds_in_all(layout: object) -> None:
    slots = layout.slots()  # type: ignore[attr-defined]
    printed = [slot for slot in slots if not slot.rhythm]

    assert sorted(slot.lead for slot in printed) == sorted(LEADS)
    assert max(slot.start_s + slot.duration_s for slot in slots) == 10
    for strip in {slot.strip for slot in printed}:
        row = [slot for slot in printed if slot.strip == strip]
        assert [slot.start_s for slot in row] == [column * row[0].duration_s for column in range(len(row))]
    assert all(slot.duration_s == 10 for slot in slots if slot.rhythm)


def test_one_hearts_limb_leads_agree_and_swapped_ones_do_not() -> None:
    leads = {name: replace(_lead(signal[::5]), name=name) for name, signal in synthetic_signals(1).items()}
    assert min(limb_agreement(leads)) > 0.999

    swapped = leads | {"II": leads["aVR"], "aVR": leads["II"]}
    assert max(limb_agreement(swapped)) < 0.1


def test_a_flat_lead_agrees_with_nothing() -> None:
    leads = {name: _lead(np.zeros(200)) for name in LEADS}
    assert limb_agreement(leads) == (0.0, 0.0)

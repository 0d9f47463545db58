"""Measurements of hearts whose figures are known, read as a page shows them: each lead for a part of the time."""

from __future__ import annotations

import numpy as np
import pytest

from ml.leads.layouts import LAYOUTS, LEADS
from ml.leads.signals import Lead, Leads
from ml.measurements.beats import find_beats
from ml.measurements.measure import measure
from ml.measurements.values import QUANTITIES
from ml.synthetic import Signals, synthetic_signals

PAGE_HZ = 83.0


def as_printed(signals: Signals, layout: str = "4x2.5", sampling_hz: int = 500) -> Leads:
    """What a reader that makes no mistakes would give of a page at the rate of a small scan."""
    leads: dict[str, Lead] = {}
    rhythm: list[Lead] = []
    for slot in LAYOUTS[layout].slots():
        times = slot.start_s + np.arange(int(slot.duration_s * PAGE_HZ)) / PAGE_HZ
        signal = np.interp(times, np.arange(len(signals[slot.lead])) / sampling_hz, signals[slot.lead])
        path = np.zeros((len(times), 2), np.float32)
        lead = Lead(slot.lead, slot.rhythm, slot.start_s, PAGE_HZ, signal.astype(np.float32), 1.0, path)
        if slot.rhythm:
            rhythm.append(lead)
        else:
            leads[slot.lead] = lead
    return Leads(layout, 3.32, "grid", 0.0, 10.0, leads, tuple(rhythm))


def with_gap(leads: Leads, name: str, share: slice) -> Leads:
    lead = leads.leads[name]
    signal = lead.signal_mv.copy()
    signal[share] = np.nan
    changed = Lead(name, lead.rhythm, lead.start_s, lead.sampling_rate_hz, signal, 0.5, lead.path)
    return Leads(leads.layout, 3.32, "grid", 0.0, 10.0, {**leads.leads, name: changed}, leads.rhythm)


@pytest.mark.parametrize("layout", ["4x2.5", "2x5", "12x1"])
@pytest.mark.parametrize("rate", [45.0, 72.0, 110.0, 160.0])
def test_the_heart_rate_is_found_in_every_layout(layout: str, rate: float) -> None:
    found = measure(as_printed(synthetic_signals(seed=4, heart_rate_bpm=rate), layout))
    assert found.get("heart_rate") == pytest.approx(rate, abs=2.0)
    assert found.regular is True


def test_an_irregular_rhythm_is_told_and_has_no_pr_interval() -> None:
    found = measure(as_printed(synthetic_signals(seed=9, rhythm="irregular", heart_rate_bpm=95.0)))
    assert found.regular is False
    assert found.get("pr_interval") is None
    steady = measure(as_printed(synthetic_signals(seed=9, heart_rate_bpm=95.0)))
    assert (found.get("sdnn") or 0) > 3 * (steady.get("sdnn") or np.inf)


def test_intervals_of_the_made_up_heart() -> None:
    """P peaks 160 ms before R with a standard deviation of 22 ms; QRS spans some ±50 ms; T has 46 ms at 290 ms."""
    found = measure(as_printed(synthetic_signals(seed=1, heart_rate_bpm=60.0, noise_mv=0.0), "12x1"))
    assert found.get("p_duration") == pytest.approx(4.4 * 22, abs=20)
    assert found.get("pr_interval") == pytest.approx(160 + 2.2 * 22 - 45, abs=20)
    assert found.get("qrs_duration") == pytest.approx(100, abs=15)
    assert found.get("qt_interval") == pytest.approx(290 + 2 * 46 + 48, abs=25)
    assert found.get("qtc_bazett") == pytest.approx(found.get("qtc_fridericia"), rel=0.02), "at 60/min they agree"


def test_bazett_corrects_more_than_fridericia_when_the_heart_is_fast() -> None:
    found = measure(as_printed(synthetic_signals(seed=1, heart_rate_bpm=110.0)))
    assert (
        (found.get("qtc_bazett") or 0) > (found.get("qtc_fridericia") or np.inf) > (found.get("qt_interval") or np.inf)
    )


@pytest.mark.parametrize("degrees", [-60, 0, 45, 90, 150])
def test_the_axis_is_that_of_the_dipole(degrees: int) -> None:
    signals = _turned(synthetic_signals(seed=2, noise_mv=0.001), degrees)
    axis = measure(as_printed(signals, "2x5")).get("qrs_axis")
    assert axis is not None
    assert abs((axis - degrees + 180) % 360 - 180) < 6


def _turned(signals: Signals, degrees: float) -> Signals:
    """Limb leads as one dipole in the frontal plane would give them, moving as lead II does."""
    angles = {"I": 0, "II": 60, "III": 120, "aVF": 90, "aVL": -30, "aVR": -150}
    size = {name: np.sqrt(3) / 2 if name.startswith("a") else 1.0 for name in angles}
    cosines = {name: size[name] * np.cos(np.radians(degrees - angle)) for name, angle in angles.items()}
    return signals | {name: signals["II"] * cosine for name, cosine in cosines.items()}


@pytest.mark.parametrize(
    ("finding", "leads", "sign"),
    [("anterior_st_elevation", ("V2", "V3"), 1), ("inferior_st_elevation", ("III", "aVF"), 1)],
)
def test_st_elevation_is_measured_where_it_is(finding: str, leads: tuple[str, ...], sign: int) -> None:
    quiet = measure(as_printed(synthetic_signals(seed=5)))
    raised = measure(as_printed(synthetic_signals(seed=5, findings=[finding])))
    for lead in leads:
        before, after = quiet.get("st_j60", lead), raised.get("st_j60", lead)
        assert before is not None
        assert after is not None
        assert sign * (after - before) > 0.1


def test_q_waves_and_turned_t_waves_are_measured_where_they_are() -> None:
    quiet = measure(as_printed(synthetic_signals(seed=5)))
    scarred = measure(as_printed(synthetic_signals(seed=5, findings=["inferior_q_waves", "lateral_t_inversion"])))
    assert (scarred.get("q_amplitude", "aVF") or 0) > (quiet.get("q_amplitude", "aVF") or 0) + 0.1
    assert (quiet.get("t_amplitude", "V6") or -1) > 0 > (scarred.get("t_amplitude", "V6") or 1)


def test_ectopic_beats_do_not_change_the_typical_beat() -> None:
    quiet = measure(as_printed(synthetic_signals(seed=6), "12x1"))
    ectopic = measure(as_printed(synthetic_signals(seed=6, findings=["ventricular_ectopics"]), "12x1"))
    assert ectopic.get("qrs_duration") == pytest.approx(quiet.get("qrs_duration"), abs=12)


def test_a_lead_that_was_not_read_is_absent_and_the_rest_stays() -> None:
    leads = as_printed(synthetic_signals(seed=7))
    found = measure(with_gap(leads, "V3", slice(None)))
    assert found.get("st_j60", "V3") is None
    assert found.get("st_j60", "V2") == pytest.approx(measure(leads).get("st_j60", "V2"), abs=0.02)


def test_flat_lines_have_no_measurements() -> None:
    found = measure(as_printed({name: np.zeros(5000) for name in synthetic_signals(seed=1)}))
    assert found.values == ()
    assert found.regular is None
    assert find_beats(as_printed({name: np.zeros(5000) for name in synthetic_signals(seed=1)})).size == 0


def test_every_value_has_a_unit_and_a_confidence() -> None:
    shown = measure(as_printed(synthetic_signals(seed=8))).to_json()
    rows = shown["values"] + shown["per_lead"]
    assert {row["name"] for row in rows} <= set(QUANTITIES)
    assert all(row["unit"] and 0 <= row["confidence"] <= 1 for row in rows)
    assert {row["lead"] for row in shown["per_lead"]} == set(LEADS)


def test_values_outside_of_what_is_usual_are_marked() -> None:
    fast = measure(as_printed(synthetic_signals(seed=8, heart_rate_bpm=130.0)))
    rate = next(value for value in fast.values if value.name == "heart_rate")
    assert rate.unusual
    calm = measure(as_printed(synthetic_signals(seed=8, heart_rate_bpm=75.0)))
    assert not next(value for value in calm.values if value.name == "heart_rate").unusual

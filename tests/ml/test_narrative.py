"""Sentences say what was measured, name their numbers, and say nothing where nothing was measured."""

from __future__ import annotations

import re

import pytest

from ml.measurements.values import QUANTITIES, Measurement, Measurements
from ml.narrative import LEAD_RULES, PAGE_RULES, describe, named, neighbours


def page(
    *, regular: bool | None = True, sure: float = 0.9, leads: dict[str, dict[str, float]] | None = None, **values: float
) -> Measurements:
    """Measurements with these values; ``leads`` is quantity → lead → value."""
    per_lead = [
        Measurement(name, value, sure, lead) for name, found in (leads or {}).items() for lead, value in found.items()
    ]
    return Measurements(
        tuple(Measurement(name, value, sure) for name, value in values.items()), tuple(per_lead), regular, ()
    )


def texts(found: Measurements, **attention: float) -> list[str]:
    return [sentence.text for sentence in describe(found, attention)]


def test_an_ordinary_page_has_its_rate_and_nothing_else() -> None:
    ordinary = page(heart_rate=72.4, pr_interval=160, qrs_duration=92, qtc_fridericia=410, qrs_axis=40)
    assert texts(ordinary) == ["Heart rate 72/min, regular."]
    assert not describe(ordinary)[0].unusual


def test_what_was_not_measured_is_not_said() -> None:
    assert texts(page()) == []
    assert texts(page(sure=0.2, heart_rate=130, qrs_duration=160)) == [], "nor what cannot be believed"


@pytest.mark.parametrize(
    ("quantity", "value", "said"),
    [
        ("heart_rate", 44, "Heart rate 44/min, regular, slow."),
        ("heart_rate", 104, "Heart rate 104/min, regular, fast."),
        ("pr_interval", 230, "PR interval prolonged (230 ms)."),
        ("pr_interval", 100, "PR interval short (100 ms)."),
        ("qrs_duration", 134, "QRS complexes wide (134 ms)."),
        ("qrs_duration", 115, "QRS complexes slightly widened (115 ms)."),
        ("qtc_fridericia", 520, "QTc markedly prolonged (520 ms, Fridericia)."),
        ("qtc_fridericia", 480, "QTc prolonged (480 ms, Fridericia)."),
        ("qrs_axis", -45, "Left axis deviation (−45°)."),
        ("qrs_axis", 120, "Right axis deviation (120°)."),
        ("qrs_axis", -120, "Extreme QRS axis (−120°)."),
    ],
)
def test_each_threshold_has_its_sentence_with_the_number_in_it(quantity: str, value: float, said: str) -> None:
    assert texts(Measurements((Measurement(quantity, value, 0.9),), (), True, ())) == [said]


def test_an_irregular_rhythm_is_called_so_with_its_spread() -> None:
    assert texts(page(regular=False, heart_rate=95, sdnn=130)) == [
        "Heart rate 95/min, irregular.",
        "RR intervals vary by 130 ms (SDNN).",
    ]


def test_one_lead_alone_is_no_finding_and_two_neighbours_are() -> None:
    assert texts(page(leads={"st_j60": {"V3": 0.4, "V5": 0.3, "III": 0.2}})) == []
    both = page(leads={"st_j60": {"V2": 0.2, "V3": 0.31, "V4": 0.12, "V5": 0.02, "aVF": 0.15, "III": 0.18}})
    assert texts(both) == ["ST elevation up to 0.31 mV in aVF, III, V2–V4."]
    assert describe(both)[0].values["st_j60 V3"] == 0.31


def test_the_limits_of_single_leads() -> None:
    assert texts(page(leads={"st_j60": {"V2": 0.15, "V3": 0.19}})) == [], "V2 and V3 are allowed 0.2 mV"
    assert texts(page(leads={"st_j60": {"V5": -0.06, "V6": -0.09}})) == ["ST depression down to −0.09 mV in V5–V6."]
    q = {"q_amplitude": {"III": 0.3, "aVF": 0.25}, "q_duration": {"III": 44.0, "aVF": 36.0}}
    assert texts(page(leads=q)) == ["Q waves up to 0.30 mV deep in aVF, III."]
    assert texts(page(leads=q | {"q_duration": {"III": 44.0, "aVF": 12.0}})) == [], "narrow Q waves are ordinary"
    t = {"t_amplitude": {"V5": -0.2, "V6": -0.15}}
    r = {"r_amplitude": {"V5": 1.0, "V6": 1.0}, "s_amplitude": {"V5": 0.1, "V6": 0.1}}
    assert texts(page(leads=t | r)) == ["T waves inverted, down to −0.20 mV, in V5–V6."]
    assert texts(page(leads=t)) == [], "without a dominant R wave a negative T is ordinary"


def test_high_voltage() -> None:
    leads = {"s_amplitude": {"V1": 1.9}, "r_amplitude": {"V5": 1.8, "V6": 1.2}}
    assert texts(page(leads=leads)) == ["High voltage: S in V1 and R in V5 or V6 add up to 3.7 mV (Sokolow–Lyon)."]


def test_attention_is_named_where_it_is_on_few_leads_only() -> None:
    assert texts(page(), V2=0.25, V3=0.2, V4=0.16, I=0.1) == ["The network’s attention is on V2–V4 (61 %)."]
    assert texts(page(), V2=0.7) == ["The network’s attention is on V2 (70 %)."]
    assert texts(page(), **dict.fromkeys(("I", "II", "III", "V1", "V2", "V3", "V4", "V5", "V6"), 1 / 12)) == []


def test_neighbours_and_their_names() -> None:
    assert neighbours(("a", "b", "c", "d"), {"a", "b", "d"}) == [("a", "b")]
    assert named([("II", "aVF"), ("V1", "V2", "V3")]) == "II, aVF, V1–V3"


def test_every_number_in_a_sentence_is_one_of_its_values() -> None:
    found = page(
        heart_rate=104, qrs_duration=134, leads={"st_j60": {"V2": 0.25, "V3": 0.3}, "t_amplitude": {"V3": 0.4}}
    )
    for sentence in describe(found, {"V2": 0.6}):
        numbers = {abs(float(number)) for number in re.findall(r"(?<![V\d.])\d+(?:\.\d+)?", sentence.text)}
        known = {abs(round(value, 2)) for value in sentence.values.values()}
        assert numbers <= known | {round(100 * value) for value in known}, sentence


def test_every_rule_is_about_a_known_quantity_and_names_its_source() -> None:
    for rule in (*PAGE_RULES, *LEAD_RULES):
        assert rule.quantity in QUANTITIES
        assert rule.source

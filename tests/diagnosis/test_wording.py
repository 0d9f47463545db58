"""Findings are said in the reader's language, and in English as the narrative wrote them."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import translation

from diagnosis.models import Tracing
from diagnosis.wording import method_summary, method_title, sentences
from ml.explain import METHODS, TRACE_METHODS, Method
from ml.leads.reader import read_leads
from ml.measurements.measure import examine
from ml.narrative import LEAD_RULES, PAGE_RULES, describe, to_json
from ml.render import render_page
from ml.synthetic import synthetic_signals


def said(*stored: dict[str, Any], regular: bool | None = None) -> list[str]:
    tracing = Tracing(sentences=list(stored), measurements={"regular": regular})
    return [one["text"] for one in sentences(tracing)]


def one(code: str, text: str, **values: float) -> dict[str, Any]:
    return {"code": code, "text": text, "values": values, "unusual": True}


@pytest.mark.parametrize("rate", [45.0, 75.0, 130.0])
@pytest.mark.parametrize("findings", [[], ["anterior_st_elevation"], ["inferior_q_waves"]])
def test_english_says_what_the_narrative_said(rate: float, findings: list[str]):
    page = render_page(synthetic_signals(seed=4, heart_rate_bpm=rate, findings=findings), seed=4).image
    found = examine(read_leads(page)).measurements
    stored = to_json(describe(found, {"V2": 0.4, "V3": 0.3, "I": 0.1}))

    with translation.override("en"):
        assert said(*stored, regular=found.regular) == [sentence["text"] for sentence in stored]


@pytest.mark.parametrize(
    "rule", [rule for rule in PAGE_RULES if rule.quantity != "heart_rate"], ids=lambda rule: rule.code
)
def test_every_rule_of_the_page_has_its_words(rule: Any):
    value = -95 if rule.code == "axis_extreme" else 130
    text = rule.text.format(value=str(value).replace("-", "−"))

    with translation.override("en"):
        assert said(one(rule.code, text="something else", **{rule.quantity: value})) == [text]


@pytest.mark.parametrize("rule", LEAD_RULES, ids=lambda rule: rule.code)
def test_every_rule_of_leads_has_its_words(rule: Any):
    text = rule.text.format(value="−0.25", leads="II, aVF, V2–V4")
    values = {f"{rule.quantity} {lead}": -0.2 for lead in ("II", "aVF", "V2", "V3")} | {f"{rule.quantity} V4": -0.25}

    with translation.override("en"):
        assert said({"code": rule.code, "text": "something else", "values": values, "unusual": True}) == [text]


@pytest.mark.parametrize("method", [*METHODS.values(), *TRACE_METHODS.values()], ids=lambda method: method.name)
def test_every_method_has_its_words(method: Method):
    with translation.override("en"):
        assert (method_title(method), method_summary(method)) == (method.title, method.summary)
    with translation.override("de"):
        assert method_summary(method) != method.summary


@pytest.mark.parametrize("code", ["of_another_release", "qrs_wide", "attention", "st_elevation", "heart_rate"])
def test_what_this_release_cannot_say_stays_as_it_was(code: str):
    assert said(one(code, "As it was.")) == ["As it was."]

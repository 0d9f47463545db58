"""Measurements, words and signals over the API."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from diagnosis import pipeline, tracing_files
from diagnosis.models import Diagnosis

LEADS = {
    "layout": "4x2.5",
    "px_per_mm": 3.3,
    "scale_source": "grid",
    "rotation_deg": 0.0,
    "gain_mm_per_mv": 10.0,
    "warnings": [],
    "leads": [
        {
            "name": "II",
            "rhythm": True,
            "start_s": 0.5,
            "sampling_rate_hz": 10.0,
            "quality": 0.9,
            "label_agrees": None,
            "signal_mv": [0.1, None, -0.25],
        }
    ],
}
WORDS = "Heart rate 104/min, regular, fast."
RATE = {"name": "heart_rate", "value": 104.0, "confidence": 0.9, "lead": None, "unit": "/min", "unusual": True}
MEASUREMENTS = {"regular": True, "beats_s": [0.1, 0.7], "values": [RATE], "per_lead": []}
SENTENCES = [
    {
        "code": "tachycardia",
        "text": WORDS,
        "values": {"heart_rate": 104},
        "unusual": True,
    }
]


@pytest.fixture
def traced(queued: Diagnosis, claim: Any, reading: Any) -> Diagnosis:
    values = {
        "layout": "4x2.5",
        "px_per_mm": 3.3,
        "scale_source": "grid",
        "rotation_deg": 0.0,
        "quality": 0.9,
        "poor_leads": ["V3"],
        "measurements": MEASUREMENTS,
        "sentences": SENTENCES,
    }
    claimed = claim(queued)
    pipeline.finish(claimed, reading())
    pipeline.add_tracing(claimed, tracing_files.Drawn(values, LEADS, "<svg/>"))
    return queued


def test_a_diagnosis_has_its_measurements_quality_and_words(client: APIClient, traced: Diagnosis) -> None:
    body = client.get(f"/api/v1/diagnoses/{traced.pk}/").json()
    assert body["measurements"] == MEASUREMENTS
    assert body["text"] == SENTENCES
    assert (body["quality"]["layout"], body["quality"]["poor_leads"], body["quality"]["reason"]) == (
        "4x2.5",
        ["V3"],
        "",
    )
    (row,) = client.get("/api/v1/diagnoses/").json()["results"]
    assert row["text"] == SENTENCES
    assert "measurements" not in row, "lists leave out what is long"


def test_without_a_tracing_the_fields_are_empty(client: APIClient, queued: Diagnosis) -> None:
    body = client.get(f"/api/v1/diagnoses/{queued.pk}/").json()
    assert (body["measurements"], body["quality"], body["text"]) == (None, None, [])
    assert client.get(body["leads_url"]).status_code == 404


def test_what_could_not_be_read_says_why(client: APIClient, queued: Diagnosis, claim: Any, reading: Any) -> None:
    claimed = claim(queued)
    pipeline.finish(claimed, reading())
    pipeline.add_tracing(claimed, tracing_files.Drawn({"reason": "layout_unknown"}))
    body = client.get(f"/api/v1/diagnoses/{queued.pk}/").json()
    assert body["quality"]["reason"] == "layout_unknown"
    assert "nothing was measured" in body["quality"]["message"]
    assert body["measurements"] is None
    assert client.get(body["leads_url"]).status_code == 404


def test_signals_as_json_and_as_a_table(client: APIClient, traced: Diagnosis) -> None:
    url = client.get(f"/api/v1/diagnoses/{traced.pk}/").json()["leads_url"]
    assert client.get(url).json() == LEADS
    answer = client.get(url, {"kind": "csv"})
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert "attachment" in answer.headers["Content-Disposition"]
    assert answer.content.decode().splitlines() == [
        "lead,rhythm,time_s,mv",
        "II,1,0.5000,0.1",
        "II,1,0.6000,",
        "II,1,0.7000,-0.25",
    ]
    assert client.get(url, {"kind": "xml"}).json()["code"] == "validation_error"


def test_signals_of_another_site_do_not_exist(sign_in: Any, traced: Diagnosis, other_clinician: User) -> None:
    url = f"/api/v1/diagnoses/{traced.pk}/leads/"
    assert sign_in(other_clinician).get(url).status_code == 404
    assert APIClient().get(url).status_code == 401

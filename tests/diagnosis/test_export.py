"""The history as CSV: every column, the present filters, nobody else's rows, nothing a spreadsheet would run."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import Site, User
from diagnosis import export, intake, pipeline, selectors
from diagnosis.models import Diagnosis, Tracing
from diagnosis.review.models import Report
from tests.diagnosis.files import encoded


def rows_of(data: bytes) -> list[dict[str, str]]:
    assert data.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def exported(user: User, **filters: Any) -> list[dict[str, str]]:
    return rows_of(b"".join(export.lines(selectors.history(user, **filters))))


@pytest.fixture
def take_in(clinician: User, site: Site) -> Any:
    def accept(seed: int, *, user: User = clinician, where: Site = site, **fields: str) -> Diagnosis:
        name = fields.pop("original_name", f"{seed}.png")
        accepted = intake.accept(data=encoded("PNG", seed), original_name=name, user=user, site=where, **fields)
        return accepted.uploads[0].diagnoses.get()

    return accept


@pytest.fixture
def done(take_in: Any, claim: Any, reading: Any, reviewer: User) -> Diagnosis:
    diagnosis: Diagnosis = take_in(1, patient_reference="P-1", note="two\nlines; “quoted”, 东京")
    pipeline.finish(claim(diagnosis), reading(answered_by="traces", possible=("mi", "normal")))
    values = [
        {"name": "heart_rate", "value": 71.5, "unit": "/min", "confidence": 1, "lead": None, "unusual": False},
        {"name": "r_amplitude", "value": 1.5, "unit": "mV", "confidence": 1, "lead": "V1", "unusual": False},
    ]
    Tracing.objects.create(diagnosis=diagnosis, layout="4x2.5", quality=0.9, measurements={"values": values})
    Report.objects.create(diagnosis=diagnosis, state="amended", verdict="agree", author=reviewer, signed_by=reviewer)
    Report.objects.create(
        diagnosis=diagnosis,
        version=2,
        state="signed",
        verdict="override",
        label="normal",
        comment="seen before",
        author=reviewer,
        signed_by=reviewer,
        signed_at=timezone.now(),
    )
    diagnosis.refresh_from_db()
    return diagnosis


def test_a_line_has_all_that_is_known(done: Diagnosis, clinician: User) -> None:
    (row,) = exported(clinician)
    expected = {
        "diagnosis": str(done.pk),
        "upload": str(done.upload_id),
        "site": "North Hospital",
        "uploaded_by": "carla",
        "patient_reference": "P-1",
        "note": "two\nlines; “quoted”, 东京",
        "sha256": done.upload.sha256,
        "state": "done",
        "label": "mi",
        "abstained": "false",
        "confidence": "0.8",
        "possible": "mi normal",
        "answered_by": "traces",
        "warnings": "grid_not_found",
        "probability_mi": "0.8",
        "probability_normal": "0.1",
        "probability_covid19": "",
        "model": "test_model",
        "model_sha256": "a" * 64,
        "layout": "4x2.5",
        "heart_rate_per_min": "71.5",
        "qrs_duration_ms": "",
        "report_version": "2",
        "report_verdict": "override",
        "report_label": "normal",
        "report_comment": "seen before",
        "signed_by": "rosa",
        "second_signed_by": "",
    }
    assert {name: row[name] for name in expected} == expected
    assert row["signed_at"].startswith(str(timezone.localdate().year))
    assert tuple(row) == export.COLUMNS


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t"])
def test_no_cell_is_a_formula(start: str, take_in: Any, clinician: User, claim: Any, reading: Any) -> None:
    diagnosis = take_in(1, note="x", original_name=f"{start}cmd|' /C calc'!A0.png")
    type(diagnosis.upload).objects.update(note=f"{start}1+1", patient_reference=f"{start}2")
    (row,) = exported(clinician)
    assert (row["note"], row["patient_reference"]) == (f"'{start}1+1", f"'{start}2")
    assert not row["file_name"].startswith(("=", "+", "-", "@", "\t"))


def test_numbers_stay_numbers(done: Diagnosis, clinician: User) -> None:
    Tracing.objects.update(measurements={"values": [{"name": "qrs_axis", "value": -30.0, "unit": "deg", "lead": None}]})
    (row,) = exported(clinician)
    assert row["qrs_axis_deg"] == "-30.0"


def test_what_has_no_result_is_a_line_too(take_in: Any, clinician: User) -> None:
    take_in(1)
    (row,) = exported(clinician)
    assert (row["state"], row["label"], row["abstained"], row["signed_by"], row["model"]) == ("queued", "", "", "", "")


def test_everybody_exports_what_they_see(
    take_in: Any, clinician: User, other_clinician: User, other_site: Site, administrator: User
) -> None:
    ours = take_in(1)
    theirs = take_in(2, user=other_clinician, where=other_site)
    for user, expected in (
        (clinician, {ours}),
        (other_clinician, {theirs}),
        (administrator, {ours, theirs}),
    ):
        assert {row["diagnosis"] for row in exported(user)} == {str(reading.pk) for reading in expected}


def test_filters_and_order_hold_across_pieces(
    take_in: Any, clinician: User, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    made = [take_in(seed, note="wanted" if seed % 2 else "") for seed in range(7)]
    monkeypatch.setattr(export, "PIECE", 2)
    wanted = [str(reading.pk) for reading in reversed(made) if reading.upload.note]
    assert [row["diagnosis"] for row in exported(clinician, search="wanted")] == wanted


def test_queries_grow_with_pieces_not_with_lines(
    take_in: Any, clinician: User, django_assert_max_num_queries: Any
) -> None:
    for seed in range(12):
        take_in(seed)
    with django_assert_max_num_queries(6):
        assert len(exported(clinician)) == 12


def test_the_page_sends_the_filtered_table(client: Client, clinician: User, done: Diagnosis, take_in: Any) -> None:
    take_in(5)
    client.force_login(clinician)
    page = client.get(reverse("diagnosis:history"), {"label": "mi"}).content.decode()
    assert f'{reverse("diagnosis:history_export")}?label=mi"' in page
    answer = client.get(reverse("diagnosis:history_export"), {"label": "mi"})
    assert answer.streaming
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="isoline-history-')
    assert [row["diagnosis"] for row in rows_of(b"".join(answer))] == [str(done.pk)]


@pytest.mark.parametrize("accept", ["text/csv", "application/json", "*/*"])
def test_the_api_sends_the_filtered_table(accept: str, clinician: User, done: Diagnosis, take_in: Any) -> None:
    take_in(5)
    api = APIClient(headers={"Accept": accept})
    api.force_authenticate(clinician)
    answer: Any = api.get("/api/v1/diagnoses/export.csv?agreement=override")
    assert [row["diagnosis"] for row in rows_of(b"".join(answer))] == [str(done.pk)]
    wrong = api.get("/api/v1/diagnoses/export.csv?agreement=maybe")
    assert wrong.status_code == 400
    assert APIClient().get("/api/v1/diagnoses/export.csv").status_code == 401

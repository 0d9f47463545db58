"""What is noted of a page: given with the upload, corrected later, in force everywhere, fixed by a signature."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.audit.models import Entry
from accounts.models import User
from diagnosis import details, export, intake, selectors
from diagnosis.documents.content import gather
from diagnosis.fhir import bundles
from diagnosis.models import Diagnosis, Upload
from diagnosis.patients.selectors import readings_of
from diagnosis.review import reporting
from diagnosis.review.models import Report

Make = Callable[..., Any]

RECORDED = datetime(2024, 5, 17, 8, 30, tzinfo=UTC)


@pytest.fixture
def done(take_in: Make, read: Make) -> Diagnosis:
    diagnosis: Diagnosis = read(take_in(patient_reference="P-1", note="first"))
    return diagnosis


def edit(upload: Upload) -> str:
    return reverse("diagnosis:details", kwargs={"pk": upload.pk})


def api_path(upload: Upload) -> str:
    return reverse("api:upload-detail", kwargs={"pk": upload.pk})


def signed(diagnosis: Diagnosis, user: User) -> Report:
    draft = reporting.save_draft(diagnosis=diagnosis, author=user, verdict="agree")
    return reporting.sign(report=draft, user=user, proof=Report.Proof.PASSWORD, seen=draft.token)


def test_a_correction_is_shown_found_and_logged_without_the_values(
    done: Diagnosis, browser: Client, clinician: User
) -> None:
    page = browser.get(edit(done.upload)).content.decode()
    assert 'value="P-1"' in page
    assert "first" in page

    wanted = {"patient_reference": "P-2", "recorded_at": "2024-05-17T08:30", "note": "first"}
    answer = browser.post(edit(done.upload), wanted, follow=True)

    assert answer.redirect_chain == [(done.get_absolute_url(), 302)]
    shown = answer.content.decode()
    assert "17 May 2024, 08:30" in shown
    assert edit(done.upload) in shown
    upload = Upload.objects.get(pk=done.upload_id)
    assert (upload.patient_reference, upload.recorded_at, upload.note) == ("P-2", RECORDED, "first")
    assert f'href="/patients/{upload.site_id}/P-2/"' in browser.get("/patients/").content.decode()
    assert str(done.pk) in browser.get(reverse("diagnosis:history"), {"q": "P-2"}).content.decode()
    assert str(done.pk) not in browser.get(reverse("diagnosis:history"), {"q": "P-1"}).content.decode()
    entry = Entry.objects.filter(action="page.details_changed").get()
    assert (entry.actor, entry.details) == (clinician, {"fields": ["patient_reference", "recorded_at"]})


def test_nothing_changed_leaves_no_entry(done: Diagnosis, clinician: User) -> None:
    details.change(done.upload, clinician, **details.noted(done.upload))
    assert not Entry.objects.filter(action="page.details_changed").exists()


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("recorded_at", "1850-01-01T00:00", "cannot have been recorded then"),
        ("recorded_at", f"{timezone.now() + timedelta(days=3):%Y-%m-%dT%H:%M}", "cannot have been recorded then"),
        ("recorded_at", "yesterday", "Enter day and time"),
        ("patient_reference", "x" * 65, "at most 64"),
        ("patient_reference", "P\u202e1", "character"),
        ("note", "x" * 2001, "at most 2000"),
    ],
)
def test_what_cannot_be_is_refused_and_what_was_typed_stays(
    done: Diagnosis, browser: Client, field: str, value: str, sentence: str
) -> None:
    wanted = {"patient_reference": "P-9", "recorded_at": "", "note": "kept while typing"} | {field: value}
    answer = browser.post(edit(done.upload), wanted)
    text = answer.content.decode()
    assert answer.status_code == 422
    assert sentence in text
    assert wanted["note"][:40] in text
    done.upload.refresh_from_db()
    assert (done.upload.patient_reference, done.upload.note) == ("P-1", "first")


def test_a_signature_fixes_it_for_good(done: Diagnosis, browser: Client, clinician: User) -> None:
    report = signed(done, clinician)
    assert edit(done.upload) not in browser.get(done.get_absolute_url()).content.decode()
    assert "is signed, so what is noted of it stays" in browser.get(edit(done.upload)).content.decode()
    refused = browser.post(edit(done.upload), {"patient_reference": "P-2"})
    assert refused.status_code == 403
    with pytest.raises(details.DetailsAreSigned):
        details.change(done.upload, clinician, patient_reference="P-2", note="", recorded_at=None)

    reporting.amend(report=report, author=clinician, reason="another patient")
    assert not details.may_change(clinician, done.upload)


def test_only_who_may_upload_at_the_site_may_correct(
    done: Diagnosis, other_clinician: User, administrator: User, clinician: User
) -> None:
    with pytest.raises(PermissionDenied):
        details.change(done.upload, other_clinician, patient_reference="X", note="", recorded_at=None)
    assert details.may_change(administrator, done.upload)
    clinician.is_active = False
    assert not details.may_change(clinician, done.upload)


def test_a_patients_pages_stand_in_the_order_of_recording(
    take_in: Make, read: Make, clinician: User, browser: Client
) -> None:
    first_up, second_up, third_up = (read(take_in(seed, patient_reference="P-1")) for seed in range(3))
    Upload.objects.filter(pk=second_up.upload_id).update(recorded_at=RECORDED)
    Upload.objects.filter(pk=third_up.upload_id).update(recorded_at=RECORDED - timedelta(days=400))

    in_order = readings_of(clinician, site_id=first_up.upload.site_id, reference="P-1")

    assert [one.pk for one in in_order] == [third_up.pk, second_up.pk, first_up.pk]
    listed = browser.get("/patients/").content.decode()
    assert "13 Apr 2023" in listed


def test_it_goes_out_with_the_report_the_table_and_fhir(done: Diagnosis, clinician: User) -> None:
    before = gather(done, None, language="en").fingerprint()
    details.change(done.upload, clinician, patient_reference="P-1", note="", recorded_at=RECORDED)
    done = Diagnosis.objects.get(pk=done.pk)

    content = gather(done, None, language="en")
    assert ("Recorded", "17 May 2024, 08:30 UTC") in content.facts
    assert content.fingerprint() != before
    table = b"".join(export.lines(selectors.diagnoses_visible_to(clinician))).decode("utf-8-sig").splitlines()
    assert dict(zip(table[0].split(","), table[1].split(","), strict=True))["recorded_at"].startswith("2024-05-17")
    resources = [entry["resource"] for entry in bundles.collection(done)["entry"]]
    effective = {one["resourceType"]: one.get("effectiveDateTime") for one in resources}
    assert effective["DiagnosticReport"] == effective["Observation"] == "2024-05-17T08:30:00+00:00"


def test_it_is_given_with_the_upload(browser: Client, clinician: User, take_in: Make) -> None:
    upload = take_in(7, recorded_at=RECORDED)
    assert upload.recorded_at == RECORDED
    with pytest.raises(intake.UploadRefused) as refused:
        take_in(8, recorded_at=timezone.now() + timedelta(days=2))
    assert refused.value.code == "recorded_at_implausible"


class TestByMachines:
    @pytest.fixture
    def machine(self, clinician: User) -> APIClient:
        client = APIClient()
        client.force_login(clinician)
        return client

    def test_what_is_left_out_stays(self, machine: APIClient, done: Diagnosis) -> None:
        answer = machine.patch(api_path(done.upload), {"recorded_at": "2024-05-17T10:30:00+02:00"}, format="json")
        assert answer.status_code == 200
        said = answer.json()
        assert (said["patient_reference"], said["note"]) == ("P-1", "first")
        assert said["recorded_at"] == "2024-05-17T08:30:00Z"
        assert machine.patch(api_path(done.upload), {"recorded_at": None}, format="json").json()["recorded_at"] is None

    def test_refusals_have_codes(
        self, machine: APIClient, done: Diagnosis, clinician: User, other_clinician: User
    ) -> None:
        odd = machine.patch(api_path(done.upload), {"recorded_at": "1700-01-01T00:00:00Z"}, format="json")
        assert (odd.status_code, odd.json()["code"]) == (400, "recorded_at_implausible")
        signed(done, clinician)
        late = machine.patch(api_path(done.upload), {"note": "late"}, format="json")
        assert (late.status_code, late.json()["code"]) == (409, "details_signed")
        stranger = APIClient()
        stranger.force_login(other_clinician)
        assert stranger.patch(api_path(done.upload), {"note": "mine"}, format="json").status_code == 404

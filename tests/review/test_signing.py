"""The fingerprint, the proof of who signs, and pages that a signature keeps."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.core.exceptions import PermissionDenied
from django.core.management import CommandError, call_command
from django.test import RequestFactory
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.models import Site, User
from accounts.second_factor.proof import passkey_touched
from diagnosis import deletion, selectors
from diagnosis.documents.models import Document
from diagnosis.fhir.models import FhirDelivery, FhirServer
from diagnosis.models import Diagnosis, ModelVersion, Upload
from diagnosis.review import findings, reporting, signing
from diagnosis.review.models import Report
from diagnosis.review.refusals import CannotReport
from diagnosis.webhooks.models import Delivery, Event, Webhook
from tests.second_factor.test_managing_it import make_passkey

Write = Callable[..., Report]


@pytest.fixture
def signed(write: Write, sign: Write) -> Report:
    return sign(write("override", label="normal", comment="as signed", findings=["lbbb"]))


def fresh(report: Report) -> Report:
    return Report.objects.get(pk=report.pk)


def verify() -> str:
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("verify_reports", stdout=out, stderr=err)
    except CommandError as error:
        return f"{err.getvalue()}{error}"
    return out.getvalue()


def test_what_was_signed_is_found_unchanged_after_a_journey_through_the_database(signed: Report) -> None:
    assert signing.is_intact(fresh(signed))
    assert "All 1 signed" in verify()


@pytest.mark.parametrize(
    "change",
    [
        {"verdict": "unreadable"},
        {"label": "mi"},
        {"comment": "as signed."},
        {"findings": []},
        {"amendment_reason": "none"},
        {"code": "000000000000"},
        {"signed_with": "totp"},
        {"fingerprint": "0" * 64},
        {"version": 3},
    ],
)
def test_a_row_changed_behind_our_back_is_found(signed: Report, change: dict[str, Any]) -> None:
    Report.objects.filter(pk=signed.pk).update(**change)
    assert not signing.is_intact(fresh(signed))
    assert str(signed.pk) in verify()
    assert "1 of 1" in verify()


def test_so_is_another_signer_or_moment(signed: Report, reviewer: User) -> None:
    assert signed.signed_at
    for change in (
        {"signed_by": reviewer},
        {"signed_at": signed.signed_at + timedelta(microseconds=1)},
        {"second_signed_by": reviewer},
        {"author": reviewer},
    ):
        before = Report.objects.filter(pk=signed.pk).values(*change).get()
        Report.objects.filter(pk=signed.pk).update(**change)
        assert not signing.is_intact(fresh(signed)), change
        Report.objects.filter(pk=signed.pk).update(**before)
        assert signing.is_intact(fresh(signed))


def test_so_is_another_page_model_or_answer_under_it(signed: Report) -> None:
    Upload.objects.update(sha256="f" * 64)
    assert not signing.is_intact(fresh(signed))
    Upload.objects.update(sha256=signed.diagnosis.upload.sha256)
    ModelVersion.objects.update(sha256="f" * 64)
    assert not signing.is_intact(fresh(signed))
    assert signed.diagnosis.model_version
    ModelVersion.objects.update(sha256=signed.diagnosis.model_version.sha256)
    Diagnosis.objects.update(label="normal")
    assert not signing.is_intact(fresh(signed))


def test_versions_form_a_chain(signed: Report, sign: Write, clinician: User) -> None:
    second = sign(reporting.amend(report=signed, author=clinician, reason="typo"))
    assert [signing.is_intact(report) for report in Report.objects.all()] == [True, True]
    Report.objects.filter(pk=signed.pk).update(comment="other", fingerprint="1" * 64)
    assert not signing.is_intact(fresh(second))


def test_being_called_amended_breaks_nothing(signed: Report, sign: Write, clinician: User) -> None:
    sign(reporting.amend(report=signed, author=clinician, reason="typo"))
    assert fresh(signed).state == "amended"
    assert "All 2 signed" in verify()


@pytest.fixture
def at_the_keyboard(rf: RequestFactory, clinician: User) -> Any:
    request = rf.post("/")
    request.user = clinician
    request.session = SessionStore()
    return request


def refused(request: Any, **given: str) -> CannotReport:
    with pytest.raises(CannotReport) as error:
        signing.prove(request, **given)
    assert "Nothing was signed" in str(error.value)
    return error.value


def test_the_right_password_is_a_proof_and_forgives_earlier_mistakes(at_the_keyboard: Any, password: str) -> None:
    for _ in range(3):
        for _ in range(4):
            assert refused(at_the_keyboard, password="wrong").code == "wrong_password"
        assert signing.prove(at_the_keyboard, password=password) is Report.Proof.PASSWORD
    assert refused(at_the_keyboard).code == "proof_missing"


def test_wrong_passwords_lock_the_account_also_for_the_right_one(at_the_keyboard: Any, password: str) -> None:
    codes = [refused(at_the_keyboard, password="wrong").code for _ in range(6)]
    assert codes == ["wrong_password"] * 4 + ["locked_out"] * 2
    locked = refused(at_the_keyboard, password=password)
    assert (locked.code, locked.retry_after_s) == ("locked_out", 15 * 60)


def test_who_has_a_second_factor_signs_with_that_and_not_with_the_password(
    at_the_keyboard: Any, clinician: User, password: str
) -> None:
    app = TOTPDevice.objects.create(user=clinician, name="app")
    now = f"{totp(app.bin_key):06d}"
    assert refused(at_the_keyboard, password=password).code == "proof_missing"
    assert signing.prove(at_the_keyboard, code=now) is Report.Proof.TOTP
    assert refused(at_the_keyboard, code=now).code == "wrong_code", "each code signs once"


def test_a_touch_of_the_passkey_signs_once_and_for_nobody_else(
    at_the_keyboard: Any, clinician: User, reviewer: User
) -> None:
    for user in (clinician, reviewer):
        make_passkey(user, user.username)
    passkey_touched(at_the_keyboard)
    at_the_keyboard.user = reviewer
    assert refused(at_the_keyboard).code == "proof_missing"
    at_the_keyboard.user = clinician
    assert signing.prove(at_the_keyboard) is Report.Proof.PASSKEY
    assert refused(at_the_keyboard).code == "proof_missing"


def test_a_signature_sets_off_the_document_the_delivery_and_the_message_and_a_first_of_two_does_not(
    four_eyes: Site, write: Write, sign: Write, reviewer: User
) -> None:
    FhirServer.objects.create(site=four_eyes, base_url="https://fhir.hospital.invalid/r4")
    Webhook.objects.create(site=four_eyes, name="Engine", url="https://engine.hospital.invalid/", events=Event.values)
    once = sign(write())
    told = Delivery.objects.filter(event__startswith="report.")
    assert [rows.count() for rows in (Document.objects, FhirDelivery.objects, told)] == [0, 0, 0]
    twice = sign(once, reviewer)
    assert Document.objects.get().report == twice
    assert (FhirDelivery.objects.get().report, FhirDelivery.objects.get().requested_by) == (twice, reviewer)
    assert told.get().event == "report.signed"


@pytest.mark.parametrize(
    ("person", "may"),
    [("clinician", False), ("reviewer", False), ("site_administrator", False), ("administrator", True)],
)
def test_a_page_with_a_signed_report_is_deleted_by_administrators_alone(
    signed: Report, request: pytest.FixtureRequest, person: str, may: bool
) -> None:
    user, upload = request.getfixturevalue(person), signed.diagnosis.upload
    assert selectors.may_delete(user, upload) is may
    assert selectors.uploads_deletable_by(user).filter(pk=upload.pk).exists() is may
    if may:
        deletion.delete(upload, user)
        assert deletion.erase(upload, user) > 0
        assert not Report.objects.exists()
    else:
        with pytest.raises(PermissionDenied, match="signed"):
            deletion.delete(upload, user)


def test_an_amended_report_keeps_its_page_too_and_a_draft_does_not(
    write: Write, sign: Write, clinician: User, done: Diagnosis
) -> None:
    draft = write()
    assert selectors.may_delete(clinician, done.upload)
    reporting.amend(report=sign(draft), author=clinician, reason="typo")
    assert not selectors.may_delete(clinician, done.upload)


def test_no_signature_is_forgotten_by_four_eyes(four_eyes: Site, write: Write, sign: Write, reviewer: User) -> None:
    twice = sign(sign(write()), reviewer)
    content = signing.signed_content(fresh(twice))
    assert [signature["user"] for signature in content["signatures"]] == [twice.signed_by_id, reviewer.pk]


def test_the_table_of_findings_has_each_code_once_in_a_known_group() -> None:
    codes = [finding.code for finding in findings.FINDINGS]
    assert len(set(codes)) == len(codes)
    assert {finding.group for finding in findings.FINDINGS} == set(findings.GROUPS)
    snomed = [finding.snomed for finding in findings.FINDINGS if finding.snomed]
    assert len(set(snomed)) == len(snomed)
    assert all(_has_check_digit(code) for code in snomed)


def _has_check_digit(identifier: str) -> bool:
    """Every SNOMED CT identifier ends in a Verhoeff check digit: a digit mistyped is found."""
    multiply = [[(a + b) % 5 if a < 5 and b < 5 else 0 for b in range(10)] for a in range(10)]
    for a in range(10):
        for b in range(10):
            if a < 5 <= b:
                multiply[a][b] = (a + b - 5) % 5 + 5
            elif b < 5 <= a:
                multiply[a][b] = (a - b) % 5 + 5
            elif a >= 5 and b >= 5:
                multiply[a][b] = (a - b) % 5
    permute = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4]
    check = 0
    for place, digit in enumerate(reversed(identifier)):
        value = int(digit)
        for _ in range(place % 8):
            value = permute[value]
        check = multiply[check][value]
    return check == 0

"""One document for one version, paper and language: asked for, made, lost, deleted, and who may have it."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client
from django.urls import reverse

from accounts.models import User
from diagnosis import deletion, housekeeping
from diagnosis.after_signing import report_signed
from diagnosis.documents import rendering, requests, tasks
from diagnosis.documents.models import Document
from diagnosis.documents.selectors import documents_administered_by, documents_visible_to
from diagnosis.models import Diagnosis, Upload
from diagnosis.review.models import Report
from tests.documents.conftest import Sign

Made = Callable[..., Document]
State = Document.State

pytestmark = pytest.mark.django_db


def stored() -> set[str]:
    return {path.name for path in Path(django_settings.MEDIA_ROOT).rglob("*.pdf")}


def test_asking_again_gives_the_same_document(done: Diagnosis, sign: Sign, made: Made, clinician: User) -> None:
    sign(done)
    first = made(done, clinician, paper="a4")
    assert requests.request(done, requested_by=clinician, paper="a4") == first
    assert requests.request(done, requested_by=clinician, paper="letter") != first
    assert Document.objects.count() == 2


def test_a_new_version_gets_a_document_of_its_own(done: Diagnosis, sign: Sign, made: Made, clinician: User) -> None:
    sign(done)
    first = made(done, clinician)
    second_report = sign(done, amendment_reason="Better.")
    second = made(done, clinician)
    assert second.report == second_report
    first.refresh_from_db()
    assert first.sha256 != second.sha256
    assert len(stored()) == 2


def test_a_preliminary_document_is_made_anew_only_when_there_is_more_to_say(
    read: Callable[..., Diagnosis], made: Made, clinician: User
) -> None:
    from diagnosis import pipeline
    from tests.documents.conftest import measured

    diagnosis = read(unmeasured=True)
    first = made(diagnosis, clinician)
    assert requests.request(diagnosis, requested_by=clinician) == first
    assert pipeline.add_tracing(diagnosis, measured())
    again = requests.request(Diagnosis.objects.get(pk=diagnosis.pk), requested_by=clinician)
    assert again != first
    assert again.state == State.QUEUED


def test_signing_makes_one_by_itself_on_the_sites_paper(
    done: Diagnosis, sign: Sign, settings: Any, django_capture_on_commit_callbacks: Any
) -> None:
    settings.ISOLINE_PAPER = "letter"
    report = sign(done)
    with django_capture_on_commit_callbacks() as sent:
        report_signed(report)
        report_signed(report)
    document = Document.objects.get()
    assert (document.report, document.paper, document.requested_by) == (report, "letter", report.signed_by)
    assert len(sent) == 1


@pytest.mark.parametrize("state", ["queued", "running", "failed"])
def test_there_is_no_document_before_there_is_a_result(
    take_in: Callable[..., Upload], clinician: User, state: str
) -> None:
    diagnosis = take_in().diagnoses.get()
    Diagnosis.objects.filter(pk=diagnosis.pk).update(state=state)
    diagnosis.refresh_from_db()
    with pytest.raises(requests.CannotMakeDocument) as refused:
        requests.request(diagnosis, requested_by=clinician)
    assert refused.value.code == "not_read"


def test_a_draft_cannot_be_printed_as_a_report(done: Diagnosis, clinician: User) -> None:
    draft = Report.objects.create(diagnosis=done, verdict="agree", label="mi", author=clinician)
    with pytest.raises(requests.CannotMakeDocument) as refused:
        requests.request(done, report=draft, requested_by=clinician)
    assert refused.value.code == "not_signed"


def test_a_report_of_another_reading_is_refused(done: Diagnosis, sign: Sign, clinician: User) -> None:
    other = Diagnosis.objects.create(upload=done.upload, requested_by=clinician, state=Diagnosis.State.DONE, label="mi")
    with pytest.raises(requests.CannotMakeDocument) as refused:
        requests.request(done, report=sign(other), requested_by=clinician)
    assert refused.value.code == "not_signed"


def test_the_task_takes_a_key_and_drops_nonsense(done: Diagnosis, clinician: User) -> None:
    document = requests.request(done, requested_by=clinician)
    tasks.render_document.apply(args=("nonsense",))
    tasks.render_document.apply(args=(str(document.pk),))
    document.refresh_from_db()
    assert document.state == State.DONE


def test_the_same_message_twice_makes_one_file(done: Diagnosis, clinician: User) -> None:
    document = requests.request(done, requested_by=clinician)
    for task_id in ("one", "two"):
        rendering.render(str(document.pk), task_id=task_id)
    assert len(stored()) == 1


def test_a_document_that_never_reached_the_queue_is_swept(
    done: Diagnosis, clinician: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datetime as dt

    document = requests.request(done, requested_by=clinician)
    Document.objects.update(created_at=document.created_at - dt.timedelta(minutes=1))
    sent: list[Any] = []
    monkeypatch.setattr(tasks.render_document, "apply_async", lambda args, **_: sent.append(args))
    housekeeping.sweep()
    assert sent == [(str(document.pk),)]


def test_a_missing_picture_fails_with_a_sentence(done: Diagnosis, clinician: User, settings: Any) -> None:
    settings.ISOLINE_MAX_ATTEMPTS = 1
    done.upload.page.storage.delete(done.upload.page.name or "")
    document = requests.request(done, requested_by=clinician)
    rendering.render(str(document.pk), task_id="a-task")
    document.refresh_from_db()
    assert (document.state, document.reason) == (State.FAILED, "page_missing")
    assert "missing" in document.message
    assert not stored()
    assert requests.request(done, requested_by=clinician) != document


def test_a_page_deleted_meanwhile_leaves_no_file(done: Diagnosis, clinician: User) -> None:
    document = requests.request(done, requested_by=clinician)
    deletion.delete(done.upload, clinician)
    rendering.render(str(document.pk), task_id="a-task")
    document.refresh_from_db()
    assert (document.state, document.reason) == (State.FAILED, "upload_deleted")
    assert not stored()


def test_erasing_a_page_takes_its_documents_along(
    done: Diagnosis, made: Made, clinician: User, administrator: User
) -> None:
    made(done, clinician)
    assert stored()
    deletion.delete(done.upload, clinician)
    deletion.erase(done.upload, administrator)
    assert not stored()
    assert not Document.objects.exists()


def test_documents_are_seen_by_those_who_see_the_reading(
    done: Diagnosis, made: Made, clinician: User, other_clinician: User, reviewer: User, administrator: User
) -> None:
    document = made(done, clinician)
    seen = {user.username: documents_visible_to(user).filter(pk=document.pk).exists()
            for user in (clinician, reviewer, administrator, other_clinician)}  # fmt: skip
    assert seen == {"carla": True, "rosa": True, "ada": True, "otto": False}
    assert list(documents_administered_by(administrator)) == [document]
    assert not documents_administered_by(reviewer).exists()


def test_the_button_leads_to_the_waiting_page_and_later_to_the_file(
    done: Diagnosis, made: Made, browser: Client, clinician: User
) -> None:
    address = reverse("documents:request", args=[done.pk])
    answer = browser.post(address, {"paper": "letter"})
    document = Document.objects.get()
    assert answer.headers["Location"] == reverse("documents:document", args=[document.pk])
    waiting: Any = browser.get(answer.headers["Location"])
    assert b"is being made" in waiting.body
    status = reverse("documents:document_status", args=[document.pk])
    assert b"is being made" not in browser.get(status, {"seen": "queued"}).content
    rendering.render(str(document.pk), task_id="a-task")
    ready = browser.get(status, {"seen": "queued"})
    assert b"is ready" in ready.content
    assert b"hx-get" not in ready.content
    answer = browser.post(address, {"paper": "letter"})
    assert answer.headers["Location"] == reverse("documents:pdf", args=[document.pk])
    file: Any = browser.get(answer.headers["Location"])
    assert file.body.startswith(b"%PDF-")
    assert file.headers["Content-Type"] == "application/pdf"
    assert "sandbox" not in file.headers["Content-Security-Policy"]
    assert "synthetic-report-preliminary-letter-research-use-only.pdf" in file.headers["Content-Disposition"]
    again = browser.get(answer.headers["Location"], headers={"If-None-Match": file.headers["ETag"]})
    assert again.status_code == 304


def test_a_wrong_paper_is_refused_with_a_sentence(done: Diagnosis, browser: Client) -> None:
    answer = browser.post(reverse("documents:request", args=[done.pk]), {"paper": "a0"}, follow=True)
    assert b"Choose A4 or Letter" in answer.content
    assert not Document.objects.exists()


def test_who_opened_or_saved_a_report_is_noted(done: Diagnosis, made: Made, clinician: User, browser: Client) -> None:
    from accounts.audit.models import Entry

    address = reverse("documents:pdf", args=[made(done, clinician).pk])
    for query in ({}, {"download": ""}):
        browser.get(address, query)
    noted = Entry.objects.filter(action="page.downloaded", target_id=str(done.upload_id))
    assert [entry.details for entry in noted] == [{"file": "pdf_report"}] * 2


def test_who_asked_for_a_document_is_noted_once(done: Diagnosis, clinician: User, reviewer: User) -> None:
    from accounts.audit.models import Entry

    document = requests.request(done, requested_by=clinician)
    requests.request(done, requested_by=reviewer)
    entry = Entry.objects.get(action="document.requested")
    assert (entry.actor, entry.target_id) == (clinician, str(document.pk))
    assert entry.details == {"diagnosis": str(done.pk), "report": None}


@pytest.mark.parametrize("name", ["document", "document_status", "pdf"])
def test_others_find_nothing(
    done: Diagnosis, made: Made, clinician: User, other_clinician: User, signed_in: Callable[[User], Client], name: str
) -> None:
    address = reverse(f"documents:{name}", args=[made(done, clinician).pk])
    assert signed_in(clinician).get(address).status_code == 200
    assert signed_in(other_clinician).get(address).status_code == 404
    assert signed_in(clinician).get(reverse(f"documents:{name}", args=[uuid.uuid4()])).status_code == 404


def test_others_cannot_ask_for_one(
    done: Diagnosis, other_clinician: User, signed_in: Callable[[User], Client], nobody: Client
) -> None:
    address = reverse("documents:request", args=[done.pk])
    assert signed_in(other_clinician).post(address, {"paper": "a4"}).status_code == 404
    assert nobody.post(address, {"paper": "a4"}).status_code == 302
    assert not Document.objects.exists()


def test_the_result_page_offers_the_export_only_when_there_is_something(
    done: Diagnosis, take_in: Callable[..., Upload], browser: Client
) -> None:
    from tests.views.pictures import picture

    offered: Any = browser.get(done.get_absolute_url())
    assert reverse("documents:request", args=[done.pk]) in offered.content.decode()
    assert reverse("fhir:download", args=[done.pk]) in offered.content.decode()
    waiting = take_in(picture(5)).diagnoses.get()
    assert (
        reverse("documents:request", args=[waiting.pk]) not in browser.get(waiting.get_absolute_url()).content.decode()
    )


def test_an_administrator_makes_a_failed_one_again(
    done: Diagnosis, clinician: User, administrator: User, signed_in: Callable[[User], Client]
) -> None:
    document = requests.request(done, requested_by=clinician)
    Document.objects.update(state=State.FAILED, reason="internal_error")
    client = signed_in(administrator)
    assert client.get(reverse("admin:documents_document_change", args=[document.pk])).status_code == 200
    chosen = {"action": "send_again", "_selected_action": [str(document.pk)]}
    assert client.post(reverse("admin:documents_document_changelist"), chosen).status_code == 302
    assert Document.objects.filter(state=State.QUEUED, requested_by=administrator).count() == 1

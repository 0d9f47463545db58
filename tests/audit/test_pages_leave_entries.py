"""What happens to a patient's page, and who looked at it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse

from accounts.audit import log
from accounts.audit.models import Entry
from accounts.models import Site, User
from accounts.scopes import ALL
from accounts.tokens import make_token
from diagnosis import deletion, explanations, intake, pipeline, tracing_files
from diagnosis.models import Diagnosis, ModelVersion, Upload
from tests.api.test_tracings import LEADS
from tests.views.conftest import ReadingClient
from tests.views.pictures import picture


def entries(since: int = 0) -> list[tuple[str, str]]:
    """Action and target of the entries after a position, oldest first."""
    return list(Entry.objects.filter(pk__gt=since).order_by("pk").values_list("action", "target_id"))


def now() -> int:
    last = Entry.objects.first()
    return last.pk if last else 0


def url(name: str, *keys: object) -> str:
    return reverse(f"diagnosis:{name}", args=keys)


@pytest.fixture
def program(clinician: User) -> Client:
    """A program with a token of the clinician's."""
    _, token = make_token(user=clinician, name="test", wanted=ALL, days=1, made_by=clinician)
    return ReadingClient(headers={"Authorization": f"Token {token}"})


@pytest.fixture
def done(take_in: Callable[..., Upload], read: Callable[..., Diagnosis]) -> Diagnosis:
    values = {"layout": "4x2.5", "px_per_mm": 3.3, "scale_source": "grid", "rotation_deg": 0.0, "quality": 0.9}
    drawn = tracing_files.Drawn(values | {"poor_leads": [], "measurements": {}, "sentences": []}, LEADS, "<svg/>")
    return read(take_in(1), tracing=drawn)


# --- Looking -------------------------------------------------------------------------------------


def test_opening_a_result_page_is_one_entry_and_its_polls_and_pictures_none(
    browser: Client, clinician: User, done: Diagnosis, site: Site
):
    since = now()

    browser.get(done.get_absolute_url())
    for name in ("result_status", "tracing", "explain"):
        browser.get(url(name, done.pk), headers={"HX-Request": "true"})
    for name in ("page_image", "screen_image", "thumbnail"):
        assert browser.get(url(name, done.upload_id)).status_code == 200
    assert browser.get(url("tile", done.upload_id, 0, 0)).status_code == 200
    for name in ("heat_layer", "overlay"):
        assert browser.get(url(name, done.heatmaps.get().pk)).status_code == 200

    assert entries(since) == [("page.viewed", str(done.pk))]
    entry = Entry.objects.first()
    assert (entry.actor, entry.site, entry.target_type) == (clinician, site, "diagnosis.diagnosis")
    assert entry.details == {"upload": str(done.upload_id), "by": "browser"}


def test_a_page_that_somebody_may_not_see_is_not_noted_as_seen(signed_in: Any, other_clinician: User, done: Diagnosis):
    stranger = signed_in(other_clinician)
    since = now()

    assert stranger.get(done.get_absolute_url()).status_code == 404
    assert stranger.get(url("original", done.upload_id)).status_code == 404

    assert entries(since) == []


def test_a_program_that_fetches_a_page_in_parts_is_noted_for_each(program: Client, done: Diagnosis):
    since = now()

    assert program.get(url("screen_image", done.upload_id)).status_code == 200
    assert program.get(url("tile", done.upload_id, 0, 0)).status_code == 200

    assert entries(since) == [("page.fetched", str(done.upload_id))] * 2


def test_only_what_is_saved_counts_as_a_download(browser: Client, done: Diagnosis):
    since = now()

    browser.get(url("page_image", done.upload_id) + "?download")
    browser.get(url("overlay", done.heatmaps.get().pk) + "?download=1")
    browser.get(url("original", done.upload_id))
    browser.get(reverse("api:diagnosis-leads", args=[done.pk]), {"kind": "csv"})
    browser.get(reverse("api:diagnosis-leads", args=[done.pk]))

    assert entries(since) == [("page.downloaded", str(done.upload_id))] * 4
    files = Entry.objects.filter(pk__gt=since).order_by("pk")
    assert [entry.details["file"] for entry in files] == ["page", "overlay", "original", "leads_csv"]


def test_whatever_a_program_fetches_of_a_page_is_noted(program: Client, clinician: User, done: Diagnosis):
    since = now()

    program.get(url("page_image", done.upload_id))
    program.get(reverse("api:diagnosis-leads", args=[done.pk]))
    program.get(reverse("api:diagnosis-detail", args=[done.pk]))

    assert entries(since) == [
        *[("page.fetched", str(done.upload_id))] * 2,
        ("page.viewed", str(done.pk)),
    ]
    assert {entry.actor for entry in Entry.objects.filter(pk__gt=since)} == {clinician}
    assert Entry.objects.first().details["by"] == "api"


def test_a_program_that_waits_for_a_reading_leaves_no_entry_for_every_question(
    program: Client, take_in: Callable[..., Upload]
):
    waiting = take_in(1).diagnoses.get()
    since = now()

    for _ in range(3):
        assert program.get(reverse("api:diagnosis-detail", args=[waiting.pk])).status_code == 200

    assert entries(since) == []


def test_a_page_opened_in_the_administration_is_noted(signed_in: Any, administrator: User, done: Diagnosis):
    pages = signed_in(administrator)
    since = now()

    pages.get(reverse("admin:diagnosis_diagnosis_change", args=[done.pk]))
    pages.get(reverse("admin:diagnosis_upload_change", args=[done.upload_id]))
    pages.get(reverse("admin:diagnosis_modelversion_change", args=[done.model_version_id]))

    assert entries(since) == [("page.viewed", str(done.pk)), ("page.viewed", str(done.upload_id))]


# --- Searching -----------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["/diagnoses/", "/api/v1/diagnoses/"])
def test_of_a_search_the_filters_are_kept_and_never_the_words(browser: Client, address: str):
    since = now()

    browser.get(address, {"q": "Erika", "search": "Erika", "label": "mi", "since": "2026-01-31"})

    entry = Entry.objects.get(pk__gt=since)
    assert entry.action == "history.searched"
    assert entry.details["filters"] == {"label": "mi", "since": "2026-01-31"}
    assert len(entry.details["other_filters"]) == 1
    assert "Erika" not in str(vars(entry))


@pytest.mark.parametrize("address", ["/diagnoses/", "/diagnoses/?page=2", "/api/v1/diagnoses/"])
def test_the_history_as_it_is_was_not_searched(browser: Client, address: str):
    since = now()

    assert browser.get(address).status_code == 200

    assert entries(since) == []


# --- Changing ------------------------------------------------------------------------------------


def test_an_upload_and_the_same_again(clinician: User, site: Site):
    for _ in range(2):
        taken = intake.accept(data=picture(1), original_name="Erika.png", user=clinician, site=site)

    key = str(taken.uploads[0].pk)
    assert entries() == [("page.uploaded", key), ("page.uploaded_again", key)]
    assert {(entry.actor, entry.site) for entry in Entry.objects.all()} == {(clinician, site)}


@pytest.mark.django_db(transaction=True)
def test_a_page_and_its_entry_stand_or_fall_together(clinician: User, site: Site, monkeypatch: pytest.MonkeyPatch):
    def broken(*args: Any) -> str:
        raise RuntimeError

    monkeypatch.setattr(log, "hash_of", broken)

    with pytest.raises(RuntimeError):
        intake.accept(data=picture(1), original_name="page.png", user=clinician, site=site)

    assert not Upload.objects.exists()
    assert not Entry.objects.exists()


def test_a_page_deleted_restored_and_erased(
    administrator: User, take_in: Callable[..., Upload], monkeypatch: pytest.MonkeyPatch
):
    upload = take_in(1)
    key = str(upload.pk)
    since = now()

    deletion.delete(upload, administrator)
    deletion.restore(upload, administrator)
    deletion.restore(upload, administrator)
    deletion.delete(upload, administrator)
    deletion.erase(upload, administrator)

    assert entries(since) == [
        *[("page.deleted", key), ("page.restored", key), ("page.deleted", key), ("page.erased", key)],
    ]
    assert Entry.objects.first().site == upload.site


def test_a_page_that_a_retention_rule_takes_away_has_nobodys_name(take_in: Callable[..., Upload]):
    upload = take_in(1)
    key = str(upload.pk)
    since = now()

    assert deletion.hide(upload)
    assert not deletion.hide(upload)
    deletion.remove(upload)

    assert entries(since) == [("page.deleted", key), ("page.erased", key)]
    gone = Entry.objects.filter(pk__gt=since)
    assert {(entry.actor, entry.site, entry.details["by"]) for entry in gone} == {
        (None, upload.site, "retention_rule"),
    }


def test_a_page_that_may_not_be_deleted_leaves_no_entry(colleague: User, take_in: Callable[..., Upload]):
    upload = take_in(1)
    since = now()

    with pytest.raises(deletion.PermissionDenied):
        deletion.delete(upload, colleague)

    assert entries(since) == []


def test_a_page_read_again_and_explained(browser: Client, clinician: User, done: Diagnosis, model: ModelVersion):
    since = now()

    browser.post(url("read_again", done.pk))
    again = Diagnosis.objects.exclude(pk=done.pk).get()
    for _ in range(2):
        explanation, _is_new = explanations.request(done, method="lime", label="mi", requested_by=clinician)

    assert entries(since) == [("reading.requested", str(again.pk)), ("explanation.requested", str(explanation.pk))]
    assert Entry.objects.first().details == {"diagnosis": str(done.pk), "method": "lime", "label": "mi"}


def test_an_action_of_the_administration_is_noted_with_each_page(
    signed_in: Any, administrator: User, take_in: Callable[..., Upload]
):
    pages, uploads = signed_in(administrator), [take_in(seed) for seed in (1, 2)]
    since = now()

    pages.post(
        reverse("admin:diagnosis_upload_changelist"),
        {"action": "delete_pages", "_selected_action": [upload.pk for upload in uploads], "confirmed": "yes"},
    )

    assert sorted(entries(since)) == sorted(("page.deleted", str(upload.pk)) for upload in uploads)
    assert {entry.actor for entry in Entry.objects.filter(pk__gt=since)} == {administrator}


def test_nothing_about_the_patient_and_no_name_of_a_file_is_in_the_log(
    browser: Client, administrator: User, take_in: Callable[..., Upload], read: Callable[..., Diagnosis], signed_in: Any
):
    secrets = {"patient_reference": "MRN-4711", "note": "fell off a horse", "original_name": "Erika Mustermann.png"}
    upload = take_in(1, **secrets)
    diagnosis = read(upload)

    browser.get(diagnosis.get_absolute_url())
    browser.get("/diagnoses/", {"q": "MRN-4711 horse"})
    browser.get(url("original", upload.pk))
    browser.get(url("overlay", diagnosis.heatmaps.get().pk) + "?download")
    take_in(1, **secrets)
    pipeline.requeue(diagnosis, requested_by=administrator)
    signed_in(administrator).get(reverse("admin:diagnosis_upload_change", args=[upload.pk]), {"q": "Mustermann"})
    deletion.delete(upload, administrator)
    with transaction.atomic():
        deletion.restore(upload, administrator)

    written = json.dumps(list(Entry.objects.values()), default=str)
    assert Entry.objects.count() >= 9
    assert not [secret for secret in (*secrets.values(), "Erika", "horse") if secret in written]

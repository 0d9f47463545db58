"""The worklist's and the batches' pages."""

from __future__ import annotations

import csv
import io
import re
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from accounts.models import Site, User
from diagnosis import intake
from diagnosis.models import Diagnosis, Upload
from diagnosis.worklist import assigning, batches
from diagnosis.worklist.models import Assignment, Batch
from tests.views.pictures import picture
from tests.worklist.conftest import zipped

LIST = "/worklist/"
SCRIPT = {"X-Requested-With": "XMLHttpRequest"}

# Who asks, in the order of the columns.
ASKERS = ("clinician", "colleague", "reviewer", "api_client_user", "administrator", "other_clinician", "nobody")
TABLE: dict[str, tuple[str, tuple[int, ...]]] = {
    "worklist": ("get", (200, 200, 200, 200, 200, 200, 302)),
    "counts": ("get", (200, 200, 200, 200, 200, 200, 302)),
    "assign": ("post", (302, 302, 302, 302, 302, 302, 302)),
    "try_again": ("post", (302, 302, 302, 302, 302, 302, 302)),
    "batches": ("get", (200, 200, 200, 200, 200, 200, 302)),
    "batch": ("get", (200, 200, 200, 200, 200, 404, 302)),
    "batch_progress": ("get", (200, 200, 200, 200, 200, 404, 302)),
    "batch_row": ("get", (200, 200, 200, 200, 200, 404, 302)),
    "batch_outcome": ("get", (200, 200, 200, 200, 200, 404, 302)),
    "batch_retry": ("post", (302, 302, 302, 302, 302, 404, 302)),
}


def test_each_address_answers_each_asker_as_the_table_says(
    send_archive: Callable[..., Batch],
    signed_in: Callable[[User], Client],
    nobody: Client,
    request: pytest.FixtureRequest,
) -> None:
    from diagnosis.worklist.urls import urlpatterns

    assert {pattern.name for pattern in urlpatterns} == set(TABLE)
    batch = send_archive()
    for asker in ASKERS:
        client = nobody if asker == "nobody" else signed_in(request.getfixturevalue(asker))
        for name, (method, statuses) in TABLE.items():
            kwargs = {"pk": batch.pk} if name.startswith("batch_") or name == "batch" else {}
            response = getattr(client, method)(reverse(f"diagnosis:worklist:{name}", kwargs=kwargs))
            assert response.status_code == statuses[ASKERS.index(asker)], (asker, name)


def rows_of(response: Any) -> list[str]:
    return re.findall(r'data-diagnosis="([^"]+)"', response.content.decode())


def test_a_list_shows_its_pages_with_all_there_is_to_know(
    stages: dict[str, Diagnosis], signed_in: Callable[[User], Client], reviewer: User, clinician: User
) -> None:
    Upload.objects.filter(pk=stages["drafted"].upload_id).update(patient_reference="P-1")
    assigning.assign([stages["read"].upload_id], reviewer=clinician, by=reviewer)
    response = signed_in(reviewer).get(LIST)
    text = response.content.decode()
    assert rows_of(response) == [str(stages[name].pk) for name in ("read", "drafted")]
    for words in ("Waiting for review", "P-1", "Draft", "carla", "North Hospital", "Myocardial infarction", "72"):
        assert words in text
    assert f"{stages['read'].get_absolute_url()}?list=waiting" in text


def test_a_list_costs_few_queries(
    stages: dict[str, Diagnosis],
    signed_in: Callable[[User], Client],
    reviewer: User,
    django_assert_max_num_queries: Any,
) -> None:
    client = signed_in(reviewer)
    client.get(LIST)
    with django_assert_max_num_queries(13):
        client.get(LIST)
    with django_assert_max_num_queries(5):
        client.get("/worklist/counts/")


@pytest.mark.parametrize("query", ["?list=nonsense", "?sort=nonsense", "?page=x&site=99999", "?list=signed&q=%00"])
def test_an_address_that_makes_no_sense_shows_a_list_all_the_same(query: str, browser: Client) -> None:
    assert browser.get(f"{LIST}{query}").status_code == 200


def test_the_result_page_leads_on_through_the_list_one_came_from(stages: dict[str, Diagnosis], browser: Client) -> None:
    page = browser.get(f"{stages['read'].get_absolute_url()}?list=waiting").content.decode()
    assert f'rel="next" href="{stages["drafted"].get_absolute_url()}?list=waiting"' in page
    assert 'href="/worklist/?list=waiting">Waiting for review' in page
    history = browser.get(stages["read"].get_absolute_url()).content.decode()
    assert "list=waiting" not in history


def test_every_page_says_how_many_wait_for_me(
    stages: dict[str, Diagnosis], clinician: User, reviewer: User, signed_in: Callable[[User], Client]
) -> None:
    everything = [diagnosis.upload_id for diagnosis in stages.values()]
    home = reverse("diagnosis:history")
    assert "nav-count" not in signed_in(reviewer).get(home).text
    assigning.assign(everything[:1], reviewer=reviewer, by=reviewer)
    assert '<span class="visually-hidden">1 of them yours</span>' in signed_in(reviewer).get(home).text


def test_ticked_pages_are_assigned_taken_and_released(
    stages: dict[str, Diagnosis],
    signed_in: Callable[[User], Client],
    reviewer: User,
    clinician: User,
    other_clinician: User,
) -> None:
    client = signed_in(reviewer)
    ticked = [str(stages["read"].upload_id), str(stages["drafted"].upload_id)]
    back = f"{LIST}?list=waiting&page=1"

    said = client.post(
        "/worklist/assign/", {"upload": ticked, "what": "assign", "reviewer": clinician.pk, "back": back}
    )
    assert said.url == back
    assert set(Assignment.objects.values_list("reviewer", flat=True)) == {clinician.pk}
    assert "Assigned 2 pages to carla." in client.get(back).content.decode()

    client.post("/worklist/assign/", {"upload": ticked, "what": "release"})
    assert not Assignment.objects.exists()
    client.post("/worklist/assign/", {"upload": ticked[:1], "what": "take"})
    assert Assignment.objects.get().reviewer == reviewer

    # Neither a stranger's pages nor a stranger.
    signed_in(other_clinician).post("/worklist/assign/", {"upload": ticked, "what": "take"})
    client.post("/worklist/assign/", {"upload": ticked, "what": "assign", "reviewer": other_clinician.pk})
    assert not Assignment.objects.filter(reviewer=other_clinician).exists()


def test_the_way_back_leads_to_no_other_site(browser: Client) -> None:
    for back in ("https://evil.invalid/worklist/", "//evil.invalid/worklist/", "/admin/", "javascript:alert(1)"):
        assert browser.post("/worklist/assign/", {"back": back}).url == LIST


def test_failed_pages_are_tried_again_one_at_once_and_several_after_a_question(
    take_in: Any, fail: Any, browser: Client, signed_in: Callable[[User], Client], other_clinician: User
) -> None:
    failed = [fail(take_in(seed)) for seed in (1, 2, 3)]
    keys = [str(diagnosis.pk) for diagnosis in failed]

    browser.post("/worklist/again/", {"only": keys[0], "again": keys})
    assert Diagnosis.objects.filter(state="queued").count() == 1

    question = browser.post("/worklist/again/", {"again": keys}).content.decode()
    assert "Have 2 pages read again?" in question
    assert "The failed readings stay in the history" in question
    assert Diagnosis.objects.filter(state="queued").count() == 1

    signed_in(other_clinician).post("/worklist/again/", {"again": keys, "sure": "yes"})
    assert Diagnosis.objects.filter(state="queued").count() == 1
    browser.post("/worklist/again/", {"again": keys, "sure": "yes"})
    assert Diagnosis.objects.filter(state="queued").count() == 3
    # Whoever asks again finds nothing that failed.
    browser.post("/worklist/again/", {"again": keys, "sure": "yes"})
    assert Diagnosis.objects.filter(state="queued").count() == 3


# --- Batches ---------------------------------------------------------------------------------------


def work(batch: Batch) -> None:
    batches.take_in(str(batch.pk), task_id=uuid.uuid4().hex)


def test_an_archive_sent_by_the_form_leads_to_its_page(browser: Client, site: Site) -> None:
    archive = zipped({"a.png": picture(1), "b.txt": b"words"}, "scans.zip")
    response = browser.post("/batches/", {"file": archive, "site": site.pk, "patient_reference": "P-1"})
    batch = Batch.objects.get()
    assert response.url == batch.get_absolute_url()
    assert (batch.name, batch.patient_reference, batch.files.count()) == ("scans.zip", "P-1", 2)
    waiting = browser.get(batch.get_absolute_url()).content.decode()
    assert "0 of 2 files done" in waiting
    assert "hx-get" in waiting

    work(batch)
    progress = browser.get(f"/batches/{batch.pk}/progress/").content.decode()
    assert progress.count('hx-swap-oob="true"') == 3
    assert "This is not a JPEG, PNG" in progress
    assert "1 page is still to be read" in progress
    listed = browser.get("/batches/").content.decode()
    assert "scans.zip" in listed


def test_an_archive_larger_than_a_single_file_may_be_comes_in_whole(browser: Client, site: Site, settings: Any) -> None:
    big = zipped({"a.png": picture(1), "big.bin": b""}, "big.zip")
    archive = SimpleUploadedFile("big.zip", b"\0" * 26 * 2**20 + big.read())
    browser.post("/batches/", {"file": archive, "site": site.pk})
    assert Batch.objects.get().archive.size == archive.size

    settings.ISOLINE_ARCHIVE_MAX_MB = 1
    archive.seek(0)
    refused = browser.post("/batches/", {"file": archive, "site": site.pk})
    assert refused.status_code == 422
    assert "larger than" in refused.content.decode()


def test_a_script_gets_a_row_that_follows_the_batch(browser: Client, site: Site) -> None:
    response = browser.post("/batches/", {"file": zipped({"a.png": picture(1)}), "site": site.pk}, headers=SCRIPT)
    assert response.status_code == 201
    assert f"/batches/{Batch.objects.get().pk}/row/" in response.content.decode()
    work(Batch.objects.get())
    row = browser.get(f"/batches/{Batch.objects.get().pk}/row/").content.decode()
    assert "1 of 1 files done" in row
    assert "hx-get" not in row


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        (SimpleUploadedFile("a.zip", b"words"), "damaged or cut short"),
        (SimpleUploadedFile("a.png", picture(1)), "This is not a ZIP archive"),
        (None, "Choose a ZIP archive"),
    ],
)
def test_what_is_no_archive_is_refused_in_words(file: Any, sentence: str, browser: Client, site: Site) -> None:
    for headers in ({}, SCRIPT):
        if file:
            file.seek(0)
        fields = {"site": site.pk} | ({"file": file} if file else {})
        response = browser.post("/batches/", fields, headers=headers)
        assert response.status_code == 422
        assert sentence in response.content.decode()
    assert not Batch.objects.exists()


def test_sending_asks_for_the_token_that_forms_carry(clinician: User, site: Site) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(clinician)
    response = client.post("/batches/", {"file": zipped({"a.png": picture(1)}), "site": site.pk})
    assert response.status_code == 403
    assert not Batch.objects.exists()


def test_the_outcome_can_be_taken_into_a_spreadsheet_and_runs_nothing_there(
    browser: Client, site: Site, clinician: User
) -> None:
    members = {"=cmd|' /C calc'!A0.txt": b"words", "a.png": picture(1)}
    batch = batches.begin(files=[zipped(members)], user=clinician, site=site)
    work(batch)
    text = browser.get(f"/batches/{batch.pk}/outcome.csv").content.decode("utf-8-sig")
    head, bad, good = csv.reader(io.StringIO(text))
    assert head == ["File", "Outcome", "Reason", "Result page"]
    assert bad[0].startswith("'=cmd")
    assert bad[1] == "Not accepted"
    assert good == ["a.png", "Stored", "", f"http://testserver{Diagnosis.objects.get().get_absolute_url()}"]


def test_failed_files_are_tried_again_from_the_page(
    browser: Client, send_archive: Callable[..., Batch], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(**fields: Any) -> Any:
        raise OSError

    batch = send_archive()
    with monkeypatch.context() as patch:
        patch.setattr(intake, "accept", broken)
        work(batch)
    assert "Try the failed again" in browser.get(batch.get_absolute_url()).content.decode()
    browser.post(f"/batches/{batch.pk}/retry/")
    work(batch)
    assert Upload.objects.count() == 3
    page = browser.get(batch.get_absolute_url()).content.decode()
    assert "Try the failed again" not in page


def test_the_admin_shows_batches_and_assignments(
    signed_in: Callable[[User], Client], administrator: User, send_archive: Callable[..., Batch], clinician: User
) -> None:
    batch = send_archive()
    work(batch)
    assigning.assign([Upload.objects.all()[0].pk], reviewer=clinician, by=clinician)
    client = signed_in(administrator)
    assert "pages.zip" in client.get("/admin/worklist/batch/").content.decode()
    assert client.get(f"/admin/worklist/batch/{batch.pk}/change/").status_code == 200
    assert "carla" in client.get("/admin/worklist/assignment/").content.decode()

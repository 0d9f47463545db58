"""What a guarded picture comes with, and what a browser or machine may do with it."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import ApiToken, User
from accounts.tokens import make_token, open_token
from diagnosis.models import Diagnosis, Upload
from tests.views.pictures import picture


def url(name: str, pk: object) -> str:
    return reverse(f"diagnosis:{name}", kwargs={"pk": pk})


@pytest.fixture
def upload(take_in: Callable[..., Upload]) -> Upload:
    return take_in(7, original_name="Übersicht “7”.png")


@pytest.fixture
def done(upload: Upload, read: Callable[..., Diagnosis]) -> Diagnosis:
    return read(upload)


def test_the_original_comes_back_byte_for_byte_under_its_own_name(browser: Client, upload: Upload) -> None:
    response: Any = browser.get(url("original", upload.pk))
    assert response.body == picture(7)
    assert response.headers["Content-Type"] == "image/png"
    assert response.headers["Content-Disposition"].startswith("attachment")
    assert "filename*=utf-8''%C3%9Cbersicht" in response.headers["Content-Disposition"]


def test_pictures_cannot_run_be_sniffed_or_be_shown_after_log_out(browser: Client, upload: Upload) -> None:
    headers = browser.get(url("page_image", upload.pk)).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "private, no-cache"
    assert {"Cookie", "Authorization"} <= {name.strip() for name in headers["Vary"].split(",")}


def test_a_picture_that_the_browser_has_already_is_not_sent_again(browser: Client, upload: Upload) -> None:
    first: Any = browser.get(url("page_image", upload.pk))
    again: Any = browser.get(url("page_image", upload.pk), headers={"If-None-Match": first.headers["ETag"]})
    assert first.body
    assert (again.status_code, again.body) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]


def test_a_known_picture_is_still_refused_to_those_who_may_not_see_it(
    browser: Client, nobody: Client, upload: Upload, signed_in: Callable[[User], Client], other_clinician: User
) -> None:
    tag = {"If-None-Match": browser.get(url("page_image", upload.pk)).headers["ETag"]}
    assert signed_in(other_clinician).get(url("page_image", upload.pk), headers=tag).status_code == 404
    assert nobody.get(url("page_image", upload.pk), headers=tag).status_code == 401


def test_heat_layer_and_overlay_have_different_tags(browser: Client, done: Diagnosis) -> None:
    key = done.heatmaps.get().pk
    layer, overlay = browser.get(url("heat_layer", key)), browser.get(url("overlay", key))
    assert layer.headers["Content-Type"] == "image/png"
    assert overlay.headers["Content-Type"] == "image/jpeg"
    assert layer.headers["ETag"] != overlay.headers["ETag"]


def test_a_saved_overlay_says_in_its_name_what_it_is_for(browser: Client, done: Diagnosis) -> None:
    shown = browser.get(url("overlay", done.heatmaps.get().pk))
    saved = browser.get(url("overlay", done.heatmaps.get().pk), {"download": ""})
    assert shown.headers["Content-Disposition"].startswith("inline")
    assert saved.headers["Content-Disposition"].startswith("attachment")
    assert "research-use-only.jpg" in saved.headers["Content-Disposition"]


def test_an_api_token_opens_what_its_owner_may_see(
    nobody: Client, done: Diagnosis, clinician: User, other_clinician: User
) -> None:
    token, _ = open_token(clinician)
    foreign, _ = open_token(other_clinician)
    path = url("heat_layer", done.heatmaps.get().pk)
    assert nobody.get(path, headers={"Authorization": f"Token {token}"}).status_code == 200
    assert nobody.get(path, headers={"Authorization": f"Token {foreign}"}).status_code == 404


@pytest.mark.parametrize("header", ["Token nonsense", "Token", "Token two words", "Token \xff\xfe"])
def test_a_token_that_is_none_is_answered_401(nobody: Client, upload: Upload, header: str) -> None:
    response = nobody.get(url("page_image", upload.pk), headers={"Authorization": header})
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Token"
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json()["code"] == "not_authenticated"


def test_a_machine_is_told_of_a_missing_picture_as_a_problem_and_a_person_on_a_page(
    browser: Client, nobody: Client, clinician: User
) -> None:
    path = url("page_image", uuid.uuid4())
    token, _ = open_token(clinician)
    machine: Any = nobody.get(path, headers={"Authorization": f"Token {token}"})
    assert (machine.status_code, machine.headers["Content-Type"]) == (404, "application/problem+json")
    assert machine.json()["code"] == "not_found"
    person = browser.get(path, headers={"Accept": "text/html"})
    assert (person.status_code, person.headers["Content-Type"].partition(";")[0]) == (404, "text/html")


def test_an_expired_token_is_answered_401(nobody: Client, upload: Upload, clinician: User) -> None:
    _, token = ApiToken.objects.create(clinician, expiry=timedelta(seconds=-1), scopes=["pages:read"])
    response = nobody.get(url("page_image", upload.pk), headers={"Authorization": f"Token {token}"})
    assert response.status_code == 401


def test_a_person_who_follows_a_link_is_taken_to_the_log_in_and_back(nobody: Client, upload: Upload) -> None:
    path = url("original", upload.pk)
    response: Any = nobody.get(path, headers={"Accept": "text/html,*/*"})
    assert response.status_code == 302
    assert response.url == f"{reverse('accounts:login')}?next={path}"


def test_a_file_that_storage_has_lost_is_a_404_and_a_line_in_the_log(
    browser: Client, upload: Upload, caplog: pytest.LogCaptureFixture
) -> None:
    Path(upload.page.path).unlink()
    assert browser.get(url("page_image", upload.pk)).status_code == 404
    assert "missing" in caplog.text


def test_a_token_without_the_scope_opens_no_picture_and_is_told_so(
    nobody: Client, done: Diagnosis, clinician: User
) -> None:
    _, token = make_token(user=clinician, name="x", wanted=["diagnoses:read"], days=1, made_by=clinician)
    answer = nobody.get(url("page_image", done.upload_id), headers={"Authorization": f"Token {token}"})
    assert answer["Content-Type"] == "application/problem+json"
    assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope")


def test_a_picture_can_only_be_fetched(browser: Client, done: Diagnosis) -> None:
    answer = browser.post(url("page_image", done.upload_id))
    assert answer["Content-Type"] == "application/problem+json"
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert "GET" in answer["Allow"]


def test_a_token_s_picture_that_has_not_changed_is_not_sent_again(
    nobody: Client, done: Diagnosis, clinician: User
) -> None:
    token, _ = open_token(clinician)
    headers = {"Authorization": f"Token {token}"}
    first = nobody.get(url("page_image", done.upload_id), headers=headers)
    again = nobody.get(url("page_image", done.upload_id), headers=headers | {"If-None-Match": first["ETag"]})
    assert (first.status_code, again.status_code, again.body) == (200, 304, b"")

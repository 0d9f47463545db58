"""Errors that any address may answer with, the schema and its page."""

from __future__ import annotations

import io
import logging
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import User
from diagnosis import selectors


def problem_of(answer: Any) -> tuple[int, str]:
    assert answer["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert set(body) >= {"type", "title", "status", "code", "detail"}
    assert body["status"] == answer.status_code
    assert body["detail"]
    return answer.status_code, body["code"]


NOBODYS = "6f1c1f4e-0000-4000-8000-000000000000"
PROTECTED = [
    "/api/v1/uploads/",
    f"/api/v1/uploads/{NOBODYS}/",
    "/api/v1/diagnoses/",
    f"/api/v1/diagnoses/{NOBODYS}/",
    f"/api/v1/diagnoses/{NOBODYS}/explanations/",
    f"/api/v1/explanations/{NOBODYS}/",
    f"/api/v1/diagnoses/{NOBODYS}/report/",
    "/api/v1/reports/",
]


@pytest.mark.parametrize("path", PROTECTED)
def test_without_a_token_nothing_is_told(db: None, path: str) -> None:
    answer = APIClient().get(path)
    assert problem_of(answer) == (401, "not_authenticated")
    assert answer["WWW-Authenticate"].startswith("Token")


def test_a_wrong_token_is_told_so(db: None) -> None:
    answer = APIClient(HTTP_AUTHORIZATION="Token " + "0" * 64).get("/api/v1/diagnoses/")
    assert problem_of(answer) == (401, "authentication_failed")


def test_wrong_credentials_are_told_so(clinician: User) -> None:
    answer = APIClient().post("/api/v1/token/", {"username": clinician.username, "password": "wrong"}, format="json")
    assert problem_of(answer) == (401, "invalid_credentials")


@pytest.mark.parametrize("path", ["/api/v1/uploads/", "/api/v1/nothing/", "/api/v1/", "/api/v1/uploads/not-a-key/"])
def test_an_address_that_does_not_exist_answers_as_a_problem(client: APIClient, path: str) -> None:
    if path != "/api/v1/uploads/":
        assert problem_of(client.get(path)) == (404, "not_found")
    else:
        assert problem_of(client.delete(path)) == (405, "method_not_allowed")


def test_malformed_json_is_a_problem(db: None) -> None:
    answer = APIClient().post("/api/v1/token/", "{", content_type="application/json")
    assert problem_of(answer) == (400, "parse_error")


def test_missing_fields_are_named(db: None) -> None:
    answer = APIClient().post("/api/v1/token/", {}, format="json")
    assert problem_of(answer) == (400, "validation_error")
    assert {error["field"] for error in answer.json()["errors"]} == {"username", "password"}


def test_a_bug_of_ours_is_logged_and_shows_nothing_of_itself(
    client: APIClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the secret inside")

    monkeypatch.setattr(selectors, "history", broken)
    client.raise_request_exception = False
    with caplog.at_level(logging.ERROR):
        answer = client.get("/api/v1/diagnoses/")
    assert problem_of(answer) == (500, "internal_error")
    assert "secret" not in answer.content.decode()
    assert "the secret inside" in caplog.text


def test_a_browser_s_session_works_too_but_not_without_its_csrf_token(clinician: User, send: Any) -> None:
    browser = APIClient(enforce_csrf_checks=True)
    browser.force_login(clinician)
    assert browser.get("/api/v1/diagnoses/").status_code == 200
    assert problem_of(send(browser)) == (403, "permission_denied")


def test_an_account_that_was_closed_loses_its_token(client: APIClient, clinician: User) -> None:
    clinician.is_active = False
    clinician.save()
    assert client.get("/api/v1/diagnoses/").status_code == 401


def test_the_schema_is_complete() -> None:
    """What CI checks as well: ``manage.py spectacular --validate --fail-on-warn``."""
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=io.StringIO())


def test_the_schema_can_be_fetched_by_anybody(db: None) -> None:
    answer = APIClient().get("/api/v1/schema/", HTTP_ACCEPT="application/vnd.oai.openapi+json")
    paths = answer.json()["paths"]
    assert set(paths) >= {
        "/api/v1/token/",
        "/api/v1/tokens/",
        "/api/v1/tokens/{id}/",
        "/api/v1/me/",
        "/api/v1/sites/",
        "/api/v1/models/",
        "/api/v1/models/{id}/",
        "/api/v1/webhooks/",
        "/api/v1/webhooks/{id}/",
        "/api/v1/webhooks/{id}/test/",
        "/api/v1/webhooks/{id}/deliveries/",
        "/api/v1/uploads/",
        "/api/v1/uploads/{id}/",
        "/api/v1/diagnoses/",
        "/api/v1/diagnoses/export.csv",
        "/api/v1/diagnoses/{id}/",
        "/api/v1/diagnoses/{id}/explanations/",
        "/api/v1/diagnoses/{id}/fhir/",
        "/api/v1/diagnoses/{id}/leads/",
        "/api/v1/diagnoses/{id}/report/",
        "/api/v1/diagnoses/{id}/report/sign/",
        "/api/v1/diagnoses/{id}/report/send-back/",
        "/api/v1/diagnoses/{id}/report/amend/",
        "/api/v1/reports/",
        "/api/v1/reports/{id}/",
        "/api/v1/explanations/{id}/",
        "/api/v1/batches/",
        "/api/v1/batches/{id}/",
        "/api/v1/patients/",
        "/api/v1/patients/{site}/{reference}/",
    }
    assert {"400", "401", "403", "413", "415", "422", "429"} < set(paths["/api/v1/uploads/"]["post"]["responses"])


def test_the_docs_page_needs_nothing_that_the_content_security_policy_forbids(db: None) -> None:
    visitor = Client()
    page = visitor.get("/api/v1/docs/")
    text = page.content.decode()
    assert page.status_code == 200
    assert "'unsafe" not in page["Content-Security-Policy"]
    assert "<style" not in text
    assert all("src=" in tag.partition(">")[0] for tag in text.split("<script")[1:])
    assert "http://" not in text
    assert "https://" not in text
    script = visitor.get("/api/v1/docs/?script=")
    assert script["Content-Type"].startswith("application/javascript")
    assert "/api/v1/schema/" in script.content.decode()

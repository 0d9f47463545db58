"""Tokens with a name, scopes and an end: made, used, shown and revoked."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from accounts import scopes, tokens
from accounts.models import ApiToken, User
from accounts.scopes import Scope

TOKENS = "/api/v1/tokens/"
NEW = "/accounts/tokens/new/"


def api_of(user: User, *wanted: str) -> APIClient:
    _, token = tokens.make_token(user=user, name="x", wanted=wanted or scopes.ALL, days=1, made_by=user)
    return APIClient(HTTP_AUTHORIZATION=f"Token {token}")


@pytest.fixture
def wanted(password: str) -> dict[str, Any]:
    return {"name": "ECG cart", "scopes": ["diagnoses:read", "uploads:write"], "days": 30, "password": password}


# --- What a scope lets through ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("get", "/api/v1/uploads/", "pages:read"),
        ("post", "/api/v1/uploads/", "uploads:write"),
        ("get", "/api/v1/diagnoses/", "diagnoses:read"),
        ("get", "/api/v1/models/", "diagnoses:read"),
        ("get", "/api/v1/me/", "account:read"),
        ("get", "/api/v1/sites/", "account:read"),
        ("get", TOKENS, "account:read"),
        ("post", TOKENS, "tokens:write"),
    ],
)
def test_a_token_does_what_its_scope_says_and_nothing_else(clinician: User, method: str, path: str, scope: str) -> None:
    others = [each for each in scopes.ALL if each != scope]
    refused = getattr(api_of(clinician, *others), method)(path)
    assert (refused.status_code, refused.json()["code"]) == (403, "missing_scope")
    assert scope in refused.json()["detail"]
    # Without a body a POST gets as far as its form.
    assert getattr(api_of(clinician, scope), method)(path).status_code in (200, 400, 415)


def test_a_session_has_every_scope(clinician: User) -> None:
    browser = APIClient()
    browser.force_login(clinician)
    assert browser.get("/api/v1/me/").json()["scopes"] == list(scopes.ALL)


def test_a_method_that_declares_nothing_is_closed_to_small_tokens(clinician: User, monkeypatch: Any) -> None:
    from diagnosis.api.views import DiagnosisListView

    monkeypatch.delattr(DiagnosisListView, "required_scopes")
    small = [scope for scope in scopes.ALL if scope != Scope.WEBHOOKS_WRITE]
    assert api_of(clinician, *small).get("/api/v1/diagnoses/").status_code == 403
    assert api_of(clinician).get("/api/v1/diagnoses/").status_code == 200


def test_any_token_may_close_itself(clinician: User) -> None:
    assert api_of(clinician, "pages:read").delete("/api/v1/token/").status_code == 204
    assert not ApiToken.objects.exists()


def test_the_last_use_is_noted_once_a_minute(clinician: User) -> None:
    api = api_of(clinician)
    api.get("/api/v1/me/")
    noted = ApiToken.objects.get().last_used_at
    assert timezone.now() - noted < timedelta(seconds=10)
    api.get("/api/v1/me/")
    assert ApiToken.objects.get().last_used_at == noted
    ApiToken.objects.update(last_used_at=noted - timedelta(minutes=2))
    api.get("/api/v1/me/")
    assert ApiToken.objects.get().last_used_at > noted


@pytest.mark.parametrize("header", ["Token \xff\xfe", "Token a\x00b", "Token", "Token a b", "Token " + "x" * 5000])
def test_nonsense_instead_of_a_token_is_told_so(db: None, header: str) -> None:
    answer = APIClient(HTTP_AUTHORIZATION=header).get("/api/v1/me/")
    assert (answer.status_code, answer.json()["code"]) == (401, "authentication_failed")


# --- Over the API --------------------------------------------------------------------------------------


def test_a_token_is_made_listed_and_revoked(clinician: User, wanted: dict[str, Any]) -> None:
    api = api_of(clinician)
    made = api.post(TOKENS, wanted)
    assert made.status_code == 201
    assert made["Cache-Control"] == "no-store"
    body = made.json()
    assert body["scopes"] == ["uploads:write", "diagnoses:read"]
    assert body["token"].startswith("iso_")
    row = ApiToken.objects.get(pk=body["id"])
    assert body["token"] not in (row.digest, row.token_key)
    assert timedelta(days=29) < row.expiry - timezone.now() < timedelta(days=31)

    listed = {each["id"]: each for each in api.get(TOKENS).json()}
    assert "token" not in listed[body["id"]]
    new = APIClient(HTTP_AUTHORIZATION=f"Token {body['token']}")
    assert new.get("/api/v1/diagnoses/").status_code == 200
    assert api.delete(f"{TOKENS}{body['id']}/").status_code == 204
    assert new.get("/api/v1/diagnoses/").status_code == 401


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": " "}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["everything"]}, "scopes.0"),
        ({"days": 0}, "days"),
        ({"days": 366}, "days"),
        ({"user": "ada"}, "user"),
    ],
)
def test_what_is_wrong_with_a_wish_is_named(
    clinician: User, administrator: User, wanted: dict[str, Any], change: dict[str, Any], field: str
) -> None:
    api = api_of(clinician)
    answer = api.post(TOKENS, wanted | change)
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_the_longest_life_is_a_setting_also_of_the_service(clinician: User, settings: Any) -> None:
    settings.ISOLINE_TOKEN_MAX_DAYS = 10
    with pytest.raises(tokens.TokenRefused, match="10 days"):
        tokens.make_token(user=clinician, name="x", wanted=["pages:read"], days=11, made_by=clinician)


def test_one_user_has_no_more_than_fifty(clinician: User, wanted: dict[str, Any]) -> None:
    api = api_of(clinician)
    for _ in range(tokens.MAX_TOKENS - 1):
        ApiToken.objects.create(user=clinician, scopes=[])
    answer = api.post(TOKENS, wanted)
    assert answer.json()["errors"][0]["code"] == "too_many_tokens"
    ApiToken.objects.filter(scopes=[]).update(expiry=timezone.now())
    assert api.post(TOKENS, wanted).status_code == 201


def test_a_stolen_token_cannot_make_a_lasting_one(clinician: User, wanted: dict[str, Any]) -> None:
    answer = api_of(clinician).post(TOKENS, wanted | {"password": "wrong"})
    assert (answer.status_code, answer.json()["code"]) == (403, "wrong_password")


def test_guessing_the_password_there_locks_out_as_at_log_in(clinician: User, wanted: dict[str, Any]) -> None:
    api = api_of(clinician)
    answers = [api.post(TOKENS, wanted | {"password": "wrong"}) for _ in range(5)]
    assert (answers[-1].status_code, answers[-1].json()["code"]) == (429, "locked_out")


@pytest.mark.parametrize(
    ("who", "whose", "visible"),
    [
        ("clinician", "clinician", True),
        ("clinician", "reviewer", False),
        ("reviewer", "clinician", False),
        ("api_client_user", "clinician", False),
        ("administrator", "clinician", True),
    ],
)
def test_who_sees_and_revokes_whose(who: str, whose: str, visible: bool, request: pytest.FixtureRequest) -> None:
    user, owner = request.getfixturevalue(who), request.getfixturevalue(whose)
    row, _ = tokens.make_token(user=owner, name="y", wanted=["pages:read"], days=1, made_by=owner)
    api = api_of(user)
    seen = {each["id"] for each in api.get(TOKENS, {"user": owner.username}).json()}
    assert (str(row.pk) in seen) is visible
    assert api.delete(f"{TOKENS}{row.pk}/").status_code == (204 if visible else 404)
    assert ApiToken.objects.filter(pk=row.pk).exists() is not visible


def test_administrators_make_tokens_for_machines_but_not_for_people(
    administrator: User, clinician: User, api_client_user: User, wanted: dict[str, Any]
) -> None:
    api = api_of(administrator)
    made = api.post(TOKENS, wanted | {"user": api_client_user.username})
    assert (made.json()["user"], made.json()["created_by"]) == ("gateway", "ada")
    assert api.post(TOKENS, wanted | {"user": clinician.username}).status_code == 400


# --- In the browser ------------------------------------------------------------------------------------


@pytest.fixture
def browser(clinician: User) -> Client:
    client = Client()
    client.force_login(clinician)
    return client


def test_the_page_shows_a_new_token_once(browser: Client, wanted: dict[str, Any]) -> None:
    page = browser.post(NEW, wanted)
    token = re.search(r'value="(iso_[0-9a-f]+)"', page.text)[1]
    assert "no-store" in page["Cache-Control"]
    assert APIClient(HTTP_AUTHORIZATION=f"Token {token}").get("/api/v1/diagnoses/").status_code == 200
    account = browser.get("/accounts/").text
    assert "ECG cart" in account
    assert token[:8] in account
    assert token not in account


@pytest.mark.parametrize("change", [{"password": "wrong"}, {"scopes": []}, {"name": ""}, {"days": 4000}])
def test_the_page_makes_nothing_that_is_not_right(browser: Client, wanted: dict[str, Any], change: Any) -> None:
    page = browser.post(NEW, wanted | change)
    assert page.status_code == 200
    assert "error-summary" in page.text
    assert not ApiToken.objects.exists()


def test_a_token_is_revoked_after_asking(browser: Client, clinician: User, other_clinician: User) -> None:
    mine, _ = tokens.make_token(user=clinician, name="Old", wanted=["pages:read"], days=1, made_by=clinician)
    foreign, _ = tokens.make_token(
        user=other_clinician, name="F", wanted=["pages:read"], days=1, made_by=other_clinician
    )
    address = reverse("accounts:token_revoke", args=[mine.pk])
    assert "Old" in browser.get(address).text
    assert ApiToken.objects.filter(pk=mine.pk).exists()
    assert "has been revoked" in browser.post(address, follow=True).text
    assert browser.post(reverse("accounts:token_revoke", args=[foreign.pk])).status_code == 404
    assert list(ApiToken.objects.all()) == [foreign]


# --- In Django admin -----------------------------------------------------------------------------------


@pytest.fixture
def admin(administrator: User) -> Client:
    client = Client()
    client.force_login(administrator)
    return client


def choose(admin: Client, *people: User) -> Any:
    chosen = {"action": "create_token", "_selected_action": [str(user.pk) for user in people]}
    return admin.post(reverse("admin:accounts_user_changelist"), chosen, follow=True)


def test_an_administrator_makes_a_machine_s_token(
    admin: Client, administrator: User, api_client_user: User, wanted: dict[str, Any]
) -> None:
    assert "API token for gateway" in choose(admin, api_client_user).text
    page = admin.post(reverse("admin:accounts_user_token", args=[api_client_user.pk]), wanted)
    assert "no-store" in page["Cache-Control"]
    row = ApiToken.objects.get()
    assert (row.user, row.created_by) == (api_client_user, administrator)
    assert re.search(r'value="iso_[0-9a-f]{60,}"', page.text)
    assert "ECG cart" in admin.get(reverse("admin:accounts_apitoken_changelist")).text


def test_nobody_makes_a_person_s_token_there(
    admin: Client, clinician: User, api_client_user: User, wanted: dict[str, Any]
) -> None:
    assert "People make their tokens themselves" in choose(admin, clinician).text
    assert "Choose one" in choose(admin, clinician, api_client_user).text
    assert admin.post(reverse("admin:accounts_user_token", args=[clinician.pk]), wanted).status_code == 404
    assert not ApiToken.objects.exists()

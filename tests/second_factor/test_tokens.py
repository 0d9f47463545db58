"""Opening an API token asks for what a log-in asks, and making a named one for the second factor again."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.test import Client
from django.utils import timezone
from django_otp import DEVICE_ID_SESSION_KEY
from django_otp.plugins.otp_totp.models import TOTPDevice
from rest_framework.test import APIClient

from accounts import tokens
from accounts.models import ApiToken, Role, User
from accounts.passwords.models import PastPassword
from accounts.second_factor import recovery
from accounts.second_factor.models import RolePolicy
from accounts.second_factor.proof import passkey_touched
from tests.second_factor.conftest import CodeOf
from tests.second_factor.test_managing_it import make_passkey


def open_token(user: User, password: str, **more: str) -> Any:
    return APIClient().post("/api/v1/token/", {"username": user.username, "password": password, **more}, format="json")


def test_the_password_alone_opens_none_for_somebody_with_a_second_factor(
    clinician: User, app: TOTPDevice, password: str
):
    answer = open_token(clinician, password)

    assert answer.status_code == 401
    assert answer.json()["code"] == "second_factor_required"
    assert not ApiToken.objects.exists()


def test_nobody_learns_from_a_wrong_password_that_there_is_a_second_factor(clinician: User, app: TOTPDevice):
    assert open_token(clinician, "wrong").json()["code"] == "invalid_credentials"
    assert open_token(clinician, "wrong", otp="000000").json()["code"] == "invalid_credentials"


def test_password_and_code_open_one(clinician: User, app: TOTPDevice, password: str, code_of: CodeOf):
    answer = open_token(clinician, password, otp=code_of(app))

    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {answer.json()['token']}")
    assert client.get("/api/v1/uploads/").status_code == 200


def test_a_recovery_code_does_too(clinician: User, app: TOTPDevice, password: str):
    assert open_token(clinician, password, otp=recovery.make(clinician)[0]).status_code == 200


def test_wrong_codes_lock_the_account(clinician: User, app: TOTPDevice, password: str, code_of: CodeOf):
    for _ in range(4):
        answer = open_token(clinician, password, otp="000000")
        assert (answer.status_code, answer.json()["code"]) == (401, "code_wrong")
    locked = open_token(clinician, password, otp="000000")

    assert (locked.status_code, locked.json()["code"]) == (429, "locked_out")
    assert open_token(clinician, password, otp=code_of(app)).status_code == 429
    assert "000000" not in str(list(AccessAttempt.objects.values()))


def test_who_must_have_a_second_factor_and_has_none_gets_no_token(clinician: User, password: str):
    RolePolicy.objects.update_or_create(role=Role.CLINICIAN, defaults={"second_factor_required": True})

    answer = open_token(clinician, password)

    assert (answer.status_code, answer.json()["code"]) == (403, "second_factor_setup_required")


def test_an_expired_password_opens_none(clinician: User, password: str):
    RolePolicy.objects.update_or_create(role=Role.CLINICIAN, defaults={"password_max_age_days": 30})
    PastPassword.objects.update(set_at=timezone.now() - timedelta(days=31))

    answer = open_token(clinician, password)

    assert (answer.status_code, answer.json()["code"]) == (403, "password_expired")


@pytest.mark.parametrize("rule", [{"second_factor_required": True}, {"password_max_age_days": 1}])
def test_programs_are_exempt_even_from_a_rule_that_got_in_by_the_back_door(
    api_client_user: User, password: str, rule: dict[str, Any]
):
    RolePolicy.objects.create(role=Role.API_CLIENT, **rule)
    PastPassword.objects.update(set_at=timezone.now() - timedelta(days=31))

    assert open_token(api_client_user, password).status_code == 200


# --- Named ones ----------------------------------------------------------------------------------------

NEW = "/accounts/tokens/new/"
WANTED = {"name": "ECG cart", "scopes": ["pages:read"], "days": 30}


def make_token(user: User, **proof: str) -> tuple[int, str]:
    api = APIClient()
    api.credentials(HTTP_AUTHORIZATION=f"Token {tokens.open_token(user)[0]}")
    answer = api.post("/api/v1/tokens/", WANTED | proof, format="json")
    return answer.status_code, answer.json().get("code", "")


def test_a_stolen_token_and_the_password_make_no_other_token(
    clinician: User, app: TOTPDevice, password: str, code_of: CodeOf
):
    assert make_token(clinician, password=password) == (400, "validation_error")
    assert make_token(clinician, password=password, otp="000000") == (403, "wrong_code")
    now = code_of(app)
    assert make_token(clinician, otp=now) == (201, "")
    assert make_token(clinician, otp=now) == (403, "wrong_code"), "each code counts once"


def test_without_a_second_factor_the_password_is_missed_by_name(clinician: User):
    api = APIClient()
    api.credentials(HTTP_AUTHORIZATION=f"Token {tokens.open_token(clinician)[0]}")
    (error,) = api.post("/api/v1/tokens/", WANTED, format="json").json()["errors"]
    assert (error["field"], error["code"]) == ("password", "required")


def test_in_the_browser_the_code_is_asked_for_once_the_rest_is_right(
    verified: Client, app: TOTPDevice, code_of: CodeOf, password: str
):
    assert 'name="password"' not in verified.get(NEW).text
    now = code_of(app)
    assert "error-summary" in verified.post(NEW, WANTED | {"name": "", "code": now}).text
    assert "error-summary" in verified.post(NEW, WANTED | {"password": password}).text
    assert "iso_" in verified.post(NEW, WANTED | {"code": now}).text


def test_a_passkey_does_too(clinician: User, client: Client):
    passkey = make_passkey(clinician)
    client.force_login(clinician)
    session = client.session
    session[DEVICE_ID_SESSION_KEY] = passkey.persistent_id
    session.save()
    page = client.get(NEW).text
    assert "passkey-verification-button" in page
    assert "data-passkey-proof" in page
    passkey_touched(SimpleNamespace(session=session, user=clinician))
    session.save()
    assert "iso_" in client.post(NEW, WANTED).text
    assert "error-summary" in client.post(NEW, WANTED).text, "a touch counts once"

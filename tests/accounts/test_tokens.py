"""Tokens for programs."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from accounts.models import ApiToken, User

TOKEN = "/api/v1/token/"


def open_token(client: Client, user: User, password: str):
    return client.post(TOKEN, {"username": user.username, "password": password}, content_type="application/json")


def close_token(client: Client, token: str):
    return client.delete(TOKEN, headers={"Authorization": f"Token {token}"})


@pytest.mark.parametrize("who", ["clinician", "reviewer", "administrator", "api_client_user"])
def test_every_role_gets_a_token_that_expires(client: Client, who: str, password: str, request):
    response = open_token(client, request.getfixturevalue(who), password)

    assert response.status_code == 200
    assert response["Cache-Control"] == "no-store"
    expiry = parse_datetime(response.json()["expiry"])
    assert timedelta(hours=23) < expiry - timezone.now() < timedelta(hours=25)
    assert response.json()["token"]


def test_only_a_hash_of_the_token_is_kept(client: Client, api_client_user: User, password: str):
    token = open_token(client, api_client_user, password).json()["token"]

    row = ApiToken.objects.get()
    assert token not in (row.digest, row.token_key)
    assert len(row.token_key) < len(token)


def test_a_form_may_ask_as_well_as_json(client: Client, api_client_user: User, password: str):
    response = client.post(TOKEN, {"username": api_client_user.username, "password": password})

    assert response.status_code == 200


def test_a_wrong_password_gets_no_token(client: Client, clinician: User):
    response = open_token(client, clinician, "wrong")

    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Token"
    assert not ApiToken.objects.exists()


def test_missing_fields_are_named(client: Client, db: None):
    response = client.post(TOKEN, {}, content_type="application/json")

    assert response.status_code == 400
    assert "password" in response.text


def test_a_closed_token_opens_nothing(client: Client, clinician: User, password: str):
    token = open_token(client, clinician, password).json()["token"]

    assert close_token(client, token).status_code == 204
    assert close_token(client, token).status_code == 401


def test_a_token_ends_by_itself_and_with_its_account(client: Client, clinician: User, password: str):
    token = open_token(client, clinician, password).json()["token"]
    ApiToken.objects.update(expiry=timezone.now() - timedelta(seconds=1))
    assert close_token(client, token).status_code == 401

    token = open_token(client, clinician, password).json()["token"]
    User.objects.update(is_active=False)
    assert close_token(client, token).status_code == 401


def test_closing_needs_a_token_and_no_session_stands_for_it(client: Client, clinician: User):
    client.force_login(clinician)

    assert client.delete(TOKEN).status_code == 401

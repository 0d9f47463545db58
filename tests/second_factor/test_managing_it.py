"""Setting a second factor up and taking it away."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest
from django.test import Client
from django.urls import reverse
from django_otp.oath import totp
from django_otp.plugins.otp_static.models import StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice
from django_otp_webauthn.models import WebAuthnCredential

from accounts.models import User
from accounts.second_factor import factors, fresh, recovery

OVERVIEW = "/accounts/second-factor/"
APP = "/accounts/second-factor/app/"
CODES = "/accounts/second-factor/recovery-codes/"


def make_passkey(user: User, name: str = "Ward phone") -> WebAuthnCredential:
    return WebAuthnCredential.objects.create(
        user=user, name=name, credential_id=name.encode(), public_key=b"key", aaguid="0" * 36
    )


@pytest.fixture
def browser(client: Client, clinician: User) -> Client:
    client.force_login(clinician)
    return client


def secret_on(page: str) -> bytes:
    from base64 import b32decode

    text = re.search(r'id="totp-secret">([A-Z2-7 ]+)<', page).group(1).replace(" ", "")
    return b32decode(text + "=" * (-len(text) % 8))


def test_an_app_is_set_up_by_scanning_and_typing_what_it_shows(browser: Client, clinician: User):
    page = browser.get(APP).text
    code = f"{totp(secret_on(page)):06d}"

    answer = browser.post(APP, {"code": code})

    assert "shown only now" in answer.text
    codes = re.findall(r"<code>([a-z2-9]{4}-[a-z2-9]{4}-[a-z2-9]{4})</code>", answer.text)
    assert len(set(codes)) == 10
    assert factors.has_second_factor(clinician)
    assert browser.get("/accounts/").status_code == 200  # this session stays
    assert codes[0] not in browser.get(OVERVIEW).text


def test_the_qr_code_holds_the_same_secret_and_no_inline_style(browser: Client, clinician: User):
    page = browser.get(APP)
    (drawing,) = re.findall(r"<svg[^>]*qr-code.*?</svg>", page.text)

    assert ET.fromstring(drawing).get("viewBox")
    assert "style=" not in page.text
    assert "<style" not in page.text
    key = browser.session["totp_key"]
    assert bytes.fromhex(key) == secret_on(page.text)
    assert factors.totp_address(clinician, key).startswith("otpauth://totp/Isoline%3A")


def test_a_wrong_code_sets_nothing_up_and_keeps_the_secret_that_was_scanned(browser: Client, clinician: User):
    before = secret_on(browser.get(APP).text)

    answer = browser.post(APP, {"code": "000000"})

    assert "does not fit" in answer.text
    assert secret_on(answer.text) == before
    assert not TOTPDevice.objects.exists()


def test_a_second_app_beside_the_first_is_not_offered(verified: Client):
    assert verified.get(APP).url == OVERVIEW


def test_the_database_keeps_no_recovery_code(clinician: User):
    codes = recovery.make(clinician)

    kept = set(StaticToken.objects.values_list("token", flat=True))
    assert len(kept) == 10
    assert not kept & {code.replace("-", "") for code in codes}


def test_new_recovery_codes_replace_the_old_ones(verified: Client, clinician: User):
    old = recovery.make(clinician)

    answer = verified.post(CODES)

    assert "shown only now" in answer.text
    assert recovery.left(clinician) == 10
    with pytest.raises(factors.CodeRefused):
        factors.check_code(clinician, old[0])


def test_recovery_codes_are_not_made_by_looking(verified: Client, clinician: User):
    assert verified.get(CODES).status_code == 405
    assert recovery.left(clinician) == 0


def test_recovery_codes_alone_are_no_second_factor(browser: Client, clinician: User):
    recovery.make(clinician)

    assert not factors.has_second_factor(clinician)
    assert browser.get("/accounts/").status_code == 200


def test_few_recovery_codes_left_are_pointed_out(verified: Client, clinician: User):
    assert "You have no recovery codes" in verified.get(OVERVIEW).text
    recovery.make(clinician)
    assert "alert-warning" not in verified.get(OVERVIEW).text


def test_removing_the_app_takes_the_password_and_the_recovery_codes(
    verified: Client, clinician: User, password: str, app: TOTPDevice
):
    recovery.make(clinician)
    address = reverse("accounts:second_factor:remove_totp")

    assert "not your password" in verified.post(address, {"password": "wrong"}).text
    assert factors.has_second_factor(clinician)
    answer = verified.post(address, {"password": password}, follow=True)

    assert "has been removed" in answer.text
    assert not factors.has_second_factor(clinician)
    assert recovery.left(clinician) == 0
    assert verified.get("/accounts/").status_code == 200


def test_with_a_passkey_left_the_session_and_the_recovery_codes_stay(
    verified: Client, clinician: User, password: str, app: TOTPDevice
):
    make_passkey(clinician)
    recovery.make(clinician)

    verified.post(reverse("accounts:second_factor:remove_totp"), {"password": password})

    assert verified.get("/accounts/").status_code == 200
    assert recovery.left(clinician) == 10


def test_a_passkey_is_named_listed_and_removed(verified: Client, clinician: User, password: str):
    passkey = make_passkey(clinician, "")

    verified.post(reverse("accounts:second_factor:name_passkey"), {"passkey": passkey.pk, "name": "Ward phone"})
    assert "Ward phone" in verified.get(OVERVIEW).text
    verified.post(reverse("accounts:second_factor:remove_passkey", args=[passkey.pk]), {"password": password})

    assert not WebAuthnCredential.objects.exists()


def test_somebody_elses_passkey_does_not_exist(verified: Client, reviewer: User, password: str):
    passkey = make_passkey(reviewer)

    remove = verified.post(reverse("accounts:second_factor:remove_passkey", args=[passkey.pk]), {"password": password})
    name = verified.post(reverse("accounts:second_factor:name_passkey"), {"passkey": passkey.pk, "name": "Mine"})

    assert (remove.status_code, name.status_code) == (404, 404)
    passkey.refresh_from_db()
    assert passkey.name == "Ward phone"


@pytest.mark.parametrize("address", [APP, "/accounts/second-factor/passkeys/add/"])
def test_an_open_screen_is_not_enough_to_change_anything(
    browser: Client, clinician: User, password: str, monkeypatch: pytest.MonkeyPatch, address: str
):
    now = fresh.time.time()
    monkeypatch.setattr(fresh.time, "time", lambda: now + 601)
    ask = browser.get(address)
    assert ask.url == f"/accounts/second-factor/confirm/?next={address.replace('/', '%2F')}"

    assert "not your password" in browser.post(ask.url, {"password": "wrong"}).text
    answer = browser.post(ask.url, {"password": password})

    assert answer.url == address
    assert browser.get(address).status_code == 200


def test_a_registration_of_a_passkey_needs_fresh_proof(browser: Client, monkeypatch: pytest.MonkeyPatch):
    begin = reverse("otp_webauthn:credential-registration-begin")
    assert browser.post(begin).status_code == 200
    now = fresh.time.time()
    monkeypatch.setattr(fresh.time, "time", lambda: now + 601)

    answer = browser.post(begin)

    assert answer.status_code == 403
    assert answer.json()["code"] == "not_fresh"


def test_the_question_never_leads_to_another_site(browser: Client, password: str):
    answer = browser.post("/accounts/second-factor/confirm/?next=https://evil.example/", {"password": password})

    assert answer.url == OVERVIEW


def test_passkeys_are_not_offered_at_an_address_of_digits(browser: Client):
    assert "open Isoline at its name" in browser.get(OVERVIEW, HTTP_HOST="127.0.0.1:8000").text
    assert "Add a passkey" in browser.get(OVERVIEW, HTTP_HOST="localhost:8000").text


def test_one_domain_is_one_home_of_passkeys(browser: Client, settings):
    begin = reverse("otp_webauthn:credential-registration-begin")

    assert browser.post(begin, HTTP_HOST="localhost:8000").json()["rp"]["id"] == "localhost"


def test_a_challenge_for_the_second_half_does_not_serve_as_the_whole(half_way: Client, clinician: User):
    begin = half_way.post(reverse("otp_webauthn:credential-authentication-begin")).json()
    assert begin["userVerification"] == "discouraged"
    half_way.post(reverse("accounts:second_factor:start_again"))

    answer = half_way.post(
        reverse("otp_webauthn:credential-authentication-complete"), {}, content_type="application/json"
    )

    assert answer.json()["code"] == "invalid_state"
    assert (
        half_way.post(reverse("otp_webauthn:credential-authentication-begin")).json()["userVerification"] == "required"
    )

"""The second half of a log-in."""

from __future__ import annotations

import pytest
from axes.models import AccessAttempt
from django.test import Client
from django.urls import reverse
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.models import User
from accounts.second_factor import pending, recovery
from tests.second_factor.conftest import LOGIN, VERIFY, CodeOf

# Everything that a half log-in must not open, and what stands there instead.
CLOSED = [
    ("/", 302),
    ("/diagnoses/", 302),
    ("/diagnoses/00000000-0000-0000-0000-000000000000/", 302),
    ("/uploads/00000000-0000-0000-0000-000000000000/page/", 401),
    ("/accounts/", 302),
    ("/accounts/password/", 302),
    ("/accounts/sessions/", 302),
    ("/accounts/invitations/", 302),
    ("/accounts/second-factor/", 302),
    ("/accounts/second-factor/app/", 302),
    ("/accounts/second-factor/app/remove/", 302),
    ("/accounts/second-factor/passkeys/add/", 302),
    ("/accounts/second-factor/confirm/", 302),
    ("/admin/", 302),
    ("/admin/accounts/user/", 302),
    ("/api/v1/uploads/", 401),
    ("/api/v1/diagnoses/", 401),
    ("/api/v1/explanations/00000000-0000-0000-0000-000000000000/", 401),
]
OPEN = [(VERIFY, 200), (LOGIN, 200), ("/healthz", 200), ("/accounts/passkeys/words/", 200)]


def is_logged_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def test_the_password_alone_leads_to_the_page_that_asks_for_the_code(half_way: Client, clinician: User):
    response = half_way.get(VERIFY)

    assert clinician.username in response.text
    assert "code your authenticator app shows" in response.text
    assert not is_logged_in(half_way)
    clinician.refresh_from_db()
    assert clinician.last_login is None


@pytest.mark.parametrize(("address", "status"), CLOSED)
def test_a_half_log_in_opens_nothing(half_way: Client, address: str, status: int):
    response = half_way.get(address)

    assert response.status_code == status
    if status == 302:
        assert "/login/?next=" in response.url


@pytest.mark.parametrize(("address", "status"), OPEN)
def test_what_everybody_may_see_stays_open(half_way: Client, address: str, status: int):
    assert half_way.get(address).status_code == status


@pytest.mark.parametrize(("address", "status"), CLOSED)
def test_a_session_that_was_logged_in_without_the_second_factor_opens_nothing_either(
    client: Client, clinician: User, app: TOTPDevice, address: str, status: int
):
    client.force_login(clinician)

    response = client.get(address)

    assert response.status_code == status
    assert not is_logged_in(client)


def test_the_same_addresses_are_open_to_somebody_who_is_verified(verified: Client):
    opened = [address for address, _ in CLOSED if "0000" not in address and verified.get(address).status_code == 200]

    assert {"/", "/diagnoses/", "/accounts/", "/accounts/second-factor/", "/api/v1/uploads/"} <= set(opened)


def test_a_posted_upload_is_refused_half_way(half_way: Client):
    assert half_way.post("/", {}).status_code == 302
    assert half_way.post("/api/v1/uploads/", {}).status_code == 401


def test_the_code_finishes_the_log_in_and_leads_where_the_person_wanted_to_go(
    client: Client, clinician: User, app: TOTPDevice, password: str, code_of: CodeOf
):
    planted = client.session.session_key
    client.post(f"{LOGIN}?next=/diagnoses/", {"username": clinician.username, "password": password})
    half = client.session.session_key

    response = client.post(VERIFY, {"code": code_of(app)})

    assert response.url == "/diagnoses/"
    assert client.get("/diagnoses/").status_code == 200
    assert len({planted, half, client.session.session_key}) == 3


def test_spaces_in_a_code_do_no_harm(half_way: Client, app: TOTPDevice, code_of: CodeOf):
    code = code_of(app)

    half_way.post(VERIFY, {"code": f" {code[:3]} {code[3:]} "})

    assert is_logged_in(half_way)


@pytest.mark.parametrize("code", ["", "abc", "12345", "1234567", "zzzz-zzzz-zzzz", "x" * 300])
def test_what_is_no_code_is_refused_with_a_sentence(half_way: Client, code: str):
    response = half_way.post(VERIFY, {"code": code})

    assert response.status_code == 200
    assert 'role="alert"' in response.text
    assert not is_logged_in(half_way)


def test_a_code_opens_only_once(half_way: Client, clinician: User, password: str, app: TOTPDevice, code_of: CodeOf):
    code = code_of(app)
    half_way.post(VERIFY, {"code": code})
    half_way.post(reverse("accounts:logout"))
    half_way.post(LOGIN, {"username": clinician.username, "password": password})

    response = half_way.post(VERIFY, {"code": code})

    assert "used already" in response.text
    assert not is_logged_in(half_way)
    assert not AccessAttempt.objects.exists()


def test_another_persons_code_does_not_open(half_way: Client, reviewer: User, code_of: CodeOf):
    theirs = TOTPDevice.objects.create(user=reviewer, name="app")

    half_way.post(VERIFY, {"code": code_of(theirs)})

    assert not is_logged_in(half_way)


def test_an_app_that_was_never_confirmed_asks_for_nothing(client: Client, clinician: User, password: str):
    TOTPDevice.objects.create(user=clinician, name="app", confirmed=False)

    client.post(LOGIN, {"username": clinician.username, "password": password})

    assert is_logged_in(client)


def test_after_a_wrong_code_there_is_a_pause(half_way: Client, app: TOTPDevice, code_of: CodeOf, settings):
    settings.OTP_TOTP_THROTTLE_FACTOR = 30
    half_way.post(VERIFY, {"code": "000000"})

    response = half_way.post(VERIFY, {"code": code_of(app)})

    assert "Try again in 30 seconds" in response.text
    assert not is_logged_in(half_way)


def test_wrong_codes_lock_the_account_like_wrong_passwords_and_are_not_written_down(
    half_way: Client, clinician: User, app: TOTPDevice, password: str, code_of: CodeOf
):
    for _ in range(4):
        assert half_way.post(VERIFY, {"code": "000000"}).status_code == 200
    assert half_way.post(VERIFY, {"code": "000000"}).status_code == 429

    assert half_way.post(VERIFY, {"code": code_of(app)}).status_code == 429
    assert half_way.post(LOGIN, {"username": clinician.username, "password": password}).status_code == 429
    assert not is_logged_in(half_way)
    assert "000000" not in str(list(AccessAttempt.objects.values()))


def test_wrong_passwords_and_wrong_codes_count_together(half_way: Client, clinician: User, password: str):
    for _ in range(3):
        half_way.post(LOGIN, {"username": clinician.username, "password": "wrong"})
    half_way.post(LOGIN, {"username": clinician.username, "password": password})
    assert half_way.post(VERIFY, {"code": "000000"}).status_code == 200

    assert half_way.post(VERIFY, {"code": "000000"}).status_code == 429


def test_a_half_log_in_ends_after_ten_minutes(
    half_way: Client, app: TOTPDevice, code_of: CodeOf, monkeypatch: pytest.MonkeyPatch
):
    now = pending.time.time()
    monkeypatch.setattr(pending.time, "time", lambda: now + 601)

    response = half_way.post(VERIFY, {"code": code_of(app)}, follow=True)

    assert "took too long" in response.text
    assert not is_logged_in(half_way)


@pytest.mark.parametrize("change", ["password", "is_active"])
def test_a_half_log_in_ends_with_the_password_it_began_with(
    half_way: Client, clinician: User, app: TOTPDevice, code_of: CodeOf, change: str
):
    if change == "password":
        clinician.set_password("a quite different sentence")
    else:
        clinician.is_active = False
    clinician.save()

    half_way.post(VERIFY, {"code": code_of(app)})

    assert not is_logged_in(half_way)


def test_starting_again_forgets_who_was_half_way(half_way: Client):
    half_way.post(reverse("accounts:second_factor:start_again"))

    assert half_way.get(VERIFY).url == LOGIN


def test_a_recovery_code_opens_once_and_says_how_many_are_left(
    half_way: Client, clinician: User, password: str, app: TOTPDevice
):
    codes = recovery.make(clinician)

    response = half_way.post(VERIFY, {"code": codes[3].upper().replace("-", " ")}, follow=True)

    assert is_logged_in(half_way)
    assert "9 are left" in response.text
    half_way.post(reverse("accounts:logout"))
    half_way.post(LOGIN, {"username": clinician.username, "password": password})
    half_way.post(VERIFY, {"code": codes[3]})
    assert not is_logged_in(half_way)


def test_somebody_elses_recovery_code_does_not_open(half_way: Client, clinician: User, reviewer: User):
    recovery.make(clinician)
    theirs = recovery.make(reviewer)

    half_way.post(VERIFY, {"code": theirs[0]})

    assert not is_logged_in(half_way)


def test_sessions_that_were_open_elsewhere_end_when_the_first_factor_is_set_up(client: Client, clinician: User):
    client.force_login(clinician)
    assert client.get("/accounts/").status_code == 200
    TOTPDevice.objects.create(user=clinician, name="app")

    response = client.get("/accounts/", follow=True)

    assert "has a second factor now" in response.text
    assert not is_logged_in(client)


def test_somebody_without_a_second_factor_logs_in_as_before(client: Client, clinician: User, password: str):
    assert client.post(LOGIN, {"username": clinician.username, "password": password}).url == "/"
    assert is_logged_in(client)

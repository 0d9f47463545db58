"""The way in: log-in, lockout, log-out."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.permissions import sites_visible_to

LOGIN = "/accounts/login/"


def log_in(client: Client, name: str, password: str, **extra: str):
    return client.post(LOGIN, {"username": name, "password": password}, **extra)


def is_logged_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def test_a_person_logs_in_and_reaches_the_page_they_wanted(client: Client, clinician: User, password: str):
    wanted = reverse("accounts:account")
    response = client.get(wanted)
    assert response.status_code == 302
    assert response.url == f"{LOGIN}?next={wanted}"

    response = client.post(response.url, {"username": clinician.username, "password": password}, follow=True)

    assert response.redirect_chain == [(wanted, 302)]
    assert "North Hospital" in response.text
    assert "Clinician" in response.text


def test_a_wrong_password_is_explained_in_a_summary_that_gets_announced(client: Client, clinician: User):
    response = log_in(client, clinician.username, "wrong")

    assert response.status_code == 200
    assert not is_logged_in(client)
    assert 'role="alert"' in response.text
    assert "User name and password do not match" in response.text


def test_the_way_back_never_leaves_this_site(client: Client, clinician: User, password: str):
    response = client.post(
        f"{LOGIN}?next=https://evil.example/", {"username": clinician.username, "password": password}
    )

    assert response.status_code == 302
    assert response.url == "/"


def test_an_account_that_is_not_active_stays_outside(client: Client, clinician: User, password: str):
    clinician.is_active = False
    clinician.save()

    log_in(client, clinician.username, password)

    assert not is_logged_in(client)


def test_an_account_for_programs_is_sent_to_the_api(client: Client, api_client_user: User, password: str):
    response = log_in(client, api_client_user.username, password)

    assert not is_logged_in(client)
    assert "token" in response.text


def test_repeated_failures_lock_the_account_even_for_the_right_password(client: Client, clinician: User, password: str):
    for _ in range(4):
        assert log_in(client, clinician.username, "wrong").status_code == 200
    assert log_in(client, clinician.username, "wrong").status_code == 429

    response = log_in(client, clinician.username, password)

    assert response.status_code == 429
    assert not is_logged_in(client)
    assert "15 minutes" in response.text
    assert response["Retry-After"] == "900"


def test_a_lockout_holds_only_for_the_address_it_came_from(client: Client, clinician: User, password: str):
    for _ in range(6):
        log_in(client, clinician.username, "wrong", REMOTE_ADDR="203.0.113.5")

    log_in(client, clinician.username, password, REMOTE_ADDR="198.51.100.7")

    assert is_logged_in(client)


def test_a_lockout_does_not_touch_colleagues_behind_the_same_address(
    client: Client, clinician: User, reviewer: User, password: str
):
    for _ in range(6):
        log_in(client, clinician.username, "wrong")

    log_in(client, reviewer.username, password)

    assert is_logged_in(client)


def test_success_forgets_earlier_failures(client: Client, clinician: User, password: str):
    for _ in range(3):
        for _ in range(4):
            assert log_in(client, clinician.username, "wrong").status_code == 200
        assert log_in(client, clinician.username, password).status_code == 302
        client.post(reverse("accounts:logout"))


def test_the_client_cannot_choose_its_address_by_a_header(client: Client, clinician: User, settings):
    settings.ISOLINE_PROXY_COUNT = 1
    for attempt in range(5):
        response = log_in(client, clinician.username, "wrong", HTTP_X_FORWARDED_FOR=f"10.0.0.{attempt}, 203.0.113.5")

    assert response.status_code == 429


def test_the_token_address_locks_too_and_answers_with_problem_details(client: Client, clinician: User):
    wrong = {"username": clinician.username, "password": "wrong"}
    for _ in range(4):
        assert client.post("/api/v1/token/", wrong, content_type="application/json").status_code == 401

    response = client.post("/api/v1/token/", wrong, content_type="application/json")

    assert response.status_code == 429
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["code"] == "locked_out"


def test_logging_out_takes_a_post_and_ends_the_session(client: Client, clinician: User):
    client.force_login(clinician)

    assert client.get(reverse("accounts:logout")).status_code == 405
    assert is_logged_in(client)
    response = client.post(reverse("accounts:logout"))

    assert response.url == LOGIN
    assert not is_logged_in(client)


def test_nothing_shown_to_a_person_who_is_logged_in_is_kept_by_the_browser(client: Client, clinician: User):
    client.force_login(clinician)

    assert client.get(reverse("accounts:account"))["Cache-Control"] == "private, no-store"


def test_administrators_are_staff_and_nobody_else_is(
    clinician: User, reviewer: User, api_client_user: User, administrator: User
):
    assert administrator.is_staff
    assert not any(user.is_staff for user in (clinician, reviewer, api_client_user))

    administrator.role = "clinician"
    administrator.save(update_fields=["role"])
    administrator.refresh_from_db()

    assert not administrator.is_staff


@pytest.mark.parametrize("address", ["/admin/", "/admin/login/", "/admin/accounts/user/"])
def test_the_admin_has_no_log_in_form_of_its_own(client: Client, db: None, address: str):
    response = client.get(address, follow=True)

    assert response.redirect_chain[-1][0].startswith(LOGIN)


def test_a_clinician_who_tries_the_admin_is_refused_rather_than_sent_in_circles(client: Client, clinician: User):
    client.force_login(clinician)

    assert client.get("/admin/", follow=True).status_code == 403
    assert list(sites_visible_to(clinician))

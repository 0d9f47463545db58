"""No password twice, and passwords that expire where a role's rules say so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Role, User
from accounts.passwords.models import PastPassword
from accounts.second_factor.models import RolePolicy
from tests.second_factor.conftest import LOGIN

CHANGE = "/accounts/password/"
PASSWORDS = [f"sentence number {word}" for word in ("one", "two", "three", "four", "five", "six")]


def change(client: Client, old: str, new: str):
    return client.post(CHANGE, {"old_password": old, "new_password1": new, "new_password2": new})


def was_refused(user: User, password: str) -> bool:
    try:
        validate_password(password, user)
    except ValidationError as error:
        return "password_used_before" in {problem.code for problem in error.error_list}
    return False


def test_the_present_and_the_four_before_it_are_refused_and_older_ones_are_not(clinician: User, password: str):
    for new in PASSWORDS[:5]:
        clinician.set_password(new)
        clinician.save()

    assert [was_refused(clinician, used) for used in PASSWORDS[:5]] == [True] * 5
    assert not was_refused(clinician, password)
    assert not was_refused(clinician, PASSWORDS[5])
    assert PastPassword.objects.filter(user=clinician).count() == 5


def test_the_very_first_password_is_remembered(client: Client, clinician: User, password: str):
    client.force_login(clinician)
    change(client, password, PASSWORDS[0])

    answer = change(client, PASSWORDS[0], password)

    assert "used this password before" in answer.text
    clinician.refresh_from_db()
    assert clinician.check_password(PASSWORDS[0])


def test_the_passwords_of_others_do_not_matter(clinician: User, reviewer: User, password: str):
    reviewer.set_password(PASSWORDS[0])
    reviewer.save()

    assert not was_refused(clinician, PASSWORDS[0])


def test_only_hashes_are_kept(clinician: User, password: str):
    assert password not in str(list(PastPassword.objects.values()))


def test_the_rule_is_shown_with_the_others(client: Client, clinician: User):
    client.force_login(clinician)

    assert "one of your last 5" in client.get(CHANGE).text


@pytest.fixture
def log_in(client: Client, clinician: User, password: str) -> Callable[[], Client]:
    def enter() -> Client:
        client.post(LOGIN, {"username": clinician.username, "password": password})
        return client

    return enter


@pytest.fixture
def expired(clinician: User) -> None:
    RolePolicy.objects.update_or_create(role=Role.CLINICIAN, defaults={"password_max_age_days": 90})
    PastPassword.objects.update(set_at=timezone.now() - timedelta(days=91))


def test_by_default_a_password_of_ten_years_is_as_good_as_any(log_in: Callable[[], Client], clinician: User):
    PastPassword.objects.update(set_at=timezone.now() - timedelta(days=3650))

    assert log_in().get("/").status_code == 200


@pytest.mark.parametrize("address", ["/", "/diagnoses/", "/accounts/", "/accounts/sessions/"])
def test_an_expired_password_leads_to_the_page_that_changes_it(
    expired: None, log_in: Callable[[], Client], address: str
):
    client = log_in()

    answer = client.get(address, follow=True)

    assert answer.redirect_chain == [(CHANGE, 302)]
    assert "has expired" in answer.text


def test_and_closes_the_api_to_that_session(expired: None, log_in: Callable[[], Client]):
    answer = log_in().get("/api/v1/uploads/")

    assert (answer.status_code, answer.json()["code"]) == (403, "password_expired")


def test_once_it_is_changed_everything_opens(expired: None, log_in: Callable[[], Client], password: str):
    client = log_in()

    change(client, password, PASSWORDS[0])

    assert client.get("/").status_code == 200
    client.post(reverse("accounts:logout"))
    client.post(LOGIN, {"username": "carla", "password": PASSWORDS[0]})
    assert client.get("/").status_code == 200


def test_a_younger_one_does_not_expire(log_in: Callable[[], Client], expired: None):
    PastPassword.objects.update(set_at=timezone.now() - timedelta(days=89))

    assert log_in().get("/").status_code == 200


def test_an_expired_password_and_a_missing_second_factor_do_not_lead_in_circles(
    expired: None, log_in: Callable[[], Client], password: str
):
    RolePolicy.objects.filter(role=Role.CLINICIAN).update(second_factor_required=True)
    client = log_in()

    assert client.get("/", follow=True).redirect_chain[-1] == (CHANGE, 302)
    change(client, password, PASSWORDS[0])

    assert client.get("/", follow=True).redirect_chain == [("/accounts/second-factor/", 302)]

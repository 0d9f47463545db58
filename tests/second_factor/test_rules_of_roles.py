"""Roles that require a second factor, and administrators who reset one."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.models import ApiToken, Role, User
from accounts.second_factor import factors, recovery
from accounts.second_factor.models import RolePolicy
from accounts.tokens import open_token
from tests.second_factor.conftest import LOGIN

OVERVIEW = "/accounts/second-factor/"


@pytest.fixture
def required(db: None) -> None:
    RolePolicy.objects.update_or_create(role=Role.CLINICIAN, defaults={"second_factor_required": True})


@pytest.fixture
def browser(client: Client, clinician: User, password: str) -> Client:
    client.post(LOGIN, {"username": clinician.username, "password": password})
    return client


@pytest.mark.parametrize("address", ["/", "/diagnoses/", "/accounts/", "/accounts/sessions/", "/admin/"])
def test_who_must_have_one_is_led_to_setting_it_up(required: None, browser: Client, address: str):
    assert browser.get(address).url == OVERVIEW


def test_a_fragment_that_htmx_asks_for_leads_the_whole_page_there(required: None, browser: Client):
    answer = browser.get("/uploads/rows/", headers={"HX-Request": "true"})

    assert answer["HX-Redirect"] == OVERVIEW


def test_the_api_is_closed_to_that_session(required: None, browser: Client):
    answer = browser.get("/api/v1/uploads/")

    assert answer.status_code == 403
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "second_factor_setup_required"


@pytest.mark.parametrize("address", [OVERVIEW, "/accounts/second-factor/app/", "/accounts/second-factor/passkeys/add/"])
def test_the_pages_that_set_one_up_are_open(required: None, browser: Client, address: str):
    assert browser.get(address).status_code == 200


def test_logging_out_is_possible(required: None, browser: Client):
    assert browser.post(reverse("accounts:logout")).url == LOGIN


def test_once_it_is_set_up_everything_opens(required: None, browser: Client, clinician: User, code_of):
    browser.get("/accounts/second-factor/app/")
    key = browser.session["totp_key"]
    browser.post("/accounts/second-factor/app/", {"code": code_of(TOTPDevice(key=key))})

    assert browser.get("/").status_code == 200


def test_other_roles_are_not_asked(required: None, client: Client, reviewer: User):
    client.force_login(reviewer)

    assert client.get("/").status_code == 200


def test_a_superuser_is_asked_what_administrators_are_asked(client: Client, clinician: User):
    RolePolicy.objects.update_or_create(role=Role.ADMINISTRATOR, defaults={"second_factor_required": True})
    clinician.is_superuser = True
    clinician.save()
    client.force_login(clinician)

    assert client.get("/admin/").url == OVERVIEW


def test_programs_cannot_be_asked(db: None):
    with pytest.raises(ValidationError, match="programs"):
        RolePolicy(role=Role.API_CLIENT, second_factor_required=True).full_clean()


def test_every_role_of_people_has_its_rules_in_django_admin(client: Client, administrator: User):
    client.force_login(administrator)
    policy, _ = RolePolicy.objects.get_or_create(role=Role.REVIEWER)

    page = client.get(reverse("admin:second_factor_rolepolicy_changelist"))
    client.post(
        reverse("admin:second_factor_rolepolicy_change", args=[policy.pk]),
        {"role": "reviewer", "second_factor_required": "on"},
    )

    assert "Reviewer" in page.text
    policy.refresh_from_db()
    assert policy.second_factor_required


def reset(client: Client, user: User, **data: str):
    return client.post(
        reverse("admin:accounts_user_changelist"),
        {"action": "reset_second_factor", "_selected_action": [user.pk], **data},
        follow=True,
    )


def test_an_administrator_resets_a_second_factor_after_being_asked(
    verified: Client, clinician: User, administrator: User, app: TOTPDevice
):
    recovery.make(clinician)
    open_token(clinician)
    desk = Client()
    desk.force_login(administrator)

    question = reset(desk, clinician)
    assert "Make sure that it is they who ask" in question.text
    assert factors.has_second_factor(clinician)
    answer = reset(desk, clinician, confirmed="yes")

    assert "1 person has been reset" in answer.text
    assert not factors.has_second_factor(clinician)
    assert recovery.left(clinician) == 0
    assert not ApiToken.objects.exists()
    assert verified.get("/accounts/").status_code == 302  # whoever was logged in must log in again


def test_an_administrator_cannot_reset_a_superusers(administrator: User, password: str):
    root = User.objects.create_superuser("root", "root@hospital.invalid", password)
    TOTPDevice.objects.create(user=root, name="app")
    desk = Client()
    desk.force_login(administrator)

    reset(desk, root, confirmed="yes")

    assert factors.has_second_factor(root)


def test_secrets_cannot_be_looked_at_in_django_admin(client: Client, password: str, app: TOTPDevice):
    client.force_login(User.objects.create_superuser("root", "root@hospital.invalid", password))

    index = client.get("/admin/").text

    assert "otp_totp" not in index
    assert "otp_webauthn" not in index
    assert client.get("/admin/otp_totp/totpdevice/").status_code == 404

"""What a site administrator may make of people."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.audit.models import Entry
from accounts.models import Role, Site, User
from tests.site_administration.conftest import make

LIST = "/admin/accounts/user/"


def save(client: Client, person: User, *sites: Site, **changes: Any) -> Any:
    form = {
        "username": person.username,
        "first_name": "",
        "last_name": "",
        "email": person.email,
        "role": person.role,
        "is_active": "on",
        "sites": [site.pk for site in sites],
        **changes,
    }
    return client.post(reverse("admin:accounts_user_change", args=[person.pk]), form)


def add(client: Client, role: str, *sites: Site, password: str, **more: str) -> Any:
    form = {
        "username": "nadia",
        "usable_password": "true",
        "password1": password,
        "password2": password,
        "role": role,
        "sites": [site.pk for site in sites],
        "email": "nadia@hospital.invalid",
        **more,
    }
    return client.post(reverse("admin:accounts_user_add"), form)


def is_now(person: User) -> tuple[Any, ...]:
    person = User.objects.get(pk=person.pk)
    sites = {site.name for site in person.sites.all()}
    return person.username, person.email, person.role, person.is_active, person.is_superuser, person.is_staff, sites


@pytest.mark.parametrize(
    ("role", "made"),
    [
        (Role.CLINICIAN, True),
        (Role.REVIEWER, True),
        (Role.API_CLIENT, True),
        (Role.SITE_ADMINISTRATOR, True),
        (Role.ADMINISTRATOR, False),
    ],
)
def test_people_are_added_to_own_sites_up_to_the_own_role(
    office: Client, site: Site, other_site: Site, password: str, role: Role, made: bool
):
    add(office, role, other_site, password=password)
    add(office, role, site, other_site, password=password)
    add(office, role, password=password)
    assert not User.objects.filter(username="nadia").exists(), "neither at a foreign site nor at none"

    add(office, role, site, password=password, is_superuser="on", is_staff="on")

    people = User.objects.filter(username="nadia")
    assert [(user.role, user.is_superuser, list(user.sites.all())) for user in people] == (
        [(role, False, [site])] if made else []
    )


def test_somebody_of_own_sites_only_is_changed(office: Client, site: Site):
    person = make("carla", Role.CLINICIAN, site)

    answer = save(office, person, site, email="new@hospital.invalid", role="reviewer", is_superuser="on", username="x")

    assert answer.status_code == 302
    assert is_now(person) == ("carla", "new@hospital.invalid", "reviewer", True, False, False, {site.name})
    entry = Entry.objects.filter(action="admin.changed").latest("pk")
    assert (entry.actor_name, entry.site, entry.details["role"]) == ("sita", site, "reviewer")


@pytest.mark.parametrize("wish", ["administrator", "foreign site", "no site"])
def test_nobody_is_lifted_above_moved_away_or_left_without_a_site(
    office: Client, site: Site, other_site: Site, wish: str
):
    person = make("carla", Role.CLINICIAN, site)
    before = is_now(person)

    role = "administrator" if wish == "administrator" else "clinician"
    sites = {"administrator": [site], "foreign site": [site, other_site], "no site": []}[wish]
    answer = save(office, person, *sites, role=role)

    assert answer.status_code == 200, "the form comes back with what is wrong"
    assert is_now(person) == before


def test_of_somebody_of_both_sites_only_the_own_one_is_theirs(office: Client, both: User, site: Site, other_site: Site):
    before = is_now(both)

    save(office, both, site, email="new@hospital.invalid", role="reviewer", is_active="")
    assert is_now(both) == before
    save(office, both)
    assert is_now(both) == (*before[:-1], {other_site.name})
    assert save(office, both, site).status_code == 302, "who is gone does not exist"
    assert is_now(both) == (*before[:-1], {other_site.name})


def test_the_page_of_somebody_of_both_sites_does_not_name_the_other_one(office: Client, both: User):
    for address in (LIST, reverse("admin:accounts_user_change", args=[both.pk])):
        text = office.get(address).text
        assert "North Hospital" in text
        assert "South Hospital" not in text


@pytest.mark.parametrize("who", ["administrator", "superuser"])
def test_administrators_do_not_exist_even_where_they_belong_to_the_site(office: Client, site: Site, who: str):
    if who == "administrator":
        person = make("ada", Role.ADMINISTRATOR, site)
    else:
        person = make("root", Role.CLINICIAN, site)
        User.objects.filter(pk=person.pk).update(is_superuser=True)
    before = is_now(person)

    save(office, person, site, role="clinician", email="new@hospital.invalid")

    assert is_now(person) == before
    assert person.username not in {row.username for row in office.get(LIST).context["cl"].queryset}


def test_the_own_account_is_shown_and_not_changed(office: Client, sita: User, site: Site):
    before = is_now(sita)

    assert office.get(reverse("admin:accounts_user_change", args=[sita.pk])).status_code == 200
    assert save(office, sita, site, role="clinician").status_code == 403
    assert is_now(sita) == before


def test_no_password_is_set_and_no_second_factor_reset(office: Client, site: Site, password: str):
    person = make("carla", Role.CLINICIAN, site)
    TOTPDevice.objects.create(user=person, name="app")
    new = {"usable_password": "true", "password1": password, "password2": password}

    answer = office.post(reverse("admin:auth_user_password_change", args=[person.pk]), new)
    reset = {"action": "reset_second_factor", "_selected_action": [person.pk], "confirmed": "yes"}
    office.post(LIST, reset)

    assert answer.status_code == 403
    assert not User.objects.get(pk=person.pk).check_password(password)
    assert TOTPDevice.objects.filter(user=person).exists()
    assert "reset_second_factor" not in office.get(LIST).text


def test_an_administrator_still_does_all_of_it(client: Client, administrator: User, site: Site, other_site: Site):
    person = make("carla", Role.CLINICIAN, site)
    client.force_login(administrator)

    save(client, person, site, other_site, role="administrator", username="carla2")

    assert is_now(person)[:3] == ("carla2", "carla@hospital.invalid", "administrator")
    assert is_now(person)[-1] == {site.name, other_site.name}
    save(client, person)
    assert is_now(person)[-1] == set()

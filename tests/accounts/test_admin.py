"""People and sites in Django admin."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import ApiToken, Site, User


@pytest.fixture
def superuser(db: None, password: str) -> User:
    return User.objects.create_superuser("root", "root@hospital.invalid", password)


@pytest.fixture
def admin_pages(client: Client, administrator: User) -> Client:
    client.force_login(administrator)
    return client


def test_an_administrator_adds_a_clinician_to_a_site(admin_pages: Client, site: Site, password: str):
    response = admin_pages.post(
        reverse("admin:accounts_user_add"),
        {
            "username": "nadia",
            "usable_password": "true",
            "password1": password,
            "password2": password,
            "role": "clinician",
            "sites": [site.pk],
            "email": "nadia@hospital.invalid",
        },
    )

    assert response.status_code == 302, response.context["errors"]
    nadia = User.objects.get(username="nadia")
    assert list(nadia.sites.all()) == [site]
    assert not nadia.is_staff


def test_an_administrator_can_neither_make_nor_change_a_superuser(
    admin_pages: Client, administrator: User, superuser: User
):
    own_page = reverse("admin:accounts_user_change", args=[administrator.pk])
    admin_pages.post(own_page, {"username": "ada", "role": "administrator", "is_active": "on", "is_superuser": "on"})
    administrator.refresh_from_db()
    assert not administrator.is_superuser

    response = admin_pages.post(
        reverse("admin:accounts_user_change", args=[superuser.pk]), {"username": "taken", "role": "clinician"}
    )
    assert response.status_code == 403
    assert admin_pages.post(reverse("admin:auth_user_password_change", args=[superuser.pk])).status_code == 403
    assert admin_pages.post(reverse("admin:accounts_user_delete", args=[superuser.pk])).status_code == 403


def test_every_list_of_people_places_and_keys_opens_and_shows_the_notice(admin_pages: Client, clinician: User):
    ApiToken.objects.create(user=clinician)

    for name in ("accounts_user", "accounts_site", "accounts_apitoken", "axes_accessattempt"):
        response = admin_pages.get(reverse(f"admin:{name}_changelist"))
        assert response.status_code == 200
        assert "Research use only" in response.text
    assert "North Hospital" in admin_pages.get(reverse("admin:accounts_user_changelist")).text


def test_tokens_can_be_ended_but_not_made_here(admin_pages: Client, clinician: User):
    token, _ = ApiToken.objects.create(user=clinician)

    assert admin_pages.get(reverse("admin:accounts_apitoken_add")).status_code == 403
    admin_pages.post(reverse("admin:accounts_apitoken_delete", args=[token.pk]), {"post": "yes"})

    assert not ApiToken.objects.exists()


def test_groups_are_not_offered_beside_roles(admin_pages: Client):
    assert "auth/group" not in admin_pages.get("/admin/").text

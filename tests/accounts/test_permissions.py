"""The table in accounts/permissions.py, row by row: what is visible and what is not."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser

from accounts.models import Role, Site, User
from accounts.permissions import (
    may_delete,
    may_report,
    may_sign,
    may_upload,
    sites_administered_by,
    sites_open_to,
    sites_visible_to,
)

OWN, OTHER, CLOSED = "North Hospital", "South Hospital", "Closed Ward"


@pytest.fixture
def closed_site(db: None) -> Site:
    return Site.objects.create(name=CLOSED, is_active=False)


@pytest.fixture
def person(site: Site, other_site: Site, closed_site: Site):
    def make(role: str) -> User:
        user = User.objects.create_user(role, role=role)
        user.sites.set([site, closed_site])
        return user

    return make


@pytest.mark.parametrize(
    ("role", "visible", "hidden"),
    [
        (Role.CLINICIAN, {OWN, CLOSED}, {OTHER}),
        (Role.REVIEWER, {OWN, CLOSED}, {OTHER}),
        (Role.API_CLIENT, {OWN, CLOSED}, {OTHER}),
        (Role.SITE_ADMINISTRATOR, {OWN, CLOSED}, {OTHER}),
        (Role.ADMINISTRATOR, {OWN, CLOSED, OTHER}, set()),
    ],
)
def test_which_sites_each_role_sees(person, role: Role, visible: set[str], hidden: set[str]):
    seen = set(sites_visible_to(person(role)).values_list("name", flat=True))

    assert seen == visible
    assert not seen & hidden


@pytest.mark.parametrize(
    ("role", "administered"),
    [
        (Role.CLINICIAN, set()),
        (Role.REVIEWER, set()),
        (Role.API_CLIENT, set()),
        (Role.SITE_ADMINISTRATOR, {OWN, CLOSED}),
        (Role.ADMINISTRATOR, {OWN, CLOSED, OTHER}),
    ],
)
def test_which_sites_each_role_administers(person, role: Role, administered: set[str]):
    user = person(role)
    assert set(sites_administered_by(user).values_list("name", flat=True)) == administered

    user.is_active = False
    assert not sites_administered_by(user).exists()


@pytest.mark.parametrize("role", Role.values)
def test_no_role_uploads_to_a_site_that_is_closed_and_only_administrators_to_foreign_ones(
    person, role: str, site: Site, other_site: Site, closed_site: Site
):
    user = person(role)

    assert may_upload(user, site)
    assert not may_upload(user, closed_site)
    assert may_upload(user, other_site) is (role == Role.ADMINISTRATOR)
    assert closed_site not in sites_open_to(user)


@pytest.mark.parametrize(
    ("role", "own_upload", "colleagues_upload", "foreign_upload"),
    [
        (Role.CLINICIAN, True, False, False),
        (Role.REVIEWER, True, True, False),
        (Role.API_CLIENT, False, False, False),
        (Role.ADMINISTRATOR, True, True, True),
    ],
)
def test_who_deletes_what(
    person, role: Role, own_upload: bool, colleagues_upload: bool, foreign_upload: bool, site: Site, other_site: Site
):
    user = person(role)

    assert may_delete(user, site_id=site.pk, uploaded_by_id=user.pk) is own_upload
    assert may_delete(user, site_id=site.pk, uploaded_by_id=user.pk + 1) is colleagues_upload
    assert may_delete(user, site_id=other_site.pk, uploaded_by_id=user.pk + 1) is foreign_upload


@pytest.mark.parametrize(
    ("role", "of_own_site"),
    [
        (Role.CLINICIAN, True),
        (Role.REVIEWER, True),
        (Role.SITE_ADMINISTRATOR, True),
        (Role.ADMINISTRATOR, False),
        (Role.API_CLIENT, False),
    ],
)
def test_who_writes_and_signs_reports(
    person, role: Role, of_own_site: bool, site: Site, other_site: Site, closed_site: Site
):
    user = person(role)

    for may in (may_report, may_sign):
        assert may(user, site) is of_own_site
        assert not may(user, other_site)
        assert not may(user, closed_site)


def test_a_superuser_signs_nothing_whatever_the_role(person, site: Site):
    user = person(Role.CLINICIAN)
    user.is_superuser = True
    user.save()

    assert not may_sign(user, site)


def test_a_clinician_who_left_a_site_cannot_delete_there_any_more(person, other_site: Site):
    user = person(Role.CLINICIAN)

    assert not may_delete(user, site_id=other_site.pk, uploaded_by_id=user.pk)


@pytest.mark.parametrize("role", Role.values)
def test_an_account_that_is_not_active_may_do_nothing(person, role: str, site: Site):
    user = person(role)
    user.is_active = False
    user.save()

    assert not sites_visible_to(user).exists()
    assert not may_upload(user, site)
    assert not may_delete(user, site_id=site.pk, uploaded_by_id=user.pk)
    assert not may_report(user, site)
    assert not user.has_perm("accounts.view_user")


def test_a_stranger_sees_no_site(site: Site):
    assert not sites_visible_to(AnonymousUser()).exists()


@pytest.mark.parametrize("role", Role.values)
def test_the_administrators_role_opens_isolines_admin_and_that_of_a_site_a_part_of_it(person, role: str):
    user = person(role)
    of_sites = role in (Role.ADMINISTRATOR, Role.SITE_ADMINISTRATOR)

    assert user.is_staff is of_sites
    for permission in ("accounts.change_user", "diagnosis.view_upload", "audit.view_entry"):
        assert user.has_perm(permission) is of_sites
    for permission in (
        *("axes.delete_accessattempt", "accounts.delete_user", "accounts.change_site", "shadow.view_trial"),
        *("diagnosis.view_modelversion", "webhooks.add_webhook", "operations.view_workersign"),
        *("second_factor.change_rolepolicy", "login_sessions.delete_sessionrecord"),
    ):
        assert user.has_perm(permission) is (role == Role.ADMINISTRATOR)
    assert user.has_module_perms("diagnosis") is of_sites
    assert user.has_module_perms("shadow") is (role == Role.ADMINISTRATOR)
    assert not user.has_perm("contenttypes.change_contenttype")

"""Coming, going, and the keys to the house."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse

from accounts import middleware
from accounts.audit.models import Entry
from accounts.models import ApiToken, Site, User
from accounts.scopes import ALL
from accounts.tokens import make_token
from tests.accounts.test_idle_log_out import Clock

NEW = "an entirely new secret"
HOME = "/accounts/"


def log_in(client: Client, name: str, password: str, **extra: str) -> Any:
    return client.post("/accounts/login/", {"username": name, "password": password}, **extra)


def actions() -> list[str]:
    """Oldest first."""
    return list(Entry.objects.order_by("pk").values_list("action", flat=True))


def test_a_log_in_is_noted_with_its_address_for_the_site_of_the_person(
    client: Client, clinician: User, password: str, site: Site
):
    log_in(client, "carla", password, REMOTE_ADDR="203.0.113.5")

    entry = Entry.objects.get()
    assert (entry.action, entry.actor, entry.site, entry.address) == ("login.succeeded", clinician, site, "203.0.113.5")
    assert entry.details == {"by": "browser"}


def test_the_answer_names_the_request_that_the_entry_names(client: Client, clinician: User, password: str):
    response = log_in(client, "carla", password)

    assert Entry.objects.get().request_id == response.headers["X-Request-ID"]


def test_a_person_of_two_sites_is_nobodys_business_but_the_installations(
    client: Client, clinician: User, other_site: Site, password: str
):
    clinician.sites.add(other_site)

    log_in(client, "carla", password)

    assert Entry.objects.get().site is None


def test_a_failed_log_in_names_the_account_but_neither_actor_nor_password(client: Client, clinician: User):
    log_in(client, "carla", "my secret word")

    entry = Entry.objects.get()
    assert (entry.action, entry.actor, entry.actor_name) == ("login.failed", None, "carla")
    assert (entry.target_type, entry.target_id) == ("accounts.user", str(clinician.pk))
    assert entry.details == {"by": "browser", "known_account": True, "reason": "credentials"}
    assert "secret" not in str(vars(entry))


def test_a_name_that_nobody_has_is_not_kept_because_people_type_passwords_there(client: Client, db: None):
    log_in(client, "my-secret-word", "x")

    entry = Entry.objects.get()
    assert (entry.action, entry.target_id, entry.details["known_account"]) == ("login.failed", "", False)
    assert "my-secret-word" not in str(vars(entry))


def test_a_lock_out_is_noted_once_and_attempts_under_it_as_failures(client: Client, clinician: User, password: str):
    for _ in range(5):
        log_in(client, "carla", "wrong")
    log_in(client, "carla", password)

    # The fifth failure is what locks.
    assert actions() == [*["login.failed"] * 4, "login.locked_out", "login.failed", "login.failed"]
    assert Entry.objects.first().details["reason"] == "locked_out"


def test_an_account_for_programs_at_the_form_has_failed_to_log_in(client: Client, api_client_user: User, password: str):
    log_in(client, "gateway", password)

    assert [(entry.action, entry.details["reason"]) for entry in Entry.objects.all()] == [
        ("login.failed", "machine_account")
    ]


def test_log_out_by_hand_and_by_the_clock_are_told_apart(
    client: Client, clinician: User, monkeypatch: pytest.MonkeyPatch
):
    clock = Clock()
    monkeypatch.setattr(middleware, "time", clock)
    client.force_login(clinician)
    client.get(HOME)
    clock.pass_minutes(31)
    client.get(HOME)
    client.force_login(clinician)
    client.post(reverse("accounts:logout"))

    assert actions() == ["login.succeeded", "session.timed_out", "login.succeeded", "session.logged_out"]
    assert {entry.actor for entry in Entry.objects.all()} == {clinician}


def test_a_new_password_and_the_tokens_it_ends_are_noted(client: Client, clinician: User, password: str):
    client.post("/api/v1/token/", {"username": "carla", "password": password}, content_type="application/json")
    client.force_login(clinician)

    client.post(
        reverse("accounts:password_change"), {"old_password": password, "new_password1": NEW, "new_password2": NEW}
    )

    assert actions() == [
        *("login.succeeded", "token.opened", "login.succeeded"),
        *("token.closed", "password.changed"),
    ]
    opened, closed = Entry.objects.filter(action__startswith="token.").order_by("pk")
    assert opened.details == closed.details
    assert len(opened.details["tokens"]) == 1
    assert Entry.objects.get(action="login.succeeded", request_id=opened.request_id).details == {"by": "api"}


def test_a_refused_password_leaves_nothing(client: Client, clinician: User):
    client.force_login(clinician)

    client.post(reverse("accounts:password_change"), {"old_password": "x", "new_password1": NEW, "new_password2": NEW})

    assert actions() == ["login.succeeded"]


def test_a_password_set_by_mail_is_noted(client: Client, clinician: User):
    client.post(reverse("accounts:password_reset"), {"email": clinician.email})
    link = re.search(r"https?://[^/]+(/\S+)", mail.outbox[0].body)
    assert link is not None
    form = client.get(link[1], follow=True)

    client.post(form.request["PATH_INFO"], {"new_password1": NEW, "new_password2": NEW})

    assert actions() == ["password.reset"]


def test_a_token_closed_by_its_program_is_noted(client: Client, clinician: User, password: str):
    answer = client.post("/api/v1/token/", {"username": "carla", "password": password}, content_type="application/json")

    closed = client.delete("/api/v1/token/", headers={"Authorization": f"Token {answer.json()['token']}"})

    assert closed.status_code == 204
    assert actions() == ["login.succeeded", "token.opened", "token.closed"]
    assert answer.json()["token"] not in str([vars(entry) for entry in Entry.objects.all()])


# --- Django admin --------------------------------------------------------------------------------


@pytest.fixture
def admin_pages(client: Client, administrator: User) -> Client:
    client.force_login(administrator)
    return client


def test_a_person_added_in_the_admin_is_noted_with_their_rights(admin_pages: Client, site: Site, password: str):
    admin_pages.post(
        reverse("admin:accounts_user_add"),
        {
            "username": "nadia",
            "usable_password": "true",
            "password1": password,
            "password2": password,
            "role": "reviewer",
            "sites": [site.pk],
            "email": "nadia@hospital.invalid",
        },
    )

    entry = Entry.objects.first()
    nadia = User.objects.get(username="nadia")
    assert (entry.action, entry.actor_name, entry.site) == ("admin.added", "ada", site)
    assert (entry.target_type, entry.target_id) == ("accounts.user", str(nadia.pk))
    assert (entry.details["role"], entry.details["sites"]) == ("reviewer", [site.pk])
    assert "nadia@" not in str(entry.details)


def test_a_change_names_the_fields_and_what_the_rights_are_now(admin_pages: Client, clinician: User, site: Site):
    page = reverse("admin:accounts_user_change", args=[clinician.pk])
    admin_pages.post(
        page, {"username": "carla", "role": "administrator", "sites": [site.pk], "email": "new@hospital.invalid"}
    )

    entry = Entry.objects.first()
    assert entry.action == "admin.changed"
    assert {"Role", "Email address", "Active"} <= set(entry.details["fields"])
    assert (entry.details["role"], entry.details["is_active"]) == ("administrator", False)


def test_a_site_changed_is_noted_for_its_own_administrators(admin_pages: Client, site: Site):
    admin_pages.post(reverse("admin:accounts_site_change", args=[site.pk]), {"name": "North", "four_eyes": "on"})

    entry = Entry.objects.first()
    assert (entry.action, entry.site) == ("admin.changed", site)
    assert entry.details == {"fields": ["Active", "Four eyes", "Name"], "is_active": False, "four_eyes": True}


def test_rows_deleted_one_by_one_and_together_are_each_noted(
    admin_pages: Client, clinician: User, reviewer: User, site: Site
):
    first, second, third = (
        make_token(user=user, name="test", wanted=ALL, days=1, made_by=user)[0]
        for user in (clinician, clinician, reviewer)
    )

    admin_pages.post(reverse("admin:accounts_apitoken_delete", args=[first.pk]), {"post": "yes"})
    admin_pages.post(
        reverse("admin:accounts_apitoken_changelist"),
        {"action": "delete_selected", "_selected_action": [second.pk, third.pk], "post": "yes"},
    )

    assert not ApiToken.objects.exists()
    gone = Entry.objects.filter(action="admin.deleted")
    assert {(entry.target_id, entry.details["user"], entry.site) for entry in gone} == {
        (str(first.pk), clinician.pk, site),
        (str(second.pk), clinician.pk, site),
        (str(third.pk), reviewer.pk, site),
    }


def test_a_person_or_site_that_the_log_names_is_not_offered_for_deletion(
    admin_pages: Client, clinician: User, reviewer: User, site: Site, other_site: Site, password: str
):
    log_in(Client(), "carla", password)

    def may_delete(name: str, row: Any) -> bool:
        return admin_pages.get(reverse(f"admin:accounts_{name}_delete", args=[row.pk])).status_code == 200

    assert not may_delete("user", clinician)
    assert may_delete("user", reviewer)
    assert not may_delete("site", site)
    assert may_delete("site", other_site)
    for name in ("user", "site"):
        assert "delete_selected" not in admin_pages.get(reverse(f"admin:accounts_{name}_changelist")).text

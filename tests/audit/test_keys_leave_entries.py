"""Second factors, sessions, invitations and webhooks: who set up, gave up, let in or turned off what."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice
from rest_framework.test import APIClient

from accounts.audit.models import Entry
from accounts.models import Role, Site, User
from accounts.scopes import ALL
from accounts.second_factor import recovery
from accounts.sessions.models import SessionRecord
from accounts.tokens import make_token, open_token
from diagnosis.webhooks import events
from diagnosis.webhooks.models import Webhook
from tests.invitations.test_inviting import PERSON
from tests.second_factor.conftest import LOGIN, VERIFY, CodeOf, _no_pause, app, code_of, half_way, verified  # noqa: F401
from tests.second_factor.test_managing_it import APP, CODES, make_passkey, secret_on
from tests.webhooks.conftest import Receiver, deliver_due, hook, receiver, wait  # noqa: F401


def last(prefix: str) -> Entry:
    return Entry.objects.filter(action__startswith=prefix).order_by("-pk")[0]


def told(entry: Entry) -> tuple[Any, ...]:
    return entry.action, entry.actor, entry.target_id, entry.site, entry.details


# --- Second factor -------------------------------------------------------------------------------


def test_an_app_set_up_and_its_recovery_codes_are_noted_without_them(client: Client, clinician: User, site: Site):
    client.force_login(clinician)
    code = f"{totp(secret_on(client.get(APP).text)):06d}"

    answer = client.post(APP, {"code": code})

    made, added = Entry.objects.all()[:2]
    assert told(added) == ("second_factor.added", clinician, str(clinician.pk), site, {"kind": "app"})
    assert told(made) == ("second_factor.codes_made", clinician, str(clinician.pk), site, {})
    written = str([vars(entry) for entry in Entry.objects.all()])
    assert code not in written
    assert re.findall(r"<code>(\S+)</code>", answer.text)[0] not in written


def test_a_code_that_sets_nothing_up_leaves_nothing(client: Client, clinician: User):
    client.force_login(clinician)
    client.get(APP)
    client.post(APP, {"code": "000000"})

    assert not Entry.objects.filter(action__startswith="second_factor").exists()


def test_new_recovery_codes_are_noted(verified: Client, clinician: User):  # noqa: F811
    verified.post(CODES)

    assert last("second_factor").action == "second_factor.codes_made"


@pytest.mark.parametrize("kind", ["app", "passkey"])
def test_a_factor_that_is_removed_is_noted_by_its_kind(
    verified: Client,  # noqa: F811
    clinician: User,
    password: str,
    site: Site,
    kind: str,
):
    passkey = make_passkey(clinician)
    address = reverse("accounts:second_factor:remove_totp")
    if kind == "passkey":
        address = reverse("accounts:second_factor:remove_passkey", args=[passkey.pk])

    verified.post(address, {"password": password})

    assert told(last("second_factor")) == (
        *("second_factor.removed", clinician, str(clinician.pk), site),
        {"kind": kind},
    )


def test_a_log_in_in_two_halves_says_with_what_it_was_finished(
    half_way: Client,  # noqa: F811
    clinician: User,
    app: TOTPDevice,  # noqa: F811
    code_of: CodeOf,  # noqa: F811
    password: str,
):
    half_way.post(VERIFY, {"code": code_of(app)})
    assert last("second_factor").details == {"kind": "app"}

    spare = recovery.make(clinician)[0]
    half_way.post(reverse("accounts:logout"))
    half_way.post(LOGIN, {"username": clinician.username, "password": password})
    half_way.post(VERIFY, {"code": spare})
    assert told(last("second_factor"))[0::4] == ("second_factor.verified", {"kind": "recovery_code"})


def test_a_wrong_and_a_used_code_at_log_in_are_failed_log_ins(
    half_way: Client,  # noqa: F811
    clinician: User,
    app: TOTPDevice,  # noqa: F811
    code_of: CodeOf,  # noqa: F811
    password: str,
):
    half_way.post(VERIFY, {"code": "000000"})
    assert last("login.failed").details["reason"] == "second_factor"

    half_way.post(VERIFY, {"code": code_of(app)})
    half_way.post(reverse("accounts:logout"))
    half_way.post(LOGIN, {"username": clinician.username, "password": password})
    half_way.post(VERIFY, {"code": code_of(app)})
    assert last("login.failed").details["reason"] == "code_used"


def test_a_failed_proof_is_noted_and_an_empty_field_is_not(client: Client, clinician: User, site: Site):
    client.force_login(clinician)
    address = reverse("accounts:second_factor:confirm")

    client.post(address, {"password": ""})
    assert not Entry.objects.filter(action="second_factor.proof_failed").exists()
    client.post(address, {"password": "my guess"})

    assert told(last("second_factor")) == (
        *("second_factor.proof_failed", clinician, str(clinician.pk), site),
        {"reason": "password_wrong"},
    )
    for _ in range(4):
        client.post(address, {"password": "my guess"})
    assert last("second_factor").details == {"reason": "locked_out"}


def test_a_reset_names_who_did_it_and_to_whom_and_so_do_the_tokens_it_ends(
    client: Client,
    administrator: User,
    clinician: User,
    app: TOTPDevice,  # noqa: F811
    site: Site,
):
    open_token(clinician)
    client.force_login(administrator)
    wanted = {"action": "reset_second_factor", "_selected_action": [clinician.pk]}

    client.post(reverse("admin:accounts_user_changelist"), wanted)
    assert not Entry.objects.filter(action="second_factor.reset").exists()
    client.post(reverse("admin:accounts_user_changelist"), {**wanted, "confirmed": "yes"})

    assert told(last("second_factor")) == ("second_factor.reset", administrator, str(clinician.pk), site, {})
    assert last("token.closed").actor == administrator


def test_an_api_log_in_without_the_code_is_a_failed_one(
    client: Client,
    clinician: User,
    app: TOTPDevice,  # noqa: F811
    password: str,
    site: Site,
):
    def ask(**more: str) -> int:
        body = {"username": "carla", "password": password, **more}
        return client.post("/api/v1/token/", body, content_type="application/json").status_code

    assert ask() == 401
    assert told(last("login.failed")) == (
        *("login.failed", None, str(clinician.pk), site),
        {"by": "api", "known_account": True, "reason": "second_factor_missing"},
    )
    assert ask(otp="000000") == 401
    assert last("login.failed").details["reason"] == "second_factor"
    assert not Entry.objects.filter(action="login.succeeded").exists()


# --- Sessions ------------------------------------------------------------------------------------


def test_sessions_ended_from_elsewhere_are_noted_without_their_keys(client: Client, clinician: User, site: Site):
    for browser in (Client(), Client(), Client(), client):
        browser.force_login(clinician)
    others = SessionRecord.objects.exclude(session_key=client.session.session_key)
    first, second, third = others.order_by("pk")

    client.post(reverse("accounts:sessions:revoke", args=[first.pk]))
    assert told(last("session")) == (
        *("session.ended", clinician, str(clinician.pk), site),
        {"sessions": [first.pk]},
    )
    client.post(reverse("accounts:sessions:revoke_others"))
    assert last("session").action == "session.others_ended"
    assert set(last("session").details["sessions"]) == {second.pk, third.pk}

    client.post(reverse("accounts:sessions:revoke_others"))
    assert Entry.objects.filter(action="session.others_ended").count() == 1, "there was nothing left to end"
    written = str([vars(entry) for entry in Entry.objects.all()])
    assert not any(row.session_key in written for row in (first, second, third))


# --- Invitations ---------------------------------------------------------------------------------


def test_the_way_of_an_invitation_is_noted_without_address_and_link(client: Client, site: Site):
    sita = User.objects.create_user("sita", "sita@hospital.invalid", role=Role.SITE_ADMINISTRATOR)
    sita.sites.add(site)
    client.force_login(sita)
    page = reverse("accounts:invitations:list")
    wanted = {"role": "reviewer", "sites": [site.pk]}
    details = {"role": "reviewer", "sites": [site.pk]}

    client.post(page, {**wanted, "email": "one@hospital.invalid"})
    invited = last("invitation")
    assert (invited.action, invited.actor, invited.site, invited.details) == ("invitation.made", sita, site, details)
    client.post(reverse("accounts:invitations:resend", args=[invited.target_id]))
    link = re.search(r"http://testserver(/\S+)", mail.outbox[-1].body)[1]
    Client().post(link, PERSON)
    client.post(page, {**wanted, "email": "two@hospital.invalid"})
    client.post(reverse("accounts:invitations:withdraw", args=[last("invitation.made").target_id]))

    way = Entry.objects.filter(action__startswith="invitation").order_by("pk")
    assert [(entry.action, entry.actor_name) for entry in way] == [
        ("invitation.made", "sita"),
        ("invitation.sent_again", "sita"),
        ("invitation.accepted", "nadia"),
        ("invitation.made", "sita"),
        ("invitation.withdrawn", "sita"),
    ]
    assert {str(entry.details) for entry in way} == {str(details)}
    written = str([vars(entry) for entry in Entry.objects.all()])
    assert "@hospital" not in written
    assert link.rpartition("accept/")[2].strip("/") not in written


def test_what_cannot_be_withdrawn_any_more_leaves_nothing(client: Client, administrator: User, site: Site):
    client.force_login(administrator)
    client.post(
        reverse("accounts:invitations:list"),
        {"role": "clinician", "sites": [site.pk], "email": "one@hospital.invalid"},
    )
    key = last("invitation").target_id
    wanted = {"action": "withdraw_these", "_selected_action": [key]}

    client.post(reverse("admin:invitations_invitation_changelist"), wanted)
    client.post(reverse("admin:invitations_invitation_changelist"), wanted)

    assert Entry.objects.filter(action="invitation.withdrawn").count() == 1


# --- Tokens and webhooks -------------------------------------------------------------------------


def test_a_token_ended_in_the_admin_is_closed_like_any_other(client: Client, administrator: User, clinician: User):
    token, _ = make_token(user=clinician, name="x", wanted=ALL, days=1, made_by=clinician)
    client.force_login(administrator)

    client.post(reverse("admin:accounts_apitoken_delete", args=[token.pk]), {"post": "yes"})

    entry = last("token.closed")
    assert (entry.actor, entry.target_id, entry.details) == (
        *(administrator, str(clinician.pk)),
        {"tokens": [token.token_key]},
    )


def test_the_life_of_a_webhook_over_the_api_is_noted_without_address_and_secret(administrator: User, site: Site):
    _, token = make_token(user=administrator, name="x", wanted=["webhooks:write"], days=1, made_by=administrator)
    api = APIClient(HTTP_AUTHORIZATION=f"Token {token}")
    wanted = {
        "site": site.pk,
        "name": "Engine",
        "url": "https://engine.hospital.invalid/key-in-the-path",
        "events": ["diagnosis.done"],
    }

    made = api.post("/api/v1/webhooks/", wanted, format="json").json()
    address = made["self_url"]
    api.patch(address, {"name": "Another", "events": ["report.signed"]}, format="json")
    api.patch(address, {"name": "Another"}, format="json")  # changes nothing
    api.patch(address, {"is_active": False}, format="json")
    api.patch(address, {"is_active": True}, format="json")
    api.delete(address)

    life = Entry.objects.filter(action__startswith="webhook").order_by("pk")
    assert [(entry.action, entry.details) for entry in life] == [
        ("webhook.made", {"events": ["diagnosis.done"]}),
        ("webhook.changed", {"fields": ["name", "events"], "events": ["report.signed"]}),
        ("webhook.turned_off", {}),
        ("webhook.turned_on", {}),
        ("webhook.deleted", {}),
    ]
    assert {(entry.actor, entry.target_id, entry.site) for entry in life} == {
        (administrator, str(made["id"]), site),
    }
    written = str([vars(entry) for entry in Entry.objects.all()])
    assert "key-in-the-path" not in written
    assert made["secret"] not in written


def test_the_life_of_a_webhook_in_the_admin_is_noted(client: Client, administrator: User, site: Site):
    client.force_login(administrator)
    page = reverse("admin:webhooks_webhook_changelist")
    client.post(
        reverse("admin:webhooks_webhook_add"),
        {"site": site.pk, "name": "E", "url": "https://engine.hospital.invalid/", "events": ["diagnosis.done"]},
    )
    key = Webhook.objects.get().pk
    for action in ("turn_off", "turn_on", "change_secret"):
        client.post(page, {"action": action, "_selected_action": [key]})
    client.post(page, {"action": "delete_selected", "_selected_action": [key], "post": "yes"})

    life = Entry.objects.filter(action__startswith="webhook").order_by("pk")
    assert [entry.action.partition(".")[2] for entry in life] == [
        *("made", "turned_off", "turned_on", "secret_changed", "deleted"),
    ]
    assert {entry.target_id for entry in life} == {str(key)}
    assert Entry.objects.get(action="admin.deleted").target_id == str(key)


def test_a_webhook_that_is_turned_off_by_its_failures_is_noted_as_nobodys_doing(
    hook: Webhook,  # noqa: F811
    site: Site,
    receiver: Receiver,  # noqa: F811
    deliver_due: Callable[[], int],  # noqa: F811
    wait: Callable[[timedelta], None],  # noqa: F811
):
    receiver.answers = [(410, "gone")]
    events.emit("report.signed", site_id=site.pk, subject={}, path="/")
    for _ in range(12):
        deliver_due()
        wait(timedelta(hours=12))

    hook.refresh_from_db()
    assert not hook.is_active
    entry = last("webhook.turned_off")
    assert told(entry)[1:4] == (None, str(hook.pk), site)
    assert entry.details == {"by": "failures", "failures_in_a_row": 10}

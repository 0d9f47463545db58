"""Webhooks made and watched by administrators, in Django admin and over the API."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from accounts.models import Site, User
from accounts.tokens import make_token, open_token
from diagnosis.webhooks import events
from diagnosis.webhooks.models import Delivery, Webhook
from diagnosis.webhooks.signing import unseal
from tests.webhooks.conftest import Receiver

ADDRESS = "/api/v1/webhooks/"


def api_of(user: User, *scopes: str) -> APIClient:
    if scopes:
        _, token = make_token(user=user, name="x", wanted=scopes, days=1, made_by=user)
    else:
        token, _ = open_token(user)
    return APIClient(HTTP_AUTHORIZATION=f"Token {token}")


@pytest.fixture
def wanted(site: Site) -> dict[str, Any]:
    return {
        "site": site.pk,
        "name": "Engine",
        "url": "https://engine.hospital.invalid/in",
        "events": ["diagnosis.done"],
    }


def test_an_administrator_makes_changes_and_deletes_one(administrator: User, wanted: dict[str, Any]) -> None:
    api = api_of(administrator, "webhooks:write")
    made = api.post(ADDRESS, wanted)
    assert made.status_code == 201
    assert made["Cache-Control"] == "no-store"
    hook = Webhook.objects.get()
    assert unseal(hook.sealed_secret) == made.json()["secret"]

    address = made.json()["self_url"]
    assert "secret" not in api.get(address).json()
    assert "secret" not in api.get(ADDRESS).json()[0]
    changed = api.patch(address, {"events": ["report.signed", "diagnosis.done"], "is_active": False})
    assert changed.json()["events"] == ["diagnosis.done", "report.signed"]
    assert changed.json()["is_active"] is False
    assert api.delete(address).status_code == 204
    assert not Webhook.objects.exists()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"url": "http://engine.hospital.invalid/"}, "url"),
        ({"url": "https://me:secret@engine.hospital.invalid/"}, "url"),
        ({"events": []}, "events"),
        ({"events": ["diagnosis.lost"]}, "events.0"),
        ({"site": 0}, "site"),
        ({"name": ""}, "name"),
    ],
)
def test_what_is_wrong_with_it_is_named(
    administrator: User, wanted: dict[str, Any], change: dict[str, Any], field: str
) -> None:
    answer = api_of(administrator).post(ADDRESS, wanted | change)
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert not Webhook.objects.exists()


def test_a_test_is_sent_and_shows_in_the_log(
    administrator: User, hook: Webhook, receiver: Receiver, deliver_due: Any
) -> None:
    api = api_of(administrator)
    hook.is_active = False
    hook.save()
    assert api.post(f"{ADDRESS}{hook.pk}/test/").status_code == 202
    deliver_due()
    (row,) = api.get(f"{ADDRESS}{hook.pk}/deliveries/").json()["results"]
    assert (row["event"], row["state"], row["response_code"]) == ("test", "done", 204)
    assert len(receiver.received) == 1


def test_a_test_that_fails_is_over_at_once_and_counts_for_nothing(
    hook: Webhook, receiver: Receiver, deliver_due: Any
) -> None:
    receiver.answers = [(500, "")]
    events.send_test(hook)
    deliver_due()
    assert Delivery.objects.get().state == Delivery.State.FAILED
    hook.refresh_from_db()
    assert hook.failures_in_a_row == 0


@pytest.mark.parametrize("who", ["clinician", "reviewer", "api_client_user"])
@pytest.mark.parametrize("path", ["", "{pk}/", "{pk}/deliveries/"])
def test_nobody_else_sees_any(who: str, path: str, hook: Webhook, request: pytest.FixtureRequest) -> None:
    answer = api_of(request.getfixturevalue(who)).get(ADDRESS + path.format(pk=hook.pk))
    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")


def test_an_administrator_s_token_needs_the_scope(administrator: User, hook: Webhook) -> None:
    answer = api_of(administrator, "diagnoses:read").get(ADDRESS)
    assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope")


@pytest.fixture
def admin(administrator: User) -> Client:
    client = Client()
    client.force_login(administrator)
    return client


def act(admin: Client, model: str, action: str, *pks: object) -> Any:
    address = reverse(f"admin:webhooks_{model}_changelist")
    return admin.post(address, {"action": action, "_selected_action": [str(pk) for pk in pks]}, follow=True)


def test_in_django_admin_its_secret_is_shown_once(admin: Client, wanted: dict[str, Any], administrator: User) -> None:
    page = admin.post(reverse("admin:webhooks_webhook_add"), wanted, follow=True)
    hook = Webhook.objects.get()
    secret = unseal(hook.sealed_secret)
    assert hook.created_by == administrator
    assert secret in page.text
    assert secret not in admin.get(reverse("admin:webhooks_webhook_change", args=[hook.pk])).text

    page = act(admin, "webhook", "change_secret", hook.pk)
    hook.refresh_from_db()
    assert unseal(hook.sealed_secret) != secret
    assert unseal(hook.sealed_secret) in page.text


def test_in_django_admin_an_address_without_tls_is_refused(admin: Client, wanted: dict[str, Any]) -> None:
    page = admin.post(reverse("admin:webhooks_webhook_add"), wanted | {"url": "http://engine.hospital.invalid/"})
    assert "https://" in page.text
    assert page.status_code == 200
    assert not Webhook.objects.exists()


def test_a_change_in_django_admin_keeps_the_secret(admin: Client, hook: Webhook, wanted: dict[str, Any]) -> None:
    admin.post(reverse("admin:webhooks_webhook_change", args=[hook.pk]), wanted | {"name": "Renamed"})
    after = Webhook.objects.get()
    assert (after.name, after.sealed_secret) == ("Renamed", hook.sealed_secret)


def test_tests_and_old_messages_are_sent_from_django_admin(
    admin: Client, hook: Webhook, receiver: Receiver, deliver_due: Any
) -> None:
    act(admin, "webhook", "send_test", hook.pk)
    deliver_due()
    row = Delivery.objects.get()
    log = admin.get(reverse("admin:webhooks_delivery_changelist")).text
    assert "204" in log
    assert "Research use only" in log
    assert row.body.split('"')[3] in admin.get(reverse("admin:webhooks_delivery_change", args=[row.pk])).text
    act(admin, "delivery", "send_again", row.pk)
    deliver_due()
    assert len(receiver.received) == 2
    act(admin, "webhook", "turn_off", hook.pk)
    hook.refresh_from_db()
    assert not hook.is_active
    act(admin, "webhook", "turn_on", hook.pk)
    hook.refresh_from_db()
    assert hook.is_active


def test_the_log_is_no_place_to_edit(admin: Client, hook: Webhook) -> None:
    row = events.send_test(hook)
    assert admin.get(reverse("admin:webhooks_delivery_add")).status_code == 403
    assert admin.post(reverse("admin:webhooks_delivery_delete", args=[row.pk]), {"post": "yes"}).status_code == 403

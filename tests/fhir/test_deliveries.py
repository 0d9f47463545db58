"""A signed report on its way to a real server on this machine: that fails, refuses, or takes it."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from fhirclient.models.bundle import Bundle

from accounts.audit.models import Entry
from accounts.models import User
from diagnosis import deletion, housekeeping
from diagnosis.after_signing import report_signed
from diagnosis.fhir import deliveries, tasks
from diagnosis.fhir.models import FhirDelivery, FhirServer, check_address
from diagnosis.fhir.selectors import deliveries_administered_by
from diagnosis.models import Diagnosis
from tests.documents.conftest import Sign
from tests.fhir.conftest import Listener

State = FhirDelivery.State

pytestmark = pytest.mark.django_db


@pytest.fixture
def queued(done: Diagnosis, sign: Sign, server: FhirServer) -> FhirDelivery:
    delivery = deliveries.queue_at_signing(sign(done))
    assert delivery is not None
    return delivery


def run(delivery: FhirDelivery) -> FhirDelivery:
    tasks.push_fhir.apply(args=(str(delivery.pk),))
    return FhirDelivery.objects.get(pk=delivery.pk)


def test_a_signature_sends_a_valid_transaction_with_the_token(
    done: Diagnosis, sign: Sign, server: FhirServer, listener: Listener
) -> None:
    report_signed(sign(done))
    delivered = run(FhirDelivery.objects.get())
    assert (delivered.state, delivered.response_status, delivered.sent_version) == (State.DONE, 200, 1)
    ((headers, body),) = listener.requests
    assert headers["Authorization"] == "Bearer a secret token"
    assert headers["Content-Type"].startswith("application/fhir+json")
    Bundle(body, strict=True)
    assert body["type"] == "transaction"
    assert all(entry["fullUrl"].startswith(listener.url) for entry in body["entry"])


def test_a_server_that_fails_first_gets_it_later(queued: FhirDelivery, listener: Listener) -> None:
    listener.answers = [503, 429, 201]
    first = run(queued)
    assert (first.state, first.reason, first.response_status) == (State.QUEUED, "server_error", 503)
    assert "I say 503" in first.error
    second = run(queued)
    assert (second.state, second.response_status, second.attempts) == (State.QUEUED, 429, 2)
    third = run(queued)
    assert (third.state, third.response_status, third.error) == (State.DONE, 201, "")
    assert len({json.dumps(body) for _headers, body in listener.requests}) == 1


def test_it_waits_ever_longer_and_the_sweep_sends_it_when_it_is_time(
    queued: FhirDelivery, listener: Listener, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener.answers = [500]
    sent: list[Any] = []
    monkeypatch.setattr(tasks.push_fhir, "apply_async", lambda args, **_: sent.append(args))
    waits = []
    for _attempt in range(4):
        before = timezone.now()
        again = run(queued)
        if again.resend_at:
            waits.append(round((again.resend_at - before).total_seconds()))
    assert waits[-2:] == [120, 240]
    sent.clear()
    housekeeping.sweep()
    assert not sent
    FhirDelivery.objects.update(resend_at=timezone.now() - dt.timedelta(seconds=1))
    housekeeping.sweep()
    assert sent == [(str(queued.pk),)]


def test_it_is_given_up_after_the_last_attempt(queued: FhirDelivery, listener: Listener, settings: Any) -> None:
    settings.ISOLINE_FHIR_MAX_ATTEMPTS = 2
    listener.answers = [500]
    run(queued)
    given_up = run(queued)
    assert (given_up.state, given_up.reason) == (State.FAILED, "server_error")
    assert "send again" in given_up.message
    run(queued)
    assert len(listener.requests) == 2


@pytest.mark.parametrize(
    ("answer", "action", "reason"), [(200, "fhir.delivered", ""), (400, "fhir.not_delivered", "refused")]
)
def test_what_left_the_house_or_did_not_is_noted(
    queued: FhirDelivery, listener: Listener, answer: int, action: str, reason: str
) -> None:
    listener.answers = [answer]
    run(queued)
    entry = Entry.objects.get(action__startswith="fhir.")
    assert (entry.action, entry.actor, entry.target_id) == (action, queued.requested_by, str(queued.pk))
    assert entry.details["reason"] == reason


@pytest.mark.parametrize(
    ("status", "reason"), [(400, "refused"), (422, "refused"), (401, "not_allowed"), (403, "not_allowed")]
)
def test_what_a_server_refuses_is_not_tried_again(
    queued: FhirDelivery, listener: Listener, status: int, reason: str
) -> None:
    listener.answers = [status]
    refused = run(queued)
    assert (refused.state, refused.reason, refused.response_status) == (State.FAILED, reason, status)
    assert f"I say {status}" in refused.error


def test_a_redirect_is_not_followed(queued: FhirDelivery, listener: Listener) -> None:
    listener.answers, listener.location = [307, 200], listener.url
    assert run(queued).reason == "refused"
    assert len(listener.requests) == 1


def test_a_server_that_is_away_is_tried_again(queued: FhirDelivery, server: FhirServer) -> None:
    server.base_url = "http://127.0.0.1:9/fhir"
    server.save()
    again = run(queued)
    assert (again.state, again.reason, again.response_status) == (State.QUEUED, "unreachable", None)
    assert "a secret token" not in again.error


def test_plain_http_is_refused_before_anything_is_sent(queued: FhirDelivery, listener: Listener, settings: Any) -> None:
    settings.ISOLINE_FHIR_ALLOW_HTTP = False
    refused = run(queued)
    assert (refused.state, refused.reason) == (State.FAILED, "address_not_allowed")
    assert not listener.requests


@pytest.mark.parametrize(
    "address",
    ["http://fhir.example.org", "ftp://fhir.example.org", "fhir.example.org", "https://", "https://me:pass@fhir.example.org",
     "https://fhir.example.org/?a=b", "https://fhir.example.org/#a"],
)  # fmt: skip
def test_only_plain_https_addresses_are_taken(address: str) -> None:
    with pytest.raises(ValidationError):
        check_address(address)
    check_address("https://fhir.example.org:8443/r4")


def test_a_late_delivery_brings_the_version_that_is_in_force(
    queued: FhirDelivery, done: Diagnosis, sign: Sign, listener: Listener
) -> None:
    sign(done, verdict="override", label="normal", amendment_reason="Better.")
    delivered = run(queued)
    assert delivered.sent_version == 2
    ((_headers, body),) = listener.requests
    statuses = [e["resource"]["status"] for e in body["entry"] if e["resource"]["resourceType"] == "DiagnosticReport"]
    assert statuses == ["amended"]


def test_a_second_version_updates_the_same_resource(
    queued: FhirDelivery, done: Diagnosis, sign: Sign, listener: Listener
) -> None:
    run(queued)
    second = deliveries.queue_at_signing(sign(done, amendment_reason="Better."))
    assert second is not None
    run(second)
    places = [
        {entry["request"]["url"] for entry in body["entry"] if "/" in entry["request"]["url"]}
        for _headers, body in listener.requests
    ]
    provenances = places[0] ^ places[1]
    assert all(place.startswith("Provenance/") for place in provenances)
    assert len(provenances) == 2


def test_pictures_go_along_where_the_site_wants_it(
    queued: FhirDelivery, server: FhirServer, listener: Listener
) -> None:
    server.embed_images = True
    server.save()
    run(queued)
    kinds = [entry["resource"]["resourceType"] for entry in listener.requests[0][1]["entry"]]
    assert kinds.count("Binary") == 2


def test_nothing_is_sent_without_a_server_or_with_one_switched_off(
    done: Diagnosis, sign: Sign, server: FhirServer
) -> None:
    server.is_active = False
    server.save()
    report_signed(sign(done))
    assert not FhirDelivery.objects.exists()


def test_a_server_switched_off_meanwhile_gets_nothing(
    queued: FhirDelivery, server: FhirServer, listener: Listener
) -> None:
    server.is_active = False
    server.save()
    assert run(queued).reason == "server_inactive"
    assert not listener.requests


def test_a_page_deleted_meanwhile_is_not_sent(
    queued: FhirDelivery, done: Diagnosis, administrator: User, listener: Listener
) -> None:
    deletion.delete(done.upload, administrator)
    assert run(queued).reason == "upload_deleted"
    assert not listener.requests


def test_two_requests_make_one_delivery(queued: FhirDelivery) -> None:
    assert queued.report is not None
    assert deliveries.queue(queued.report, queued.server, requested_by=queued.requested_by) == queued


def test_the_token_is_not_in_the_database_and_needs_the_key(
    queued: FhirDelivery, server: FhirServer, listener: Listener, settings: Any
) -> None:
    assert "secret token" not in server.encrypted_token
    assert FhirServer.objects.get().token == "a secret token"
    settings.SECRET_KEY = "another key entirely"
    failed = run(queued)
    assert (failed.state, failed.reason) == (State.FAILED, "token_unreadable")
    assert not listener.requests


def test_an_older_key_still_opens_the_token(server: FhirServer, settings: Any) -> None:
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "a new key"
    assert FhirServer.objects.get().token == "a secret token"


def test_an_administrator_sets_a_token_that_nobody_reads(
    server: FhirServer, administrator: User, signed_in: Callable[[User], Client]
) -> None:
    client = signed_in(administrator)
    address = reverse("admin:fhir_fhirserver_change", args=[server.pk])
    fields = {"site": server.site_id, "base_url": server.base_url + "/", "is_active": "on"}
    assert "a secret token" not in client.get(address).content.decode()
    assert client.post(address, fields | {"new_token": ""}).status_code == 302
    server.refresh_from_db()
    assert (server.token, server.base_url.endswith("/")) == ("a secret token", False)
    client.post(address, fields | {"new_token": "another"})
    assert FhirServer.objects.get().token == "another"
    client.post(address, fields | {"forget_token": "on"})
    assert FhirServer.objects.get().token == ""
    refused = client.post(address, fields | {"base_url": "gopher://x"})
    assert "Only https:// is allowed" in refused.content.decode()


def test_an_administrator_sends_a_failed_one_again(
    queued: FhirDelivery, listener: Listener, administrator: User, signed_in: Callable[[User], Client]
) -> None:
    listener.answers = [400]
    run(queued)
    client = signed_in(administrator)
    assert "I say 400" in client.get(reverse("admin:fhir_fhirdelivery_change", args=[queued.pk])).content.decode()
    chosen = {"action": "send_again", "_selected_action": [str(queued.pk)]}
    assert client.post(reverse("admin:fhir_fhirdelivery_changelist"), chosen).status_code == 302
    again = FhirDelivery.objects.get(state=State.QUEUED)
    listener.answers = [200]
    assert run(again).state == State.DONE


def test_deliveries_are_for_administrators(
    queued: FhirDelivery, administrator: User, clinician: User, reviewer: User, signed_in: Callable[[User], Client]
) -> None:
    assert list(deliveries_administered_by(administrator)) == [queued]
    assert not deliveries_administered_by(clinician).exists()
    assert not deliveries_administered_by(reviewer).exists()
    assert signed_in(reviewer).get(reverse("admin:fhir_fhirdelivery_changelist")).status_code == 302

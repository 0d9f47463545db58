"""Messages on their way to a real server that is there, or not, or changes its mind."""

from __future__ import annotations

import hashlib
import hmac
import json
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from accounts.models import Site, User
from diagnosis import explanations, housekeeping, pipeline
from diagnosis.models import Diagnosis
from diagnosis.webhooks import deliveries, events, hooks, tasks
from diagnosis.webhooks.models import Delivery, Webhook
from tests.webhooks.conftest import Receiver

State = Delivery.State
DAY = timedelta(days=1)


def emit(site: Site, event: str = "report.signed") -> None:
    assert events.emit(event, site_id=site.pk, subject={"report": uuid.uuid4()}, path="/api/v1/reports/x/") == 1


def is_signed_by(secret: str, headers: dict[str, str], body: bytes) -> bool:
    """As docs/api.md tells receivers to check it."""
    parts = dict(part.split("=", 1) for part in headers["Isoline-Signature"].split(","))
    expected = hmac.new(secret.encode(), f"{parts['t']}.".encode() + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, parts["v1"])


def test_a_page_that_was_read_is_told_with_keys_and_one_address_only(
    hook: Webhook, receiver: Receiver, queued: Diagnosis, claim: Any, reading: Any, deliver_due: Any
) -> None:
    pipeline.finish(claim(queued), reading())
    assert deliver_due() == 1

    ((headers, body),) = receiver.received
    message = json.loads(body)
    delivery = Delivery.objects.get()
    assert message == {
        "id": str(delivery.pk),
        "event": "diagnosis.done",
        "created_at": message["created_at"],
        "site": hook.site_id,
        "subject": {"diagnosis": str(queued.pk), "upload": str(queued.upload_id)},
        "url": f"https://ecg.hospital.invalid/api/v1/diagnoses/{queued.pk}/",
    }
    assert headers["Isoline-Event"] == "diagnosis.done"
    assert headers["Isoline-Delivery"] == str(delivery.pk)
    assert is_signed_by(hook.secret, headers, body)
    assert not is_signed_by("another", headers, body)
    assert not is_signed_by(hook.secret, headers, body + b" ")
    assert (delivery.state, delivery.attempts, delivery.response_code) == (State.DONE, 1, 204)


@pytest.mark.parametrize("end", ["rejected", "failed"])
def test_the_other_ends_of_a_page_are_told_too(hook: Webhook, queued: Diagnosis, claim: Any, end: str) -> None:
    claimed = claim(queued)
    if end == "rejected":
        pipeline.reject(claimed, "not_an_ecg_page")
    else:
        pipeline.fail(claimed, "internal_error", "Traceback", final=True)
    assert Delivery.objects.get().event == f"diagnosis.{end}"


def test_an_explanation_that_is_there_is_told_and_a_failed_attempt_is_not(
    hook: Webhook, queued: Diagnosis, claim: Any, reading: Any, clinician: User
) -> None:
    claimed = claim(queued)
    pipeline.fail(claimed, "internal_error", "Traceback")
    assert not Delivery.objects.exists()
    pipeline.finish(claim(queued), reading())
    queued.refresh_from_db()
    asked, _ = explanations.request(queued, method="lime", label="mi", requested_by=clinician)
    claimed_explanation = explanations.claim(asked.pk, task_id="x")
    explanations.finish(claimed_explanation, pipeline.DrawnHeatmap("lime", "mi", layer=b"l", overlay=b"o"), {})
    assert set(Delivery.objects.values_list("event", flat=True)) == {"diagnosis.done", "explanation.done"}


def test_only_the_webhooks_of_the_site_that_are_on_and_want_it_are_told(
    hook: Webhook, site: Site, other_site: Site, administrator: User, receiver: Receiver
) -> None:
    for where, wanted in ((other_site, "report.signed"), (site, "report.amended")):
        hooks.make(site=where, name="Another", url=receiver.url, events=[wanted], made_by=administrator)
    off, _ = hooks.make(site=site, name="Off", url=receiver.url, events=["report.signed"], made_by=administrator)
    hooks.turn_off(off, by=administrator)
    emit(site)
    assert Delivery.objects.get().webhook == hook
    with pytest.raises(ValueError, match="no event"):
        events.emit("report.lost", site_id=site.pk, subject={}, path="/")


def test_what_was_rolled_back_is_not_told(hook: Webhook, site: Site) -> None:
    with transaction.atomic():
        emit(site)
        transaction.set_rollback(True)
    assert not Delivery.objects.exists()


def test_a_failure_to_write_messages_does_not_undo_the_diagnosis(
    hook: Webhook, queued: Diagnosis, claim: Any, reading: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("no room")

    monkeypatch.setattr(Delivery.objects, "bulk_create", broken)
    assert pipeline.finish(claim(queued), reading())
    queued.refresh_from_db()
    assert queued.state == Diagnosis.State.DONE


def test_a_server_that_fails_first_gets_the_same_message_again(
    hook: Webhook, site: Site, receiver: Receiver, deliver_due: Any, wait: Callable[[timedelta], None]
) -> None:
    receiver.answers = [(503, "not now"), (500, "x" * 2000), (200, "thanks")]
    emit(site)
    assert deliver_due() == 1
    row = Delivery.objects.get()
    assert (row.state, row.response_code, row.answer) == (State.PENDING, 503, "not now")
    assert row.due_at - timezone.now() > timedelta(seconds=10)
    assert deliver_due() == 0, "not before it is due"

    wait(timedelta(seconds=20))
    deliver_due()
    row.refresh_from_db()
    assert (row.response_code, len(row.answer)) == (500, 500)
    wait(timedelta(minutes=2))
    deliver_due()
    row.refresh_from_db()
    assert (row.state, row.attempts, row.answer, row.error) == (State.DONE, 3, "thanks", "")
    assert len({body for _, body in receiver.received}) == 1
    assert len(receiver.received) == 3
    hook.refresh_from_db()
    assert (hook.failures_in_a_row, hook.failing_since) == (0, None)


def test_attempts_go_on_for_a_day_and_then_end(
    hook: Webhook, site: Site, receiver: Receiver, deliver_due: Any, wait: Callable[[timedelta], None]
) -> None:
    receiver.answers = [(500, "")]
    emit(site)
    passed = timedelta()
    while (row := Delivery.objects.get()).state == State.PENDING:
        step = row.due_at - timezone.now() + timedelta(seconds=1)
        wait(step)
        passed += step
        assert deliver_due() == 1
    assert row.state == State.FAILED
    assert row.attempts == deliveries.MAX_ATTEMPTS
    assert DAY < passed < 1.2 * DAY


def test_a_server_that_is_away_is_asked_by_one_message_and_gets_all_when_it_is_back(
    hook: Webhook, site: Site, receiver: Receiver, deliver_due: Any, wait: Callable[[timedelta], None]
) -> None:
    receiver.answers = [(500, "")]
    for _ in range(5):
        emit(site)
    deliver_due()
    assert len(receiver.received) == 1
    emit(site)
    assert deliver_due() == 0, "a new message waits with the others"
    receiver.answers = [(204, "")]
    wait(timedelta(seconds=20))
    deliver_due()
    assert set(Delivery.objects.values_list("state", flat=True)) == {State.DONE}
    assert len(receiver.received) == 7


def test_a_webhook_that_fails_for_days_is_turned_off_with_a_note(
    hook: Webhook,
    site: Site,
    receiver: Receiver,
    deliver_due: Any,
    wait: Callable[[timedelta], None],
    administrator: User,
) -> None:
    receiver.answers = [(410, "gone")]
    emit(site)
    for _ in range(30):
        deliver_due()
        if not Delivery.objects.filter(state=State.PENDING).exists():
            hook.refresh_from_db()
            if not hook.is_active:
                break
            emit(site)
        wait(timedelta(hours=8))
    hook.refresh_from_db()
    assert not hook.is_active
    assert "failures in a row" in hook.note
    assert "410" in hook.note
    assert events.emit("report.signed", site_id=site.pk, subject={}, path="/") == 0
    hooks.turn_on(hook, by=administrator)
    assert (hook.is_active, hook.note, hook.failures_in_a_row) == (True, "", 0)


def test_many_failures_within_hours_do_not_turn_it_off(
    hook: Webhook, site: Site, receiver: Receiver, deliver_due: Any, wait: Callable[[timedelta], None]
) -> None:
    receiver.answers = [(500, "")]
    for _ in range(15):
        emit(site)
        wait(timedelta(hours=1))
        deliver_due()
    hook.refresh_from_db()
    assert hook.failures_in_a_row >= 15
    assert hook.is_active


def test_a_message_whose_worker_died_is_sent_by_the_next_one(
    hook: Webhook, site: Site, receiver: Receiver, deliver_due: Any, wait: Callable[[timedelta], None]
) -> None:
    emit(site)
    row = Delivery.objects.get()
    died = deliveries._claim(row.pk)
    assert deliver_due() == 0, "somebody holds it"
    wait(deliveries.LEASE + timedelta(seconds=1))
    assert deliver_due() == 1
    # The dead come back: what they write does not count.
    assert deliveries._note(died, deliveries.Outcome(500, "", "late", 1)) is None
    row.refresh_from_db()
    assert (row.state, row.attempts) == (State.DONE, 2)


def test_the_sweep_sends_what_the_queue_lost(
    hook: Webhook, site: Site, monkeypatch: pytest.MonkeyPatch, wait: Callable[[timedelta], None]
) -> None:
    sent: list[str] = []
    monkeypatch.setattr(tasks.deliver, "apply_async", lambda args: sent.append(args[0]))
    emit(site)
    housekeeping.sweep()
    assert sent == [str(Delivery.objects.get().pk)]
    housekeeping.sweep()
    assert len(sent) == 1, "not again at once"
    wait(deliveries.RESEND + timedelta(seconds=1))
    housekeeping.sweep()
    assert len(sent) == 2


def test_the_log_is_kept_for_thirty_days(
    hook: Webhook, site: Site, deliver_due: Any, wait: Callable[[timedelta], None]
) -> None:
    emit(site)
    deliver_due()
    wait(29 * DAY)
    deliveries.sweep()
    assert Delivery.objects.exists()
    wait(2 * DAY)
    deliveries.sweep()
    assert not Delivery.objects.exists()


def test_the_task_delivers_and_shrugs_at_nonsense(hook: Webhook, site: Site, receiver: Receiver) -> None:
    emit(site)
    tasks.deliver.apply(args=(str(Delivery.objects.get().pk),), throw=True)
    tasks.deliver.apply(args=("nonsense",), throw=True)
    assert len(receiver.received) == 1


def test_an_ended_message_can_be_sent_again(hook: Webhook, site: Site, receiver: Receiver, deliver_due: Any) -> None:
    emit(site)
    deliver_due()
    assert deliveries.send_again(Delivery.objects.get())
    assert deliver_due() == 1
    assert len(receiver.received) == 2
    assert receiver.received[0][1] == receiver.received[1][1]


def test_a_secret_is_stored_encrypted_and_lost_with_the_key(
    hook: Webhook, site: Site, receiver: Receiver, deliver_due: Any, settings: Any
) -> None:
    assert hook.secret not in hook.sealed_secret
    former = settings.SECRET_KEY
    settings.SECRET_KEY = "another key altogether"
    emit(site)
    deliver_due()
    row = Delivery.objects.get()
    assert "secret" in row.error
    assert receiver.received == []
    settings.SECRET_KEY_FALLBACKS = [former]
    assert deliveries.send_again(row)
    assert deliver_due() == 1
    assert is_signed_by(hook.secret, *receiver.received[0])

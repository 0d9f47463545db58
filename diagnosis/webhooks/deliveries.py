"""The way of a message: sent to the queue, claimed, delivered or tried again at growing intervals for a day, given up.

The row is the truth and the queue only a hint, as for every job of the house. A receiver that is away is asked by one
message at a time: the others of its webhook wait until that one came through.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import sealing
from accounts.audit.actions import Action
from accounts.audit.log import record
from diagnosis.webhooks.models import TEST_EVENT, Delivery, Webhook
from diagnosis.webhooks.sending import Outcome, post
from diagnosis.webhooks.signing import SIGNATURE_HEADER, signature, unseal

logger = logging.getLogger(__name__)

State = Delivery.State

# After the first, second, … failed attempt; a day and an hour in all.
RETRY_AFTER: Final = tuple(
    timedelta(seconds=seconds) for seconds in (15, 60, 300, 900, 1800, 3600, 7200, 14400, 21600, 39600)
)
MAX_ATTEMPTS: Final = len(RETRY_AFTER) + 1
# However long a receiver was away, its return is noticed within this.
LONGEST_SLEEP: Final = timedelta(hours=1)
# Longer than an attempt can take, so that no message is sent by two workers at once.
LEASE: Final = timedelta(minutes=3)
# A message of the queue that went astray is sent again after this.
RESEND: Final = timedelta(minutes=2)
SWEEP_BATCH: Final = 100
# A webhook is turned off after at least this many failures in a row, over at least ISOLINE_WEBHOOK_GIVE_UP_DAYS.
GIVE_UP_AFTER: Final = 10


def dispatch(pks: Sequence[uuid.UUID]) -> int:
    """Have a worker deliver these. Never raises: what cannot be sent to the queue now is sent by the sweep."""
    from diagnosis.webhooks import tasks

    sent = 0
    for pk in pks:
        try:
            tasks.deliver.apply_async((str(pk),))
        # Each broker has errors of its own, and whatever they are, the row is safe.
        except Exception as error:  # noqa: BLE001
            logger.warning(
                "The queue cannot be reached (%s); %d message(s) wait for the sweep.", error, len(pks) - sent
            )
            break
        sent += 1
        Delivery.objects.filter(pk=pk).update(sent_to_queue_at=timezone.now())
    return sent


def deliver(pk: uuid.UUID | str) -> Delivery | None:
    """Send one message now, if it is due and nobody else does. Returns the row as it is afterwards."""
    claimed = _claim(pk)
    if claimed is None:
        return None
    try:
        secret = unseal(claimed.webhook.sealed_secret)
    except sealing.Unreadable:
        outcome = Outcome(None, "", _("Its secret cannot be read any more; give the webhook a new one."), 0)
    else:
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Isoline-Webhooks/1",
            "Isoline-Event": claimed.event,
            "Isoline-Delivery": str(claimed.pk),
            SIGNATURE_HEADER: signature(secret, claimed.body),
        }
        outcome = post(claimed.webhook.url, claimed.body, headers)
    return _note(claimed, outcome)


def send_again(delivery: Delivery) -> bool:
    """For administrators: an ended message gets its attempts anew, a waiting one is due now.

    Returns:
        False if it is being sent at this moment.
    """
    now = timezone.now()
    free = Q(leased_until__isnull=True) | Q(leased_until__lt=now)
    changed = Delivery.objects.filter(free, pk=delivery.pk).update(
        state=State.PENDING, attempts=0, due_at=now, finished_at=None, leased_until=None, sent_to_queue_at=None
    )
    if changed:
        transaction.on_commit(lambda: dispatch([delivery.pk]) and None, robust=True)
    return bool(changed)


def sweep() -> int:
    """Send what is due and was not sent, and forget what ended long ago. Returns how many were sent to the queue."""
    now = timezone.now()
    free = Q(leased_until__isnull=True) | Q(leased_until__lt=now)
    unsent = (
        Q(sent_to_queue_at__isnull=True) | Q(sent_to_queue_at__lt=now - RESEND) | Q(sent_to_queue_at__lt=F("due_at"))
    )
    due = Delivery.objects.filter(free, unsent, state=State.PENDING, due_at__lte=now).order_by("due_at", "pk")
    sent = dispatch(list(due.values_list("pk", flat=True)[:SWEEP_BATCH]))
    old = now - timedelta(days=settings.ISOLINE_WEBHOOK_LOG_DAYS)
    ended = Delivery.objects.filter(state__in=Delivery.ENDED, finished_at__lt=old)
    Delivery.objects.filter(pk__in=list(ended.values_list("pk", flat=True)[: 10 * SWEEP_BATCH])).delete()
    return sent


def _claim(pk: uuid.UUID | str) -> Delivery | None:
    now = timezone.now()
    with transaction.atomic():
        rows = Delivery.objects.select_for_update(of=("self",)).select_related("webhook")
        row = rows.filter(pk=pk, state=State.PENDING, due_at__lte=now).first()
        if row is None or (row.leased_until is not None and row.leased_until >= now):
            return None
        if not row.webhook.is_active and row.event != TEST_EVENT:
            row.state, row.finished_at, row.error = State.FAILED, now, _("The webhook is turned off.")
            row.save(update_fields=["state", "finished_at", "error"])
            return None
        row.attempts += 1
        row.leased_until = now + LEASE
        row.save(update_fields=["attempts", "leased_until"])
    return row


def _note(claimed: Delivery, outcome: Outcome) -> Delivery | None:
    """Write what came of an attempt, to the message and to its webhook."""
    now = timezone.now()
    with transaction.atomic():
        held = Delivery.objects.select_for_update().filter(
            pk=claimed.pk, state=State.PENDING, attempts=claimed.attempts
        )
        row = held.first()
        if row is None:
            return None
        row.leased_until = None
        row.response_code, row.answer, row.error = outcome.code, outcome.answer, outcome.error
        row.duration_ms = outcome.duration_ms
        if outcome.succeeded:
            row.state, row.finished_at = State.DONE, now
        elif row.attempts >= MAX_ATTEMPTS or row.event == TEST_EVENT:
            # Whoever pressed "send test" wants to know now.
            row.state, row.finished_at = State.FAILED, now
        else:
            row.due_at = now + RETRY_AFTER[row.attempts - 1]
        row.save()
        if outcome.succeeded:
            _came_through(row, now)
        elif row.event != TEST_EVENT:
            _failed(row, now)
    logger.info(
        "Webhook %s: %s %s after attempt %d (%s)", row.webhook_id, row.event, row.state, row.attempts, outcome.code
    )
    return row


def _came_through(row: Delivery, now: datetime) -> None:
    well = {"failures_in_a_row": 0, "failing_since": None, "asleep_until": None, "last_success_at": now}
    Webhook.objects.filter(pk=row.webhook_id).update(**well)
    # The receiver is back: what waited for it need not wait any longer.
    waiting = Delivery.objects.filter(webhook_id=row.webhook_id, state=State.PENDING, due_at__gt=now)
    waiting.update(due_at=now, sent_to_queue_at=None)


def _failed(row: Delivery, now: datetime) -> None:
    hook = Webhook.objects.select_for_update(of=("self",)).select_related("site").get(pk=row.webhook_id)
    hook.failures_in_a_row += 1
    hook.failing_since = hook.failing_since or now
    failing_for = now - hook.failing_since
    if failing_for >= timedelta(days=settings.ISOLINE_WEBHOOK_GIVE_UP_DAYS) and hook.failures_in_a_row >= GIVE_UP_AFTER:
        hook.is_active = False
        hook.note = _("Turned off on %(day)s after %(count)d failures in a row since %(since)s. Last: %(error)s") % {
            "day": now.date(),
            "count": hook.failures_in_a_row,
            "since": hook.failing_since.date(),
            "error": row.error,
        }
        hook.note = hook.note[:400]
        logger.warning("Webhook %s: %s", hook.pk, hook.note)
    hook.asleep_until = now + min(LONGEST_SLEEP, RETRY_AFTER[min(hook.failures_in_a_row, len(RETRY_AFTER)) - 1])
    hook.save(update_fields=["failures_in_a_row", "failing_since", "asleep_until", "is_active", "note"])
    waiting = Delivery.objects.filter(webhook=hook, state=State.PENDING)
    if hook.is_active:
        # Nobody answers there: the others need not all find that out for themselves.
        waiting.filter(due_at__lt=hook.asleep_until, leased_until__isnull=True).update(due_at=hook.asleep_until)
    else:
        waiting.update(state=State.FAILED, finished_at=now, error=_("The webhook is turned off."))
        record(
            Action.WEBHOOK_TURNED_OFF,
            actor=None,
            target=hook,
            site=hook.site,
            details={"by": "failures", "failures_in_a_row": hook.failures_in_a_row},
        )

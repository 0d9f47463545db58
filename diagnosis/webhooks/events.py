"""What happens in the house, as messages to those who want to hear of it.

``emit`` writes rows in the caller's transaction (an outbox): if that is rolled back nothing is told, and once it is
committed nothing is lost, whatever happens to workers and queues.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from diagnosis.models import Diagnosis, Explanation, Job
from diagnosis.webhooks.models import TEST_EVENT, Delivery, Event, Webhook

_OF_DIAGNOSIS: Final[dict[str, Event]] = {
    Diagnosis.State.DONE: Event.DIAGNOSIS_DONE,
    Diagnosis.State.REJECTED: Event.DIAGNOSIS_REJECTED,
    Diagnosis.State.FAILED: Event.DIAGNOSIS_FAILED,
}


def emit(event: str, *, site_id: int, subject: Mapping[str, uuid.UUID | str | int], path: str) -> int:
    """Tell every active webhook of the site that wants to hear of this event.

    Args:
        event: one of ``Event``.
        site_id: whose event it is.
        subject: the rows it is about, kind → key. Keys only: messages carry nothing about a patient.
        path: the address in the API where the receiver, with a token of its own, finds out more.

    Returns:
        How many messages were written.
    """
    if event not in Event.values:
        raise ValueError(f"There is no event {event!r}.")
    hooks = Webhook.objects.filter(site_id=site_id, is_active=True)
    return len(_write([hook for hook in hooks if event in hook.events], event, subject, path))


def send_test(webhook: Webhook) -> Delivery:
    """Tell one webhook, active or not, that it can be told."""
    return _write([webhook], TEST_EVENT, {"webhook": webhook.pk}, reverse("api:webhook-detail", args=[webhook.pk]))[0]


def tell_of_end(sender: type[Job], row: Any, **_kwargs: Any) -> None:
    """Receiver of ``jobs.ended``."""
    # Should this fail, only this is undone, not the end of the row.
    with transaction.atomic():
        if sender is Diagnosis:
            emit(
                _OF_DIAGNOSIS[row.state],
                site_id=row.upload.site_id,
                subject={"diagnosis": row.pk, "upload": row.upload_id},
                path=reverse("api:diagnosis-detail", args=[row.pk]),
            )
        elif sender is Explanation and row.state == Explanation.State.DONE:
            emit(
                Event.EXPLANATION_DONE,
                site_id=row.upload.site_id,
                subject={"explanation": row.pk, "diagnosis": row.diagnosis_id},
                path=reverse("api:explanation-detail", args=[row.pk]),
            )


def _write(
    hooks: Iterable[Webhook], event: str, subject: Mapping[str, uuid.UUID | str | int], path: str
) -> list[Delivery]:
    from diagnosis.webhooks import deliveries

    now = timezone.now()
    rows = []
    for hook in hooks:
        key = uuid.uuid4()
        body = {
            "id": str(key),
            "event": event,
            "created_at": now.isoformat(timespec="seconds").replace("+00:00", "Z"),
            "site": hook.site_id,
            "subject": {kind: pk if isinstance(pk, int) else str(pk) for kind, pk in subject.items()},
            "url": f"{settings.ISOLINE_PUBLIC_URL.rstrip('/')}{path}",
        }
        rows.append(Delivery(id=key, webhook=hook, event=event, body=json.dumps(body), due_at=_due(hook, event, now)))
    if rows:
        Delivery.objects.bulk_create(rows)
        pks = [row.pk for row in rows if row.due_at <= now]
        transaction.on_commit(lambda: deliveries.dispatch(pks) and None, robust=True)
    return rows


def _due(hook: Webhook, event: str, now: datetime) -> datetime:
    if event == TEST_EVENT or hook.asleep_until is None:
        return now
    return max(now, hook.asleep_until)

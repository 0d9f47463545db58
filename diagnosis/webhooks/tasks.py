"""The Celery task of webhooks: a primary key in, one request out."""

from __future__ import annotations

import uuid

from celery import Task

from diagnosis.tasks import house_task
from diagnosis.webhooks import deliveries


@house_task()
def deliver(self: Task, pk: str) -> None:
    """Deliver one message."""
    try:
        key = uuid.UUID(pk)
    except (ValueError, TypeError, AttributeError):
        return
    deliveries.deliver(key)

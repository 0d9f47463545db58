"""Signs of life: the parent process of every worker leaves one every few seconds, busy or not."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Final

from celery import bootsteps
from django.db import DatabaseError, connection
from django.utils import timezone

from diagnosis.operations.models import WorkerSign

logger = logging.getLogger(__name__)

EVERY_S: Final = 10.0
# Long enough for a worker whose machine is busy, short enough to be told before anybody wonders.
ALIVE_WITHIN: Final = timedelta(seconds=45)
FORGOTTEN_AFTER: Final = timedelta(days=1)


def leave(name: str, queues: Iterable[str]) -> None:
    """Say that a worker is alive. A database that is away costs a sign, not the worker."""
    now = timezone.now()
    try:
        WorkerSign.objects.update_or_create(name=name, defaults={"seen_at": now, "queues": sorted(queues)})
        WorkerSign.objects.filter(seen_at__lt=now - FORGOTTEN_AFTER).delete()
    except DatabaseError as error:
        logger.warning("A sign of life could not be left: %s", error)


def alive(queue: str = "") -> list[WorkerSign]:
    """The workers that were alive a moment ago; those that take messages of ``queue``, if one is named."""
    rows = WorkerSign.objects.filter(seen_at__gte=timezone.now() - ALIVE_WITHIN)
    return [row for row in rows if not queue or queue in row.queues]


class SignsOfLife(bootsteps.StartStopStep):
    """A part of the worker's parent process. https://docs.celeryq.dev/en/stable/userguide/extending.html"""

    requires = ("celery.worker.components:Timer",)

    def start(self, worker: Any) -> None:
        queues = list(worker.app.amqp.queues.consume_from)

        def sign() -> None:
            leave(worker.hostname, queues)
            # Children are forked from this process, and must not inherit its connection.
            connection.close()

        worker.timer.call_repeatedly(EVERY_S, sign)
        sign()

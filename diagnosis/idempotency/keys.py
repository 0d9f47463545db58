"""The life of a key: taken, kept with its answer or given back, and forgotten after a day."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from django.db import IntegrityError, models, transaction
from django.utils import timezone

from diagnosis.idempotency.models import KeptAnswer

if TYPE_CHECKING:
    from accounts.models import User

KEPT_FOR: Final = timedelta(hours=24)
# Longer than any web request lives: whoever still holds a key then has died over it.
GIVEN_UP_AFTER: Final = timedelta(minutes=5)
SWEEP_BATCH: Final = 1000


class KeyReused(Exception):
    """The key stands for another request."""


class InFlight(Exception):
    """The first request with this key is being worked on."""


def take(user: User, key: str, fingerprint: str) -> KeptAnswer:
    """Take a key to work on its request.

    Returns:
        The row: with a ``status``, the answer is there already; without one, the caller does the work and then calls
        ``keep`` or ``give_back``.

    Raises:
        KeyReused: the key was used for another request.
        InFlight: somebody else does the work at this moment.
    """
    now = timezone.now()
    try:
        with transaction.atomic():
            return KeptAnswer.objects.create(user=user, key=key, fingerprint=fingerprint, started_at=now)
    except IntegrityError:
        pass
    row = KeptAnswer.objects.filter(user=user, key=key).first()
    if row is None:
        # The other request came to nothing in between; its sender may as well send it again.
        raise InFlight
    if row.created_at < now - KEPT_FOR:
        return _taken_over(row, fingerprint, KeptAnswer.objects.filter(pk=row.pk, created_at=row.created_at))
    if row.fingerprint != fingerprint:
        raise KeyReused
    if row.status is not None:
        return row
    if row.started_at > now - GIVEN_UP_AFTER:
        raise InFlight
    return _taken_over(row, fingerprint, _held(row))


def keep(row: KeptAnswer, *, status: int, body: str, location: str) -> None:
    """Store the answer with the key."""
    _held(row).update(status=status, body=body, location=location[:400])


def give_back(row: KeptAnswer) -> None:
    """Nothing was made: the key is free again."""
    _held(row).delete()


def sweep() -> int:
    """Forget what is older than a day. Returns how many keys that were."""
    old = KeptAnswer.objects.filter(created_at__lt=timezone.now() - KEPT_FOR)
    forgotten, _ = KeptAnswer.objects.filter(pk__in=list(old.values_list("pk", flat=True)[:SWEEP_BATCH])).delete()
    return forgotten


def _held(row: KeptAnswer) -> models.QuerySet[KeptAnswer]:
    return KeptAnswer.objects.filter(pk=row.pk, status__isnull=True, started_at=row.started_at)


def _taken_over(row: KeptAnswer, fingerprint: str, unchanged: models.QuerySet[KeptAnswer]) -> KeptAnswer:
    now = timezone.now()
    fields = {"created_at": now, "started_at": now, "fingerprint": fingerprint, "status": None, "body": ""}
    if not unchanged.update(**fields):
        raise InFlight
    return KeptAnswer.objects.get(pk=row.pk)

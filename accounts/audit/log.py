"""The one way into the log."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from django.core.serializers.json import DjangoJSONEncoder
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import User

from . import origin
from .chain import hash_of
from .models import GENESIS, Entry, Head, kind_of

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser
    from django.db.models import Model
    from django.http import HttpRequest

    from accounts.models import Site

_MAX_TARGET_ID: Final = 128


def record(
    action: str,
    *,
    actor: User | AnonymousUser | None,
    target: Model | None = None,
    site: Site | None = None,
    details: Mapping[str, Any] | None = None,
    request: HttpRequest | None = None,
    actor_name: str = "",
) -> Entry:
    """Append an entry, in the transaction of the caller if there is one: both stand or fall together.

    **Make it the last statement of that transaction.** It takes the lock on the head of the chain, which every other
    recorder waits for until the transaction ends; and who locks rows after it may wait for one that waits for the
    head. Outside of a transaction (the view of a page) the lock is held for one insert and one update.

    Args:
        action: a name of ``actions.Action``.
        actor: who did it; None for nobody known and for the machine itself.
        target: the row it was done to. Only its kind and key are kept.
        site: whose administrators may read the entry; None: only those of the installation.
        details: what else matters, in JSON. **Keys and codes only**: no patient reference, no file name, no note, no
            secret. An entry can never be taken back.
        request: where it came from, for callers outside of the middleware. Below it the request being answered counts.
        actor_name: a name to keep where there is no actor, such as the account of a failed log-in.
    """
    where = origin.current()
    if where is origin.NOWHERE and request is not None:
        where = origin.of(request)
    known = actor if isinstance(actor, User) else None
    entry = Entry(
        action=action,
        actor_id=known.pk if known else None,
        actor_name=known.get_username() if known else actor_name[:150],
        site_id=site.pk if site else None,
        target_type=kind_of(target) if target is not None else "",
        target_id=str(target.pk)[:_MAX_TARGET_ID] if target is not None else "",
        address=where.address,
        request_id=where.request_id,
        # As it will come back from the database, or the hash would not be found again.
        details=json.loads(json.dumps(details or {}, cls=DjangoJSONEncoder, allow_nan=False)),
    )
    with transaction.atomic(savepoint=False):
        head = _locked_head()
        # Under the lock, so that times stand in the order of positions.
        entry.at = timezone.now()
        entry.pk = head.position + 1
        entry.previous_hash = head.hash
        entry.hash = hash_of(entry)
        entry.save()
        Head.objects.filter(pk=head.pk).update(position=entry.pk, hash=entry.hash)
    return entry


def _locked_head() -> Head:
    wanted = Head.objects.select_for_update()
    head = wanted.filter(pk=Head.ONLY).first()
    if head is None:
        last = Entry.objects.first()
        try:
            with transaction.atomic():
                Head.objects.create(position=last.pk if last else 0, hash=last.hash if last else GENESIS)
        except IntegrityError:
            pass  # Somebody else was first.
        head = wanted.get(pk=Head.ONLY)
    return head

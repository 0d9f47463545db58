"""Keeping the records true to Django's sessions, reading them, and ending sessions by them."""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module
from typing import Any, Final

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.core.validators import validate_ipv46_address
from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.signals import post_delete
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import timezone

from accounts.lockout import client_address
from accounts.models import User

from .models import SessionRecord

# "Last seen" is written at most this often, not with every click.
RESOLUTION_S: Final = 60


def live_records(user: User | None = None) -> QuerySet[SessionRecord]:
    """Records whose sessions would still be let in, newest first: neither ended, expired, nor idle for too long."""
    idle = timedelta(minutes=settings.ISOLINE_IDLE_MINUTES, seconds=RESOLUTION_S)
    session = Session.objects.filter(session_key=OuterRef("session_key"), expire_date__gt=timezone.now())
    records = SessionRecord.objects.filter(Exists(session), seen_at__gt=timezone.now() - idle)
    return records if user is None else records.filter(user=user)


def keep(request: HttpRequest, user: User) -> None:
    """Write down that the user's session was used just now."""
    if request.session.session_key is None:
        request.session.save()
    SessionRecord.objects.update_or_create(
        session_key=request.session.session_key,
        defaults={
            "user": user,
            "address": _address(request),
            "user_agent": request.headers.get("User-Agent", "")[:300],
            "seen_at": timezone.now(),
        },
    )


def seen(request: HttpRequest, user: User) -> None:
    """As ``keep``, once per ``RESOLUTION_S``; a session from before these records gets one, too."""
    if not cache.add(_seen_key(request), 1, RESOLUTION_S):
        return
    record = SessionRecord.objects.filter(session_key=request.session.session_key, user=user)
    if not record.update(seen_at=timezone.now(), address=_address(request)):
        keep(request, user)


def _seen_key(request: HttpRequest) -> str:
    return f"session-seen:{request.session.session_key}"


def rename(old_key: str, new_key: str) -> None:
    """Django gives a session a new key when its owner changes the password; it stays the same session."""
    SessionRecord.objects.filter(session_key=old_key).update(session_key=new_key)


def end(records: QuerySet[SessionRecord]) -> int:
    """End these sessions; returns how many."""
    # One by one, so that each takes its session with it.
    return sum(bool(record.delete()[0]) for record in records)


def end_all(user: User) -> int:
    """End every session of the user."""
    return end(SessionRecord.objects.filter(user=user))


def _address(request: HttpRequest) -> str | None:
    address = client_address(request)
    try:
        validate_ipv46_address(address)
    except ValidationError:
        return None
    return address


@receiver(user_logged_in)
def _logged_in(sender: Any, request: Any, user: Any, **kwargs: Any) -> None:
    # A token opened over the API is no session.
    if request is not None and hasattr(request, "session") and SESSION_KEY in request.session:
        # Records of sessions that ended by themselves go when their owner comes back.
        stale = SessionRecord.objects.filter(user=user).exclude(pk__in=live_records(user).values("pk"))
        stale.exclude(session_key=request.session.session_key).delete()
        keep(request, user)
        cache.set(_seen_key(request), 1, RESOLUTION_S)


@receiver(user_logged_out)
def _logged_out(sender: Any, request: Any, **kwargs: Any) -> None:
    if request is not None and hasattr(request, "session") and (key := request.session.session_key):
        SessionRecord.objects.filter(session_key=key).delete()


@receiver(post_delete, sender=SessionRecord)
def _end_session(sender: Any, instance: SessionRecord, **kwargs: Any) -> None:
    import_module(settings.SESSION_ENGINE).SessionStore(instance.session_key).delete()

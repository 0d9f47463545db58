"""A log-in between its two halves: the password was right, the second factor is still to come.

Nobody is logged in meanwhile. The session holds only whose log-in waits, for a few minutes and only while the
password stays what it was; every view and the API see an anonymous visitor.
"""

from __future__ import annotations

import time
from typing import Any, Final

from django.contrib.auth import login
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

from accounts.audit.actions import Action
from accounts.models import User

from .notes import kind_of, note

WITHIN_S: Final = 10 * 60
_KEY: Final = "second_factor_pending"
_BACKEND: Final = "accounts.backends.RoleBackend"


def begin(request: HttpRequest, user: User, *, next_url: str) -> None:
    """Remember that this visitor has given the user's password."""
    # As at any log-in: whoever planted the old key does not know the new one.
    request.session.cycle_key()
    request.session[_KEY] = {
        "user": user.pk,
        "hash": user.get_session_auth_hash(),
        "until": time.time() + WITHIN_S,
        "next": next_url,
    }


def user_of(request: HttpRequest) -> User | None:
    """Whose log-in waits in this session."""
    waiting = request.session.get(_KEY)
    if not waiting or time.time() > waiting["until"]:
        return None
    user = User.objects.filter(pk=waiting["user"], is_active=True).first()
    if user is None or not constant_time_compare(waiting["hash"], user.get_session_auth_hash()):
        return None
    return user


def next_url(request: HttpRequest) -> str:
    """Where the visitor wanted to go; the log-in form has made sure that it is ours."""
    return str(request.session.get(_KEY, {}).get("next", ""))


def finish(request: HttpRequest, user: User, device: Any) -> None:
    """Log the user in, verified by the device."""
    request.session.pop(_KEY, None)
    # django-otp keeps it in the session as soon as `login` has made one.
    user.otp_device = device  # type: ignore[attr-defined]
    login(request, user, backend=_BACKEND)
    note(Action.SECOND_FACTOR_VERIFIED, user, kind=kind_of(device))


def give_up(request: HttpRequest) -> None:
    request.session.pop(_KEY, None)

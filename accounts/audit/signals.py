"""Log-in, failed log-in, lock-out and log-out, wherever they happen: form, API or Django admin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from axes.signals import user_locked_out
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import receiver

from accounts.models import User

from .actions import Action
from .log import record
from .origin import TIMED_OUT
from .selectors import home_of

if TYPE_CHECKING:
    from django.http import HttpRequest


@receiver(user_logged_in)
def note_log_in(sender: object, request: HttpRequest, user: User, **kwargs: Any) -> None:
    record(
        Action.LOGGED_IN, actor=user, target=user, site=home_of(user), details={"by": _way(request)}, request=request
    )


@receiver(user_login_failed)
def note_failed_log_in(
    sender: object,
    credentials: dict[str, Any],
    request: HttpRequest | None = None,
    reason: str = "credentials",
    **kwargs: Any,
) -> None:
    # While a lock-out lasts, django-axes refuses before anything is compared.
    locked = getattr(request, "axes_locked_out", False) and getattr(request, "axes_failures_since_start", None) is None
    refuse_log_in(str(credentials.get("username") or ""), request, reason="locked_out" if locked else reason)


def refuse_log_in(username: str, request: HttpRequest | None, *, reason: str) -> None:
    """A log-in that failed. What was typed as a name is kept only if it is one: people type passwords there."""
    _about(Action.LOGIN_FAILED, username, request, reason=reason)


@receiver(user_locked_out)
def note_lock_out(sender: object, request: HttpRequest, username: str | None, **kwargs: Any) -> None:
    # Sent again for every attempt while the lock-out lasts; those are failed log-ins.
    if getattr(request, "axes_failures_since_start", None) is not None:
        _about(Action.LOCKED_OUT, username or "", request)


@receiver(user_logged_out)
def note_log_out(sender: object, request: HttpRequest, user: User | None, **kwargs: Any) -> None:
    if user is None:
        return
    timed_out = request.session.get(TIMED_OUT, False)
    action = Action.TIMED_OUT if timed_out else Action.LOGGED_OUT
    record(action, actor=user, target=user, site=home_of(user), request=request)


def _about(action: Action, username: str, request: HttpRequest | None, **details: str) -> None:
    user = User.objects.filter(username=username).first() if username else None
    record(
        action,
        actor=None,
        actor_name=user.get_username() if user else "",
        target=user,
        site=home_of(user) if user else None,
        details={**details, "by": _way(request), "known_account": user is not None},
        request=request,
    )


def _way(request: HttpRequest | None) -> str:
    if request is None:
        return "command"
    return "api" if request.path.startswith("/api/") else "browser"

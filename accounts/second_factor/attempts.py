"""Wrong codes and wrong proofs count like wrong passwords: the same limit, the same lock-out (django-axes).

axes keeps the form that failed. It is given a bare request instead of the real one: neither a code nor the text of a
report that was being signed belongs into a list of failed log-ins. The real request is not marked as locked out
either, so that the page that asked can say so without losing what was typed.
"""

from __future__ import annotations

from typing import Any

from axes.handlers.proxy import AxesProxyHandler
from django.contrib.auth.signals import user_login_failed
from django.http import HttpRequest

from accounts.lockout import client_address
from accounts.models import User


def _bare(request: Any) -> HttpRequest:
    bare = HttpRequest()
    bare.META = request.META
    bare.path = bare.path_info = request.path
    bare.method = request.method
    return bare


def _credentials(user: User) -> dict[str, str]:
    return {"username": user.get_username()}


def locked_out(request: Any, user: User) -> bool:
    return not AxesProxyHandler.is_allowed(_bare(request), _credentials(user))


def count_failed_log_in(request: Any, user: User) -> bool:
    """Say that somebody who knows the password did not have the second factor.

    Returns:
        Whether the account is locked for this address now.
    """
    bare = _bare(request)
    user_login_failed.send(sender=__name__, credentials=_credentials(user), request=bare, reason="second_factor")
    return bool(getattr(bare, "axes_locked_out", False))


def count_failed_proof(request: Any, user: User) -> bool:
    """As above for somebody who is logged in: no log-in failed, but it counts towards the lock-out all the same."""
    bare = _bare(request)
    AxesProxyHandler.user_login_failed(sender=__name__, credentials=_credentials(user), request=bare)
    return bool(getattr(bare, "axes_locked_out", False))


def forget_failures(request: Any, user: User) -> None:
    AxesProxyHandler.reset_attempts(username=user.get_username(), ip_address=client_address(request))

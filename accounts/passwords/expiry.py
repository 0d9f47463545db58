"""Passwords that have become too old, where a role's rules say that they can.

Off by default: NIST SP 800-63B (5.1.1.2) advises against changing passwords by the calendar.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import Role, User
from accounts.second_factor.models import RolePolicy, role_in_force

from .models import PastPassword

_KEY: Final = "password_expired"


def password_set_at(user: User) -> datetime:
    newest = PastPassword.objects.filter(user=user).first()
    return newest.set_at if newest else user.date_joined


def has_expired(user: User) -> bool:
    """Whether the rules of the user's role ask for a new password now. Those of programs never expire."""
    if user.role == Role.API_CLIENT:
        return False
    policy = RolePolicy.objects.filter(role=role_in_force(user), password_max_age_days__isnull=False).first()
    if policy is None or policy.password_max_age_days is None:
        return False
    return password_set_at(user) < timezone.now() - timedelta(days=policy.password_max_age_days)


def must_change(request: HttpRequest) -> bool:
    """Whether this session began with an expired password that is still the present one."""
    expired = request.session.get(_KEY)
    return expired is not None and expired == request.session.get(HASH_SESSION_KEY)


@receiver(user_logged_in)
def _logged_in(sender: Any, request: Any, user: Any, **kwargs: Any) -> None:
    if request is not None and hasattr(request, "session") and SESSION_KEY in request.session and has_expired(user):
        # The hash of the session, not just "yes": it changes with the password, and with it the answer.
        request.session[_KEY] = request.session.get(HASH_SESSION_KEY)

"""Asking somebody who is logged in for the password again, before something that outlives the log-in."""

from __future__ import annotations

from django.contrib.auth import authenticate
from django.http import HttpRequest

from .models import User


def password_is_right(request: HttpRequest, user: User, password: str) -> bool:
    """Whether this is the user's password. Failures are counted, and lock the account out, as those at log-in do."""
    found = authenticate(request=request, username=user.get_username(), password=password)
    return found is not None and found.pk == user.pk

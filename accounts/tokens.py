"""API tokens: opened with a password, stored as a hash, ended by time, by their owner or by a new password."""

from __future__ import annotations

from datetime import datetime

from knox.models import AuthToken

from .models import User


def open_token(user: User) -> tuple[str, datetime]:
    """Make a token.

    Returns:
        The token, readable only this once, and when it expires.
    """
    row, token = AuthToken.objects.create(user=user)
    return token, row.expiry


def revoke_tokens(user: User) -> None:
    """End every token of the user."""
    AuthToken.objects.filter(user=user).delete()

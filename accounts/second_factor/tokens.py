"""What opening an API token asks beside the password.

A token opens what a log-in opens, so it asks for what a log-in asks. Programs (role API client) have no second factor
and are not asked for one: nobody is there to type a code. A token that is open stays open when a rule changes; it
ends by itself, or in Django admin.
"""

from __future__ import annotations

from django.http import HttpRequest
from django.utils.translation import gettext as _
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied

from accounts.audit.signals import refuse_log_in
from accounts.models import User
from accounts.passwords.expiry import has_expired

from . import attempts
from .factors import CodeRefused, check_code, standing_of


def check_for_token(request: HttpRequest, user: User, code: str) -> None:
    """Raise REST framework's error unless this user, who has given the password, may open a token with this code."""
    standing = standing_of(user)
    if standing.has_factor:
        _check(request, user, code)
    elif standing.is_required:
        _note(request, user, "second_factor_setup_required")
        raise PermissionDenied(
            _("Your role requires a second factor. Set one up in the browser first."),
            code="second_factor_setup_required",
        )
    if has_expired(user):
        _note(request, user, "password_expired")
        raise PermissionDenied(
            _("Your password has expired. Log in in the browser and choose a new one."), code="password_expired"
        )


def _check(request: HttpRequest, user: User, code: str) -> None:
    if not code.strip():
        _note(request, user, "second_factor_missing")
        raise AuthenticationFailed(
            _("This account has a second factor. Send the code of your app, or a recovery code, as “otp”."),
            code="second_factor_required",
        )
    try:
        check_code(user, code)
    except CodeRefused as refused:
        if not refused.counts:
            _note(request, user, refused.code)
        elif attempts.count_failed_log_in(request, user):
            # Its middleware answers 429 now, as after the last wrong password.
            request.axes_locked_out = True  # type: ignore[attr-defined]
        raise AuthenticationFailed(refused.message, code=refused.code) from refused


def _note(request: HttpRequest, user: User, reason: str) -> None:
    """Of somebody who had the password. Wrong codes are noted where they are counted."""
    refuse_log_in(user.get_username(), request, reason=reason)

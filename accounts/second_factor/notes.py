"""What the audit log hears of second factors: which kind, never a secret, a code or the name of a device."""

from __future__ import annotations

from typing import Any

from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.audit.actions import Action
from accounts.audit.log import record
from accounts.audit.selectors import home_of
from accounts.models import User


def note(action: Action, user: User, **details: Any) -> None:
    """Make an entry about what the user did about their own second factor."""
    record(action, actor=user, target=user, site=home_of(user), details=details)


def kind_of(device: Any) -> str:
    """``app``, ``recovery_code`` or ``passkey``."""
    if isinstance(device, TOTPDevice):
        return "app"
    return "recovery_code" if isinstance(device, StaticDevice) else "passkey"

"""Which second factors somebody has; setting up, checking and removing them.

One-time codes and recovery codes are devices of django-otp (https://django-otp-official.readthedocs.io/), passkeys
those of django-otp-webauthn. Recovery codes alone are no second factor: they stand in for one that is lost.
"""

from __future__ import annotations

from base64 import b32encode
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import django_otp
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django_otp.oath import TOTP
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice, default_key
from django_otp_webauthn.models import WebAuthnCredential

from accounts.audit.actions import Action
from accounts.audit.log import record
from accounts.audit.selectors import home_of
from accounts.models import Role, User
from accounts.sessions.records import end_all
from accounts.tokens import revoke_tokens

from . import recovery
from .models import RolePolicy, role_in_force
from .notes import kind_of, note

TOTP_DIGITS: Final = 6
# What django-otp calls any of its devices; the library has no types.
Device = Any


class CodeRefused(Exception):
    """A code that does not open. ``message`` is for the person, ``code`` for programs, ``counts`` against guessing."""

    def __init__(self, code: str, message: str, *, counts: bool = True) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.counts = counts


@dataclass(frozen=True)
class Standing:
    """What holds for a user: whether there is a second factor, and whether the role asks for one."""

    has_factor: bool
    is_required: bool


@dataclass(frozen=True)
class Factors:
    """What the user has, for their own page."""

    totp: Device | None
    passkeys: list[Device]
    recovery_codes_left: int

    @property
    def any(self) -> bool:
        return self.totp is not None or bool(self.passkeys)


def standing_of(user: User) -> Standing:
    """One query, asked with every request of a session: what an administrator changes holds from the next click."""
    row = (
        User.objects.filter(pk=user.pk)
        .values_list(
            Exists(TOTPDevice.objects.filter(user=OuterRef("pk"), confirmed=True)),
            Exists(WebAuthnCredential.objects.filter(user=OuterRef("pk"), confirmed=True)),
            Exists(RolePolicy.objects.filter(role=role_in_force(user), second_factor_required=True)),
        )
        .first()
    )
    if row is None:
        return Standing(has_factor=False, is_required=False)
    totp, passkey, required = row
    return Standing(has_factor=totp or passkey, is_required=required and user.role != Role.API_CLIENT)


def has_second_factor(user: User) -> bool:
    return standing_of(user).has_factor


def factors_of(user: User) -> Factors:
    return Factors(
        totp=TOTPDevice.objects.filter(user=user, confirmed=True).first(),
        passkeys=list(WebAuthnCredential.objects.filter(user=user, confirmed=True).order_by("created_at")),
        recovery_codes_left=recovery.left(user),
    )


def check_code(user: User, code: str) -> Device:
    """The device that accepts a one-time or recovery code, which is used up by it.

    Raises:
        CodeRefused: wrong, used before, or tried again too soon after a wrong one.
    """
    typed = "".join(code.split()).replace("-", "").lower()
    if not typed:
        raise CodeRefused("code_missing", _("Enter a code."), counts=False)
    is_totp = typed.isdecimal() and len(typed) == TOTP_DIGITS
    model = TOTPDevice if is_totp else StaticDevice
    device = model.objects.filter(user=user, confirmed=True).first()
    if device is None:
        raise _wrong()
    allowed, why = device.verify_is_allowed()
    if not allowed:
        raise _too_soon(why["locked_until"])
    if is_totp and _was_used(device, int(typed)):
        raise CodeRefused(
            "code_used", _("This code has been used already. Wait until your app shows the next one."), counts=False
        )
    token = typed if is_totp else recovery.digest(user, typed)
    if (verified := django_otp.verify_token(user, device.persistent_id, token)) is None:
        raise _wrong()
    return verified


def _wrong() -> CodeRefused:
    return CodeRefused(
        "code_wrong",
        _("This code is not right. Enter the six digits your app shows now, or one of your recovery codes."),
    )


def _too_soon(until: datetime) -> CodeRefused:
    seconds = max(1, round((until - timezone.now()).total_seconds()))
    text = ngettext(
        "After a wrong code there is a pause. Try again in %(seconds)d second.",
        "After a wrong code there is a pause. Try again in %(seconds)d seconds.",
        seconds,
    )
    return CodeRefused("code_too_soon", text % {"seconds": seconds}, counts=False)


def _was_used(device: Device, token: int) -> bool:
    """Whether the code is a right one of these minutes that has let somebody in before."""
    totp = TOTP(device.bin_key, device.step, device.t0, device.digits, device.drift)
    now = totp.t()
    for step in range(now - device.tolerance, min(now + device.tolerance, device.last_t) + 1):
        totp.drift = device.drift + step - now
        if totp.token() == token:
            return True
    return False


def new_totp_key() -> str:
    """A secret for an authenticator app, in hexadecimal."""
    return str(default_key())


def totp_secret_for_people(key: str) -> str:
    """The secret as apps take it by hand: base 32 in groups of four."""
    text = b32encode(bytes.fromhex(key)).decode().rstrip("=")
    return " ".join(text[start : start + 4] for start in range(0, len(text), 4))


def totp_address(user: User, key: str) -> str:
    """The ``otpauth://`` address that a QR code holds."""
    return str(TOTPDevice(user=user, key=key).config_url)


def set_up_totp(user: User, *, key: str, code: str) -> Device:
    """Keep the secret once a code shows that the app has it.

    Raises:
        CodeRefused: the code does not fit the secret, or there is an app already.
    """
    with transaction.atomic():
        # Two tabs at once must not leave two apps.
        User.objects.select_for_update().get(pk=user.pk)
        if TOTPDevice.objects.filter(user=user, confirmed=True).exists():
            raise CodeRefused("totp_exists", _("You have an authenticator app already. Remove it first."), counts=False)
        device = TOTPDevice.objects.create(user=user, key=key, name="app")
        typed = "".join(code.split())
        if len(typed) != TOTP_DIGITS or not device.verify_token(typed):
            raise CodeRefused(
                "code_wrong",
                _("This code does not fit. Check that the clock of your phone is right and enter the code shown now."),
                counts=False,
            )
        note(Action.SECOND_FACTOR_ADDED, user, kind=kind_of(device))
    return device


def remove(device: Device) -> None:
    """Take one second factor away; with the last one go the recovery codes."""
    user = device.user
    with transaction.atomic():
        device.delete()
        if not has_second_factor(user):
            StaticDevice.objects.filter(user=user).delete()
        note(Action.SECOND_FACTOR_REMOVED, user, kind=kind_of(device))


def reset(user: User, *, by: User | None = None) -> None:
    """Take every second factor of the user away, for somebody who has lost them. Sessions and tokens end, too.

    ``by`` is who does it, None on the server.
    """
    with transaction.atomic():
        for model in django_otp.device_classes():
            model.objects.filter(user=user).delete()
        end_all(user)
        revoke_tokens(user, by=by)
        record(Action.SECOND_FACTOR_RESET, actor=by, target=user, site=home_of(user))


def other_device(user: User, *, than: Device) -> Device | None:
    """A second factor that remains when one is removed, to keep the session in which that happens."""
    for model in (TOTPDevice, WebAuthnCredential):
        found = model.objects.filter(user=user, confirmed=True)
        if isinstance(than, model):
            found = found.filter(~Q(pk=than.pk))
        if (device := found.first()) is not None:
            return device
    return None

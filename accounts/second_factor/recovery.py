"""Recovery codes: ten, each good once, for the day the phone is lost.

They are django-otp's static tokens, with its throttling; but the database keeps only a digest of each, so that a copy
of it opens nothing. A code has 60 random bits and its digest 80, so it cannot be found by trying.
"""

from __future__ import annotations

import secrets
from base64 import b32encode
from hashlib import sha256
from typing import Final

from django.db import transaction
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken

from accounts.audit.actions import Action
from accounts.models import User

from .notes import note

COUNT: Final = 10
NAME: Final = "recovery codes"
_ALPHABET: Final = "abcdefghijkmnpqrstuvwxyz23456789"  # without l, o, 0, 1: read from paper
_LENGTH: Final = 12


def make(user: User) -> list[str]:
    """Replace the user's recovery codes.

    Returns:
        The new codes as ``xxxx-xxxx-xxxx``, readable only this once.
    """
    codes = ["".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH)) for _ in range(COUNT)]
    with transaction.atomic():
        device, _ = StaticDevice.objects.get_or_create(user=user, name=NAME)
        device.token_set.all().delete()
        StaticToken.objects.bulk_create(StaticToken(device=device, token=digest(user, code)) for code in codes)
        device.throttle_reset()
        note(Action.RECOVERY_CODES_MADE, user)
    return ["-".join((code[:4], code[4:8], code[8:])) for code in codes]


def left(user: User) -> int:
    """How many codes are not used yet."""
    return StaticToken.objects.filter(device__user=user, device__name=NAME).count()


def digest(user: User, code: str) -> str:
    """What the database keeps of a code (without dashes and in lower case): 16 characters of base 32."""
    return b32encode(sha256(f"isoline-recovery:{user.pk}:{code}".encode()).digest()[:10]).decode()

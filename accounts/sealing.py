"""Secrets that have to come back, encrypted for the database (Fernet: AES-128-CBC with HMAC-SHA-256).

The key is made from SECRET_KEY: a copy of the database alone gives nothing away. After SECRET_KEY has changed, what was
sealed under one of SECRET_KEY_FALLBACKS can still be read; anything else has to be entered again.
"""

from __future__ import annotations

import base64

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.utils.crypto import salted_hmac


class Unreadable(Exception):
    """It was sealed under another SECRET_KEY, or for another purpose."""


def seal(secret: str, *, purpose: str) -> str:
    """Encrypt a secret; what is sealed for one purpose cannot be read for another."""
    return _box(purpose).encrypt(secret.encode()).decode()


def unseal(sealed: str, *, purpose: str) -> str:
    """
    Raises:
        Unreadable: SECRET_KEY changed and the former one is not in SECRET_KEY_FALLBACKS.
    """
    try:
        return _box(purpose).decrypt(sealed.encode()).decode()
    except InvalidToken as error:
        raise Unreadable from error


def _box(purpose: str) -> MultiFernet:
    secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return MultiFernet([Fernet(_key(secret, purpose)) for secret in secrets])


def _key(secret: str, purpose: str) -> bytes:
    digest = salted_hmac(purpose, "key", secret=secret, algorithm="sha256").digest()
    return base64.urlsafe_b64encode(digest)

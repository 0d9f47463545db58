"""Secrets of webhooks, and the signature that proves to the receiver that a message is ours and new."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from typing import Final

from accounts import sealing

SIGNATURE_HEADER: Final = "Isoline-Signature"
_PURPOSE: Final = "isoline.webhooks.secret"


def new_secret() -> str:
    return f"whsec_{secrets.token_urlsafe(32)}"


def seal(secret: str) -> str:
    """Encrypt a secret for the database: it has to come back to sign with, so a hash would not do."""
    return sealing.seal(secret, purpose=_PURPOSE)


def unseal(sealed: str) -> str:
    """
    Raises:
        sealing.Unreadable: SECRET_KEY changed and the former one is not in SECRET_KEY_FALLBACKS.
    """
    return sealing.unseal(sealed, purpose=_PURPOSE)


def signature(secret: str, body: str, *, at: int | None = None) -> str:
    """``t=<seconds since 1970>,v1=<HMAC-SHA256 of "t.body" in hexadecimal>``."""
    moment = int(time.time()) if at is None else at
    digest = hmac.new(secret.encode(), f"{moment}.{body}".encode(), hashlib.sha256).hexdigest()
    return f"t={moment},v1={digest}"

"""“Are you the one who signs?”: asked of somebody who is logged in, before what only they may do.

Who has a second factor proves it with that; who has none, with the password. ``templates/second_factor/_proof.html``
draws the fields (``password``, ``code``, or a button for a passkey) for what ``asked_of`` says.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, Literal

from django.utils.translation import gettext as _

from accounts.audit.actions import Action
from accounts.models import User

from . import attempts
from .factors import CodeRefused, check_code, factors_of
from .notes import note

Proof = Literal["password", "totp", "passkey"]
Asked = Literal["password", "code", "passkey"]

# How long a touch of the passkey counts; it is used up by one proof.
PASSKEY_WITHIN_S: Final = 2 * 60
_PASSKEY_KEY: Final = "passkey_proved_at"


class ProofRefused(Exception):
    """Not proved. ``message`` tells the person what to do.

    Attributes:
        code: ``password_missing``, ``password_wrong``, ``code_missing``, ``code_wrong``, ``code_used``,
            ``code_too_soon`` or ``locked_out``.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    @property
    def api_code(self) -> str:
        """What a program is told: ``proof_missing``, ``wrong_password``, ``wrong_code`` or ``locked_out``."""
        return _API_CODES.get(self.code, "wrong_code")


_API_CODES: Final = {
    "password_missing": "proof_missing",
    "code_missing": "proof_missing",
    "password_wrong": "wrong_password",
    "locked_out": "locked_out",
}


def asked_of(user: User) -> Asked:
    """What the user has to give: the password, a code from the app, or a touch of the passkey (or a recovery code)."""
    factors = factors_of(user)
    if factors.totp is not None:
        return "code"
    return "passkey" if factors.passkeys else "password"


def passkey_touched(request: Any) -> None:
    """Note that the passkey of the logged-in user has just answered our challenge."""
    request.session[_PASSKEY_KEY] = [request.user.pk, time.time()]


def prove(request: Any, *, password: str = "", code: str = "") -> Proof:
    """Make sure that it is the logged-in user who asks for this.

    Wrong answers count like failed log-ins, and lock the account for this address when there are too many. Call it
    outside of a transaction: what it counts and notes of a wrong answer must outlive the refusal.

    Args:
        request: Django's or REST framework's, of a user who is logged in.
        password: what was typed into ``password``.
        code: what was typed into ``code``: six digits of the app, or a recovery code.

    Returns:
        What it was proved with; a recovery code is a one-time code too ("totp").

    Raises:
        ProofRefused: it was not.
    """
    user = request.user
    with _failures_noted(user):
        return _prove(request, user, password, code)


def _prove(request: Any, user: User, password: str, code: str) -> Proof:
    if attempts.locked_out(request, user):
        raise _locked_out()
    asked = asked_of(user)
    if asked == "password":
        _check_password(request, user, password)
        proof: Proof = "password"
    elif _use_touch(request, user):
        proof = "passkey"
    else:
        _check_code(request, user, code, asked)
        proof = "totp"
    attempts.forget_failures(request, user)
    return proof


def prove_by_password(request: Any, password: str) -> None:
    """Ask for the password even of somebody who has a second factor.

    Raises:
        ProofRefused: as ``prove``.
    """
    with _failures_noted(request.user):
        if attempts.locked_out(request, request.user):
            raise _locked_out()
        _check_password(request, request.user, password)


@contextmanager
def _failures_noted(user: User) -> Iterator[None]:
    try:
        yield
    except ProofRefused as refused:
        # An empty field is no attempt.
        if not refused.code.endswith("_missing"):
            note(Action.PROOF_FAILED, user, reason=refused.code)
        raise


def _use_touch(request: Any, user: User) -> bool:
    # A request with a token may bring the session of somebody else along.
    if not hasattr(request, "session") or request.session.get(_PASSKEY_KEY, [None])[0] != user.pk:
        return False
    _pk, touched = request.session.pop(_PASSKEY_KEY)
    return bool(time.time() - touched < PASSKEY_WITHIN_S)


def _check_password(request: Any, user: User, password: str) -> None:
    if not password:
        raise ProofRefused("password_missing", _("Enter your password."))
    if not user.check_password(password):
        if attempts.count_failed_proof(request, user):
            raise _locked_out()
        raise ProofRefused("password_wrong", _("This is not your password. Check it; it is case-sensitive."))


def _check_code(request: Any, user: User, code: str, asked: Asked) -> None:
    if not code.strip() and asked == "passkey":
        raise ProofRefused("code_missing", _("Use your passkey, or enter one of your recovery codes."))
    try:
        check_code(user, code)
    except CodeRefused as refused:
        if refused.counts and attempts.count_failed_proof(request, user):
            raise _locked_out() from refused
        raise ProofRefused(refused.code, refused.message) from refused


def _locked_out() -> ProofRefused:
    return ProofRefused("locked_out", _("Too many wrong entries. Try again in 15 minutes."))

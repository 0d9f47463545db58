"""Passkeys: the two ceremonies of django-otp-webauthn, fitted to our two-step log-in.

https://django-otp-webauthn.readthedocs.io/ · https://www.w3.org/TR/webauthn-3/
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django_otp_webauthn import exceptions
from django_otp_webauthn.helpers import WebAuthnHelper
from django_otp_webauthn.views import (
    BeginCredentialAuthenticationView,
    BeginCredentialRegistrationView,
    CompleteCredentialAuthenticationView,
    CompleteCredentialRegistrationView,
)

from accounts.audit.actions import Action
from accounts.models import Role, User

from . import attempts, fresh, pending
from .notes import kind_of, note
from .proof import passkey_touched


def own_domain(request: HttpRequest) -> str:
    """What a passkey is bound to: the host it was made at. ``ALLOWED_HOSTS`` has checked the name already."""
    return request.get_host().partition(":")[0]


class Ceremony(WebAuthnHelper):
    """Accepts answers from the address at which Isoline is open, unless ``PASSKEY_ORIGINS`` names others."""

    def get_allowed_origins(self) -> list[str]:
        return list(settings.OTP_WEBAUTHN_ALLOWED_ORIGINS) or [f"{self.request.scheme}://{self.request.get_host()}"]

    def register_complete(self, user: Any, state: dict[str, Any], data: dict[str, Any]) -> Any:
        with transaction.atomic():
            device = super().register_complete(user, state, data)
            note(Action.SECOND_FACTOR_ADDED, user, kind=kind_of(device))
        return device


class NotFresh(exceptions.OTPWebAuthnApiError):
    status_code = 403
    default_code = "not_fresh"
    default_detail = _("It has been a while since you proved who you are. Load the page again.")


class LockedOut(exceptions.OTPWebAuthnApiError):
    status_code = 429
    default_code = "locked_out"
    default_detail = _("Too many failed attempts. Try again in 15 minutes.")


class MachineAccount(exceptions.OTPWebAuthnApiError):
    status_code = 403
    default_code = "machine_account"
    default_detail = _("This account is for programs. They log in with a token from the API.")


class FreshRegistration:
    """Only for somebody who has just proved who they are."""

    request: HttpRequest

    def check_can_register(self) -> None:
        if not fresh.is_fresh(self.request):
            raise NotFresh


class BeginRegistration(FreshRegistration, BeginCredentialRegistrationView):
    pass


class CompleteRegistration(FreshRegistration, CompleteCredentialRegistrationView):
    pass


class PendingUser:
    """The ceremony is that of the user who is logged in, or of the one whose log-in waits, or of whoever comes."""

    request: HttpRequest

    def get_user(self) -> User | None:
        user: Any = self.request.user
        return user if user.is_authenticated else pending.user_of(self.request)


class BeginAuthentication(PendingUser, BeginCredentialAuthenticationView):
    pass


class CompleteAuthentication(PendingUser, CompleteCredentialAuthenticationView):
    """Finishes a waiting log-in, logs in without a password, or proves who is logged in (see ``proof``)."""

    def get_state(self) -> dict[str, Any]:
        state: dict[str, Any] = super().get_state()
        # A challenge for the second half of a log-in needs no PIN or fingerprint; it must not serve as the whole.
        if self.get_user() is None and not state["require_user_verification"]:
            raise exceptions.InvalidState
        return state

    def check_device_usable(self, device: Any) -> None:
        super().check_device_usable(device)
        if device.user.role == Role.API_CLIENT:
            raise MachineAccount
        if attempts.locked_out(self.request, device.user):
            raise LockedOut

    def complete_auth(self, device: Any) -> Any:
        self.was_logged_in = self.request.user.is_authenticated
        if self.was_logged_in:
            passkey_touched(self.request)
        else:
            self.wanted = pending.next_url(self.request)
            pending.finish(self.request, device.user, device)
        return device.user

    def get_success_data(self, device: Any) -> dict[str, Any]:
        # A page that asked for proof goes on by itself: its form is sent by static/js/passkey.js.
        return {"id": device.pk} if self.was_logged_in else super().get_success_data(device)

    def get_success_url(self) -> str:
        return self.wanted or super().get_success_url()

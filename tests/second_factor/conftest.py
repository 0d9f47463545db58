"""People with a second factor, and a clock for their codes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.models import User

LOGIN = "/accounts/login/"
VERIFY = "/accounts/second-factor/verify/"

CodeOf = Callable[[TOTPDevice], str]


@pytest.fixture(autouse=True)
def _no_pause(settings) -> None:
    """The pause after a wrong code has a test of its own; the others need not sit it out."""
    settings.OTP_TOTP_THROTTLE_FACTOR = 0
    settings.OTP_STATIC_THROTTLE_FACTOR = 0


@pytest.fixture
def app(clinician: User) -> TOTPDevice:
    """The clinician's authenticator app."""
    return TOTPDevice.objects.create(user=clinician, name="app")


@pytest.fixture
def code_of() -> CodeOf:
    """What the app shows now."""
    return lambda device: f"{totp(device.bin_key):06d}"


@pytest.fixture
def half_way(client: Client, clinician: User, app: TOTPDevice, password: str) -> Client:
    """A browser in which the clinician has given the password and not the code."""
    response = client.post(LOGIN, {"username": clinician.username, "password": password})
    assert response.url == VERIFY
    return client


@pytest.fixture
def verified(half_way: Client, app: TOTPDevice, code_of: CodeOf) -> Client:
    """The browser of the clinician, logged in with password and code."""
    half_way.post(VERIFY, {"code": code_of(app)})
    # The next code may be needed at once; it need not be waited for.
    TOTPDevice.objects.update(last_t=-1)
    return half_way

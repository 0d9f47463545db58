"""“Are you the one who signs?”"""

from __future__ import annotations

from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib.sessions.backends.db import SessionStore
from django.test import RequestFactory
from django_otp.plugins.otp_totp.models import TOTPDevice
from rest_framework.request import Request

from accounts.models import User
from accounts.second_factor import proof, recovery
from accounts.second_factor.proof import ProofRefused, asked_of, passkey_touched, prove
from tests.second_factor.conftest import CodeOf
from tests.second_factor.test_managing_it import make_passkey


@pytest.fixture
def request_of_the_clinician(rf: RequestFactory, clinician: User) -> Any:
    request = rf.post("/reports/1/sign/", {"text": "Mrs Miller has atrial fibrillation"})
    request.user = clinician
    request.session = SessionStore()
    return request


def refused(request: Any, **given: str) -> str:
    with pytest.raises(ProofRefused) as error:
        prove(request, **given)
    assert error.value.message
    return error.value.code


def test_without_a_second_factor_it_is_the_password(request_of_the_clinician: Any, password: str):
    assert asked_of(request_of_the_clinician.user) == "password"
    assert prove(request_of_the_clinician, password=password) == "password"
    assert refused(request_of_the_clinician) == "password_missing"
    assert refused(request_of_the_clinician, code="123456") == "password_missing"
    assert refused(request_of_the_clinician, password="wrong") == "password_wrong"


def test_with_an_app_it_is_the_code_and_the_password_no_longer_does(
    request_of_the_clinician: Any, app: TOTPDevice, code_of: CodeOf, password: str
):
    assert asked_of(request_of_the_clinician.user) == "code"
    assert refused(request_of_the_clinician, password=password) == "code_missing"
    assert refused(request_of_the_clinician, password=password, code="000000") == "code_wrong"
    assert prove(request_of_the_clinician, code=code_of(app)) == "totp"
    assert refused(request_of_the_clinician, code=code_of(app)) == "code_used"


def test_a_recovery_code_signs_once(request_of_the_clinician: Any, clinician: User, app: TOTPDevice):
    code = recovery.make(clinician)[0]

    assert prove(request_of_the_clinician, code=code) == "totp"
    assert refused(request_of_the_clinician, code=code) == "code_wrong"


def test_a_touch_of_the_passkey_signs_once_and_not_for_long(
    request_of_the_clinician: Any, clinician: User, password: str, monkeypatch: pytest.MonkeyPatch
):
    make_passkey(clinician)
    assert asked_of(clinician) == "passkey"
    assert refused(request_of_the_clinician, password=password) == "code_missing"

    passkey_touched(request_of_the_clinician)
    assert prove(request_of_the_clinician) == "passkey"
    assert refused(request_of_the_clinician) == "code_missing"

    passkey_touched(request_of_the_clinician)
    now = proof.time.time()
    monkeypatch.setattr(proof.time, "time", lambda: now + 121)
    assert refused(request_of_the_clinician) == "code_missing"


@pytest.mark.parametrize("with_app", [False, True])
def test_repeated_failures_lock_even_the_right_answer_out(
    request_of_the_clinician: Any, clinician: User, password: str, code_of: CodeOf, with_app: bool
):
    app = TOTPDevice.objects.create(user=clinician, name="app") if with_app else None
    wrong = {"code": "000000"} if app else {"password": "wrong"}
    for _ in range(4):
        refused(request_of_the_clinician, **wrong)
    assert refused(request_of_the_clinician, **wrong) == "locked_out"

    right = {"code": code_of(app)} if app else {"password": password}
    assert refused(request_of_the_clinician, **right) == "locked_out"
    # The caller's page answers, not the lock-out page: what was typed is not lost.
    assert not getattr(request_of_the_clinician, "axes_locked_out", False)


def test_a_request_of_the_api_will_do(request_of_the_clinician: Any, clinician: User, app: TOTPDevice, code_of: CodeOf):
    request_of_the_clinician._dont_enforce_csrf_checks = True
    request = Request(request_of_the_clinician)
    request.user = clinician

    assert refused(request, code="000000") == "code_wrong"
    assert prove(request, code=code_of(app)) == "totp"


def test_success_forgets_earlier_failures(request_of_the_clinician: Any, password: str):
    for _ in range(3):
        for _ in range(4):
            refused(request_of_the_clinician, password="wrong")
        prove(request_of_the_clinician, password=password)


def test_nothing_of_what_was_being_signed_is_kept_with_a_failure(request_of_the_clinician: Any):
    refused(request_of_the_clinician, password="wrong")

    kept = str(list(AccessAttempt.objects.values()))
    assert "carla" in kept
    assert "Miller" not in kept

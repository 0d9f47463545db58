"""What the documentation of the API shows of reports."""

from __future__ import annotations

from typing import Any, Final

from drf_spectacular.utils import OpenApiExample

_HOST: Final = "https://ecg.example.org"
_DIAGNOSIS: Final = "7b0c6a56-7d0f-4d8e-a3c5-2d7f0a3b9c11"
_REPORT: Final = "5d0f8a14-0d6b-4c55-8a52-6f1e7c3a2d13"
_TOKEN: Final = "5d0f8a140d6b4c558a526f1e7c3a2d13-2"  # noqa: S105

BRIEF: Final[dict[str, Any]] = {
    "id": _REPORT,
    "url": f"{_HOST}/api/v1/reports/{_REPORT}/",
    "version": 1,
    "state": "signed",
    "verdict": "override",
    "label": "history_mi",
    "signed_at": "2026-11-02T09:14:02Z",
}
_SIGNED: Final[dict[str, Any]] = {
    **BRIEF,
    "diagnosis": _DIAGNOSIS,
    "diagnosis_url": f"{_HOST}/api/v1/diagnoses/{_DIAGNOSIS}/",
    "findings": [{"code": "mi_old", "name": "Infarction, old", "snomed": "164867002"}],
    "comment": "Q waves in II, III and aVF; no acute changes.",
    "amendment_reason": "",
    "sent_back_because": "",
    "author": "carla",
    "created_at": "2026-11-02T09:11:40Z",
    "updated_at": "2026-11-02T09:14:02Z",
    "signatures": [{"user": "carla", "at": "2026-11-02T09:14:02Z", "proof": "password"}],
    "fingerprint": "486ea46224d1bb4fb680f34f7c9ad96a8f24ec88be73ea8e5a6c65260e9cb8a7",
    "intact": True,
    "code": "7K2M9QXA4TZ0",
    "token": _TOKEN,
}
_UNSIGNED: Final[dict[str, Any]] = {
    **_SIGNED,
    "state": "draft",
    "signed_at": None,
    "signatures": [],
    "fingerprint": "",
}
_AMENDMENT: Final[dict[str, Any]] = {
    **_UNSIGNED,
    "version": 2,
    "amendment_reason": "The old tracing was compared.",
}


def _answer(name: str, value: Any, status: int = 200) -> OpenApiExample:
    return OpenApiExample(name, value=value, response_only=True, status_codes=[str(status)])


def _request(name: str, value: Any) -> OpenApiExample:
    return OpenApiExample(name, value=value, request_only=True)


STANDING: Final = _answer("Signed once", {"open": None, "signed": _SIGNED, "earlier": []})
DRAFT_REQUEST: Final = _request(
    "Overruling the model",
    {"verdict": "override", "label": "history_mi", "findings": ["mi_old"], "comment": "No acute changes.", "token": ""},
)
DRAFT_BEGUN: Final = _answer("Begun", _UNSIGNED, 201)
DRAFT_CHANGED: Final = _answer("Changed", _UNSIGNED)
SIGN_REQUEST: Final = _request("With the password", {"token": _TOKEN, "password": "correct horse battery"})
SIGN_REQUEST_OTP: Final = _request("With a second factor", {"token": _TOKEN, "otp": "492039"})
SIGNED: Final = _answer("Signed", _SIGNED)
SEND_BACK_REQUEST: Final = _request("Why", {"reason": "Look at V2 again."})
SENT_BACK: Final = _answer("A draft again", {**_UNSIGNED, "sent_back_because": "Look at V2 again."})
AMEND_REQUEST: Final = _request("Why", {"reason": "The old tracing was compared."})
AMENDMENT: Final = _answer("Begun", _AMENDMENT, 201)

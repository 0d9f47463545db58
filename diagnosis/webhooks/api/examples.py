"""What the documentation of the API shows."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiExample

_HOOK = {
    "id": 3,
    "self_url": "https://ecg.example.org/api/v1/webhooks/3/",
    "site": {"id": 1, "name": "North Hospital"},
    "name": "Integration engine",
    "url": "https://engine.example.org/isoline",
    "events": ["diagnosis.done", "diagnosis.rejected"],
    "is_active": True,
    "note": "",
    "failures_in_a_row": 0,
    "failing_since": None,
    "last_success_at": "2026-11-02T08:20:31Z",
    "created_at": "2026-11-01T09:00:00Z",
}
_DELIVERY = {
    "id": "0b9f1d1e-4d0c-4f5a-8f27-1c9a2f1f7f10",
    "event": "diagnosis.done",
    "state": "done",
    "created_at": "2026-11-02T08:20:30Z",
    "finished_at": "2026-11-02T08:20:31Z",
    "attempts": 1,
    "due_at": "2026-11-02T08:20:30Z",
    "response_code": 204,
    "duration_ms": 84,
    "error": "",
    "answer": "",
    "body": '{"id": "0b9f1d1e-4d0c-4f5a-8f27-1c9a2f1f7f10", "event": "diagnosis.done", …}',
}
A_WEBHOOK = OpenApiExample("A webhook", value=_HOOK, response_only=True, status_codes=["200"])
WANTED = OpenApiExample(
    "For an integration engine",
    value={
        "site": 1,
        "name": "Integration engine",
        "url": "https://engine.example.org/isoline",
        "events": ["diagnosis.done", "diagnosis.rejected"],
    },
    request_only=True,
)
MADE = OpenApiExample(
    "Made",
    value={**_HOOK, "last_success_at": None, "secret": "whsec_Zr0…"},
    response_only=True,
    status_codes=["201"],
)
CHANGED = OpenApiExample("Turn it on again", value={"is_active": True}, request_only=True)
A_DELIVERY = OpenApiExample("Received", value=_DELIVERY, response_only=True, status_codes=["200"])
A_TEST = OpenApiExample(
    "On its way",
    value={
        **_DELIVERY,
        "event": "test",
        "state": "pending",
        "finished_at": None,
        "attempts": 0,
        "response_code": None,
        "duration_ms": None,
        "body": '{"id": "0b9f1d1e-4d0c-4f5a-8f27-1c9a2f1f7f10", "event": "test", …}',
    },
    response_only=True,
    status_codes=["202"],
)

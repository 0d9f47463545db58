"""What the documentation of the API shows of batches."""

from __future__ import annotations

from typing import Any, Final

from drf_spectacular.utils import OpenApiExample

_HOST: Final = "https://ecg.example.org"
_BATCH: Final = "5d0f6f1e-0f0c-4b59-8a3b-1f2e3d4c5b13"

_QUEUED: Final[dict[str, Any]] = {
    "id": _BATCH,
    "url": f"{_HOST}/api/v1/batches/{_BATCH}/",
    "page_url": f"{_HOST}/batches/{_BATCH}/",
    "status": "queued",
    "reason": "",
    "message": "",
    "name": "ward 3.zip",
    "site": {"id": 1, "name": "North Hospital"},
    "patient_reference": "",
    "note": "",
    "progress": {
        "total": 2,
        "waiting": 2,
        "stored": 0,
        "duplicate": 0,
        "refused": 0,
        "failed": 0,
        "being_read": 0,
    },
    "files": [
        {"name": "scans/1.png", "status": "waiting", "reason": "", "message": "", "upload": None, "diagnoses": []},
        {"name": "letter.docx", "status": "waiting", "reason": "", "message": "", "upload": None, "diagnoses": []},
    ],
    "created_at": "2026-11-02T08:20:28Z",
    "started_at": None,
    "finished_at": None,
}
_DONE: Final = {
    **_QUEUED,
    "status": "done",
    "progress": {**_QUEUED["progress"], "waiting": 0, "stored": 1, "refused": 1, "being_read": 1},
    "files": [
        {
            "name": "scans/1.png",
            "status": "stored",
            "reason": "",
            "message": "",
            "upload": "c1f5f3b0-3f6a-4f0e-9d2b-8c1f4a6f2b10",
            "diagnoses": ["7b0c6a56-7d0f-4d8e-a3c5-2d7f0a3b9c11"],
        },
        {
            "name": "letter.docx",
            "status": "refused",
            "reason": "unsupported_type",
            "message": "This is not a JPEG, PNG, TIFF, WebP or PDF file, whatever its name says. "
            "Export the ECG page as one of these.",
            "upload": None,
            "diagnoses": [],
        },
    ],
    "started_at": "2026-11-02T08:20:29Z",
    "finished_at": "2026-11-02T08:20:31Z",
}

BATCH_REQUEST: Final = OpenApiExample(
    "A ZIP archive",
    value={"file": ["(the archive)"], "note": "ward 3, October"},
    request_only=True,
    media_type="multipart/form-data",
)
BATCH_QUEUED: Final = OpenApiExample("Listed", value=_QUEUED, response_only=True, status_codes=["202"])
BATCH_DONE: Final = OpenApiExample("Taken in", value=_DONE, response_only=True, status_codes=["200"])

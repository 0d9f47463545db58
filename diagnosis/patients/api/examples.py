"""What the documentation of the API shows of patients."""

from __future__ import annotations

from typing import Final

from drf_spectacular.utils import OpenApiExample

_HOST: Final = "https://ecg.example.org"
_DIAGNOSIS: Final = "7b0c6a56-7d0f-4d8e-a3c5-2d7f0a3b9c11"

A_PATIENT: Final = OpenApiExample(
    "A patient",
    value={
        "url": f"{_HOST}/api/v1/patients/1/A-1041/",
        "site": {"id": 1, "name": "North Hospital"},
        "patient_reference": "A-1041",
        "pages": 3,
        "first": "2026-09-14T10:02:11Z",
        "last": "2026-11-02T08:20:28Z",
    },
    response_only=True,
    status_codes=["200"],
)
A_PATIENTS_PAGE: Final = OpenApiExample(
    "A page",
    value={
        "diagnosis": _DIAGNOSIS,
        "url": f"{_HOST}/api/v1/diagnoses/{_DIAGNOSIS}/",
        "upload": "c1f5f3b0-3f6a-4f0e-9d2b-8c1f4a6f2b10",
        "uploaded_at": "2026-11-02T08:20:28Z",
        "recorded_at": "2026-11-02T07:55:00Z",
        "status": "done",
        "label": "mi",
        "abstained": False,
        "confidence": 0.91,
        "report": {"verdict": "agree", "label": "", "signed_by": "rosa", "signed_at": "2026-11-02T09:01:44Z"},
        "measurements": {
            "heart_rate": 74,
            "pr_interval": 162,
            "qrs_duration": 96,
            "qtc_fridericia": 431,
            "qrs_axis": 34,
        },
    },
    response_only=True,
    status_codes=["200"],
)

"""What the documentation of the API shows: one made-up page on its way."""

from __future__ import annotations

from typing import Any, Final

from drf_spectacular.utils import OpenApiExample

from diagnosis.review.api.examples import BRIEF as REPORT_BRIEF

_HOST: Final = "https://ecg.example.org"
_UPLOAD: Final = "c1f5f3b0-3f6a-4f0e-9d2b-8c1f4a6f2b10"
_DIAGNOSIS: Final = "7b0c6a56-7d0f-4d8e-a3c5-2d7f0a3b9c11"
_EXPLANATION: Final = "2e7a1c9d-54a1-4a55-9a0e-6f9b7f1a2c12"
_SHA256: Final = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"

_SITE: Final = {"id": 1, "name": "North Hospital"}
_BRIEF: Final = {
    "id": _DIAGNOSIS,
    "status": "queued",
    "url": f"{_HOST}/api/v1/diagnoses/{_DIAGNOSIS}/",
    "upload": _UPLOAD,
    "page_number": 1,
}
_PAGE: Final = {
    "id": _UPLOAD,
    "sha256": _SHA256,
    "diagnoses": [{**_BRIEF, "status": "done"}],
    "site": _SITE,
    "uploaded_by": "gateway",
    "created_at": "2026-11-02T08:20:28Z",
    "original_name": "ecg.png",
    "media_type": "image/png",
    "byte_size": 482133,
    "page_number": 1,
    "width": 2200,
    "height": 1700,
    "patient_reference": "A-1041",
    "note": "",
    "recorded_at": "2026-11-02T07:55:00Z",
    "warnings": [],
    "page_url": f"{_HOST}/uploads/{_UPLOAD}/page/",
    "thumbnail_url": f"{_HOST}/uploads/{_UPLOAD}/thumbnail/",
    "original_url": f"{_HOST}/uploads/{_UPLOAD}/original/",
}
_HEATMAP: Final = {
    "method": "grad_cam",
    "label": "mi",
    "url": f"{_HOST}/heatmaps/12/overlay/",
    "layer_url": f"{_HOST}/heatmaps/12/layer/",
}
_VALUE: Final = {
    "name": "heart_rate",
    "value": 72.0,
    "unit": "/min",
    "confidence": 0.97,
    "lead": None,
    "unusual": False,
}
_MEASUREMENTS: Final = {
    "regular": True,
    "beats_s": [0.41, 1.24, 2.07],
    "values": [_VALUE],
    "per_lead": [{**_VALUE, "name": "st_level", "value": 0.21, "unit": "mV", "lead": "V3", "unusual": True}],
}
_ROW: Final[dict[str, Any]] = {
    "id": _DIAGNOSIS,
    "url": f"{_HOST}/api/v1/diagnoses/{_DIAGNOSIS}/",
    "status": "done",
    "reason": "",
    "message": "",
    "label": "mi",
    "abstained": False,
    "confidence": 0.86,
    "probabilities": {"normal": 0.04, "abnormal_heartbeat": 0.03, "history_mi": 0.07, "mi": 0.86},
    "possible": ["mi"],
    "answered_by": "traces",
    "second_opinion": {"normal": 0.06, "abnormal_heartbeat": 0.05, "history_mi": 0.12, "mi": 0.77},
    "distance": 1.04,
    "warnings": [],
    "crop": {"x": 96, "y": 212, "width": 2008, "height": 1322},
    "quality": {
        "reason": "",
        "message": "",
        "layout": "3x4+1",
        "px_per_mm": 7.87,
        "scale_source": "grid",
        "rotation_deg": -0.2,
        "quality": 0.98,
        "poor_leads": [],
    },
    "text": [
        {
            "code": "st_elevation",
            "text": "ST segments are raised in V2 to V4, by up to 0.21 mV.",
            "values": {"st_mv": 0.21},
            "unusual": True,
        }
    ],
    "leads_url": f"{_HOST}/api/v1/diagnoses/{_DIAGNOSIS}/leads/",
    "model": {"name": "hybrid", "version": "1.1.0", "sha256": _SHA256},
    "heatmaps": [_HEATMAP],
    "explanations_url": f"{_HOST}/api/v1/diagnoses/{_DIAGNOSIS}/explanations/",
    "report": REPORT_BRIEF,
    "report_url": f"{_HOST}/api/v1/diagnoses/{_DIAGNOSIS}/report/",
    "upload": {
        "id": _UPLOAD,
        "url": f"{_HOST}/api/v1/uploads/{_UPLOAD}/",
        "page_url": f"{_HOST}/uploads/{_UPLOAD}/page/",
        "sha256": _SHA256,
        "site": _SITE,
        "created_at": "2026-11-02T08:20:28Z",
        "original_name": "ecg.png",
        "page_number": 1,
        "width": 2200,
        "height": 1700,
        "patient_reference": "A-1041",
        "note": "",
        "recorded_at": "2026-11-02T07:55:00Z",
        "warnings": [],
    },
    "page_url": f"{_HOST}/uploads/{_UPLOAD}/page/",
    "result_url": f"{_HOST}/diagnoses/{_DIAGNOSIS}/",
    "created_at": "2026-11-02T08:20:28Z",
    "started_at": "2026-11-02T08:20:29Z",
    "finished_at": "2026-11-02T08:20:30Z",
}
_AN_EXPLANATION: Final = {
    "id": _EXPLANATION,
    "url": f"{_HOST}/api/v1/explanations/{_EXPLANATION}/",
    "diagnosis": _DIAGNOSIS,
    "method": "lime",
    "label": "mi",
    "status": "done",
    "progress": 100,
    "reason": "",
    "message": "",
    "randomisation_check": "passed",
    "details": {"local_r2": 0.61, "found_evidence": True},
    "heatmap": {**_HEATMAP, "method": "lime"},
    "created_at": "2026-11-02T08:22:00Z",
    "started_at": "2026-11-02T08:22:01Z",
    "finished_at": "2026-11-02T08:22:19Z",
}
_WAITING: Final = {
    **_AN_EXPLANATION,
    "status": "queued",
    "progress": 0,
    "details": {},
    "heatmap": None,
    "started_at": None,
    "finished_at": None,
}


def _answer(name: str, value: Any, status: int = 200, media_type: str = "application/json") -> OpenApiExample:
    return OpenApiExample(name, value=value, response_only=True, status_codes=[str(status)], media_type=media_type)


UPLOAD_REQUEST: Final = OpenApiExample(
    "A scan",
    value={"file": "(the bytes of ecg.png)", "patient_reference": "A-1041", "note": "", "site": "North Hospital"},
    request_only=True,
    media_type="multipart/form-data",
)
DETAILS_REQUEST: Final = OpenApiExample(
    "Another patient",
    value={"patient_reference": "A-1042", "recorded_at": "2026-11-02T07:55:00Z"},
    request_only=True,
)
ACCEPTED: Final = _answer(
    "Taken in",
    {
        "id": _UPLOAD,
        "sha256": _SHA256,
        "duplicate_of": None,
        "url": f"{_HOST}/api/v1/uploads/{_UPLOAD}/",
        "diagnoses": [_BRIEF],
        "uploads": [_UPLOAD],
    },
    201,
)
A_PAGE: Final = _answer("A page that was read", _PAGE)
A_ROW: Final = _answer("Done", _ROW)
A_DIAGNOSIS: Final = _answer("Done", {**_ROW, "measurements": _MEASUREMENTS})
LEADS: Final = _answer(
    "JSON",
    {
        "layout": "3x4+1",
        "px_per_mm": 7.87,
        "scale_source": "grid",
        "rotation_deg": -0.2,
        "gain_mm_per_mv": 10.0,
        "warnings": [],
        "leads": [
            {
                "name": "I",
                "rhythm": False,
                "start_s": 0.0,
                "sampling_rate_hz": 196.75,
                "quality": 0.99,
                "label_agrees": True,
                "signal_mv": [0.01, 0.02, None, 0.04],
            }
        ],
    },
)
HISTORY_CSV: Final = _answer(
    "CSV, a few of its columns",
    "diagnosis,site,patient_reference,state,label,confidence,report_verdict,signed_by\n"
    f"{_DIAGNOSIS},North Hospital,A-1041,done,mi,0.91,agree,carla\n",
    media_type="text/csv",
)
LEADS_CSV: Final = _answer("CSV", "lead,rhythm,time_s,mv\nI,0,0.0000,0.01\nI,0,0.0051,0.02\n", media_type="text/csv")
FHIR: Final = _answer(
    "FHIR R4, in part",
    {
        "resourceType": "Bundle",
        "id": "0b1ddc1f-4a44-5b7e-9d5b-6f1d0c5a7e21",
        "type": "collection",
        "entry": [
            {
                "fullUrl": "urn:uuid:7862aea0-6621-562c-baa6-880ddb9bc4c3",
                "resource": {
                    "resourceType": "DiagnosticReport",
                    "id": "7862aea0-6621-562c-baa6-880ddb9bc4c3",
                    "status": "preliminary",
                    "code": {"coding": [{"system": "http://loinc.org", "code": "11524-6", "display": "EKG study"}]},
                },
            }
        ],
    },
    media_type="application/fhir+json",
)
WANTED_EXPLANATION: Final = OpenApiExample("LIME", value={"method": "lime", "label": "mi"}, request_only=True)
EXPLANATION_DONE: Final = _answer("Done", _AN_EXPLANATION)
EXPLANATION_QUEUED: Final = _answer("Asked for", _WAITING, 202)
A_METHOD: Final = _answer(
    "A method that was asked for",
    {
        "name": "lime",
        "title": "LIME",
        "summary": "Stretches of the page that speak for the class when they are kept and others are hidden.",
        "source": "Ribeiro et al. 2016, arXiv:1602.04938",
        "randomisation_check": "passed",
        "label": "mi",
        "status": "done",
        "explanation": _AN_EXPLANATION,
        "heatmap": {**_HEATMAP, "method": "lime"},
    },
)

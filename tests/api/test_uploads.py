"""Sending pages over the API."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from django.conf import settings as django_settings
from rest_framework.test import APIClient

from accounts.models import Site, User
from diagnosis import messages
from diagnosis.models import Diagnosis, Upload
from ml.decode import MAX_BYTES
from tests.diagnosis.files import bomb, encoded, encrypted_pdf, pdf


def test_an_upload_answers_with_where_to_look_next(client: APIClient, send: Any) -> None:
    answer = send(client, patient_reference="P-7", note="urgent")
    body = answer.json()
    assert answer.status_code == 201
    upload = Upload.objects.get()
    diagnosis = upload.diagnoses.get()
    assert body["id"] == str(upload.pk)
    assert body["sha256"] == hashlib.sha256(encoded("PNG")).hexdigest()
    assert body["duplicate_of"] is None
    assert body["diagnoses"] == [
        {
            "id": str(diagnosis.pk),
            "status": "queued",
            "url": f"http://testserver/api/v1/diagnoses/{diagnosis.pk}/",
            "upload": str(upload.pk),
            "page_number": 1,
        }
    ]
    assert answer["Location"] == body["url"]
    assert (upload.patient_reference, upload.note) == ("P-7", "urgent")
    assert client.get(body["url"]).json()["diagnoses"] == body["diagnoses"]
    assert client.get(body["diagnoses"][0]["url"]).json()["status"] == "queued"


def test_a_duplicate_names_the_earlier_upload_and_its_readings(client: APIClient, send: Any) -> None:
    first = send(client).json()
    again = send(client, name="other.png")
    assert again.status_code == 201
    assert again.json() == first | {"duplicate_of": first["id"]}
    assert Diagnosis.objects.count() == 1


def test_every_page_of_a_pdf_has_its_reading_in_the_answer(client: APIClient, send: Any) -> None:
    body = send(client, pdf(3), name="three.pdf").json()
    assert [reading["page_number"] for reading in body["diagnoses"]] == [1, 2, 3]
    assert len(body["uploads"]) == 3
    assert body["id"] == body["uploads"][0]


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"", 422, "empty_file"),
        (b"just text" * 99, 415, "unsupported_type"),
        (encoded("JPEG")[:2000], 422, "damaged_file"),
        (bomb(), 422, "too_many_pixels"),
        (encrypted_pdf(), 422, "encrypted_pdf"),
        (b"\0" * (MAX_BYTES + 1), 413, "file_too_large"),
        (b"\0" * (MAX_BYTES + 3 * 2**20), 413, "file_too_large"),
    ],
    ids=["empty", "text", "cut short", "bomb", "password", "a little too large", "far too large"],
)
def test_a_refusal_is_a_problem_with_a_code_and_a_sentence(
    client: APIClient, send: Any, data: bytes, status: int, code: str
) -> None:
    answer = send(client, data)
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
    problem = answer.json()
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["detail"] == messages.refusal(code)
    assert not Upload.objects.exists()


def test_a_request_that_announces_too_much_is_refused_before_it_is_read(client: APIClient) -> None:
    form = "multipart/form-data; boundary=x"
    answer = client.generic("POST", "/api/v1/uploads/", b"--x--", form, CONTENT_LENGTH=str(2 * 2**30))
    assert (answer.status_code, answer.json()["code"]) == (413, "file_too_large")


@pytest.mark.parametrize(
    ("fields", "field", "code"),
    [
        ({"patient_reference": "x" * 65}, "patient_reference", "max_length"),
        ({"note": "x" * 2001}, "note", "max_length"),
        ({"patient_reference": "a\x00b"}, "patient_reference", "null_characters_not_allowed"),
    ],
)
def test_a_field_that_is_not_valid_is_named(
    client: APIClient, send: Any, fields: dict[str, str], field: str, code: str
) -> None:
    problem = send(client, **fields).json()
    assert (problem["status"], problem["code"]) == (400, "validation_error")
    assert [(error["field"], error["code"]) for error in problem["errors"]] == [(field, code)]


def test_hidden_characters_in_a_patient_reference_are_refused(client: APIClient, send: Any) -> None:
    answer = send(client, patient_reference="1\u202e2")
    assert (answer.status_code, answer.json()["code"]) == (400, "patient_reference_invalid")


def test_a_request_without_a_file_says_so(client: APIClient) -> None:
    problem = client.post("/api/v1/uploads/", {"note": "no file"}, format="multipart").json()
    assert [(error["field"], error["code"]) for error in problem["errors"]] == [("file", "required")]


def test_a_body_that_is_no_form_is_a_problem_of_its_own(client: APIClient) -> None:
    answer = client.post("/api/v1/uploads/", {"file": "x"}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_content_type")


# --- Sites ----------------------------------------------------------------------------------------


def test_without_a_word_the_page_goes_to_the_user_s_own_site(
    client: APIClient, send: Any, site: Site, other_site: Site
) -> None:
    send(client)
    assert Upload.objects.get().site == site


@pytest.mark.parametrize("name_it", [lambda site: str(site.pk), lambda site: site.name, lambda site: site.name.upper()])
def test_a_user_of_several_sites_names_one(
    client: APIClient, send: Any, clinician: User, other_site: Site, name_it: Any
) -> None:
    clinician.sites.add(other_site)
    assert send(client, site=name_it(other_site)).status_code == 201
    assert Upload.objects.get().site == other_site


@pytest.mark.parametrize("named", ["South Hospital", "999999", "99999999999999999999", "nowhere", "²"])
def test_a_site_of_others_and_one_that_does_not_exist_look_the_same(
    client: APIClient, send: Any, other_site: Site, named: str
) -> None:
    answer = send(client, site=named)
    assert (answer.status_code, answer.json()["code"]) == (403, "site_not_allowed")


def test_who_has_no_site_is_told_what_to_do(sign_in: Any, send: Any, clinician: User) -> None:
    clinician.sites.clear()
    answer = send(sign_in(clinician))
    assert (answer.status_code, answer.json()["code"]) == (403, "no_site")
    assert "Ask an administrator" in answer.json()["detail"]


def test_a_closed_site_takes_nothing(client: APIClient, send: Any, site: Site) -> None:
    site.is_active = False
    site.save()
    assert send(client).json()["code"] == "no_site"
    assert send(client, site=site.name).json()["code"] == "site_inactive"


def test_an_administrator_uploads_to_any_site(sign_in: Any, send: Any, administrator: User, other_site: Site) -> None:
    assert send(sign_in(administrator), site=other_site.name).status_code == 201


# --- Looking --------------------------------------------------------------------------------------


def test_pages_are_listed_for_those_who_may_see_them(
    client: APIClient, sign_in: Any, send: Any, other_clinician: User, upload: Upload
) -> None:
    (listed,) = client.get("/api/v1/uploads/").json()["results"]
    assert listed["id"] == str(upload.pk)
    stranger = sign_in(other_clinician)
    assert stranger.get("/api/v1/uploads/").json()["results"] == []
    assert stranger.get(f"/api/v1/uploads/{upload.pk}/").status_code == 404


def test_picture_addresses_need_the_same_token(
    client: APIClient, sign_in: Any, other_clinician: User, upload: Upload
) -> None:
    body = client.get(f"/api/v1/uploads/{upload.pk}/").json()
    for key, kind in (("page_url", "image/png"), ("thumbnail_url", "image/webp"), ("original_url", "image/png")):
        assert body[key].startswith("http://testserver/")
        answer = client.get(body[key])
        assert (answer.status_code, answer["Content-Type"]) == (200, kind)
        assert b"".join(answer.streaming_content)
        assert sign_in(other_clinician).get(body[key]).status_code == 404
        assert APIClient().get(body[key]).status_code == 401
        assert APIClient(HTTP_AUTHORIZATION="Token wrong").get(body[key]).status_code == 401


def test_the_limit_of_uploads_counts_uploads_alone(
    client: APIClient, send: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rest_framework.throttling import ScopedRateThrottle

    rates = django_settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"] | {"upload": "2/min"}
    monkeypatch.setattr(ScopedRateThrottle, "THROTTLE_RATES", rates)
    for _ in range(3):
        assert client.get("/api/v1/uploads/").status_code == 200
    assert [send(client).status_code for _ in range(3)] == [201, 201, 429]
    answer = send(client)
    assert answer.json()["code"] == "throttled"
    assert int(answer["Retry-After"]) > 0
    assert client.get("/api/v1/uploads/").status_code == 200

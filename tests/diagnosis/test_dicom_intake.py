"""DICOM at the door: what is stored names nobody, and the same file is known again."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import Site, User
from diagnosis import deletion, intake
from diagnosis.models import Upload
from ml.synthetic import synthetic_signals
from tests.ml.dicom_files import SECRETS, as_bytes, blank, pdf_dataset, picture_dataset, waveform_dataset


@pytest.fixture(scope="module")
def recording() -> bytes:
    return as_bytes(waveform_dataset(synthetic_signals(4)))


def accept(data: bytes, user: User, site: Site, name: str = "IM000001.dcm", **fields: Any) -> intake.Accepted:
    return intake.accept(data=data, original_name=name, user=user, site=site, **fields)


def test_a_recording_becomes_a_page_that_says_how_it_came_about(recording: bytes, clinician: User, site: Site) -> None:
    (upload,) = accept(recording, clinician, site).uploads
    assert (upload.media_type, upload.warnings) == ("application/dicom", ["rendered_from_waveform"])
    assert (upload.width, upload.height) == (2213, 1572)
    assert upload.diagnoses.count() == 1


def test_nothing_that_is_stored_says_whose_it_is(recording: bytes, clinician: User, site: Site, settings: Any) -> None:
    (upload,) = accept(recording, clinician, site).uploads
    assert upload.patient_reference == ""
    stored = [file for file in Path(settings.MEDIA_ROOT).rglob("*") if file.is_file()]
    assert len(stored) == 3
    values = " ".join(str(value) for value in Upload.objects.values().get(pk=upload.pk).values())
    for secret in SECRETS:
        assert secret.casefold() not in values.casefold()
        for file in stored:
            assert secret.encode() not in file.read_bytes()


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("IM000001.dcm", "IM000001.dcm"),
        ("before surgery.dcm", "before surgery.dcm"),
        ("MUSTERMANN_ERIKA.dcm", "unnamed.dcm"),
        ("ecg-pid4711.dcm", "unnamed.dcm"),
        ("ecg PID-4711.dcm", "unnamed.dcm"),
        ("1964-08-12.dcm", "unnamed.dcm"),
    ],
)
def test_a_name_that_names_the_patient_is_not_kept(
    name: str, kept: str, recording: bytes, clinician: User, site: Site
) -> None:
    assert accept(recording, clinician, site, name).uploads[0].original_name == kept


def test_the_same_file_is_known_again_though_it_was_not_kept(recording: bytes, clinician: User, site: Site) -> None:
    first = accept(recording, clinician, site).uploads[0]
    assert first.sha256 == hashlib.sha256(recording).hexdigest()
    assert first.byte_size == len(recording)
    with first.original.open() as file:
        kept = file.read()
    assert kept != recording
    assert accept(recording, clinician, site).duplicate_of == first


@pytest.mark.parametrize(
    ("elements", "expected"),
    [
        ({"AcquisitionDateTime": "20260102081530"}, "2026-01-02T07:15:30+00:00"),
        ({"AcquisitionDateTime": "20260702081530.250000"}, "2026-07-02T06:15:30.250000+00:00"),
        ({"AcquisitionDateTime": "20260102081530-0500"}, "2026-01-02T13:15:30+00:00"),
        ({"AcquisitionDateTime": "202601020815", "TimezoneOffsetFromUTC": "+0900"}, "2026-01-01T23:15:00+00:00"),
        ({"AcquisitionDate": "20260102", "AcquisitionTime": "0815"}, "2026-01-02T07:15:00+00:00"),
        # A day, or a year, is no moment.
        ({"AcquisitionDateTime": "20260102"}, None),
        ({"AcquisitionDate": "20260102"}, None),
        ({"AcquisitionTime": "081530"}, None),
        ({}, None),
        # Wrong clocks.
        ({"AcquisitionDateTime": "18990102081530"}, None),
        ({"AcquisitionDateTime": "20990102081530"}, None),
        ({"AcquisitionDateTime": "00010101000000+1400"}, None),
        ({"AcquisitionDateTime": "99991231235959-1200"}, None),
        ({"AcquisitionDateTime": "20261402081530"}, None),
        ({"AcquisitionDateTime": "20260102081530+9900"}, None),
        ({"AcquisitionDateTime": "202601020815 yesterday"}, None),
    ],
    ids=str,
)
def test_the_time_of_recording_is_taken_from_the_file(
    elements: dict[str, str], expected: str | None, clinician: User, site: Site, settings: Any
) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    dataset = waveform_dataset(synthetic_signals(4))
    for keyword, value in elements.items():
        dataset.add_new(keyword, "LO", value)
    (upload,) = accept(as_bytes(dataset), clinician, site).uploads
    assert upload.recorded_at == (datetime.fromisoformat(expected) if expected else None)


def test_a_time_that_is_given_counts_more_than_the_file_s(clinician: User, site: Site) -> None:
    dataset = waveform_dataset(synthetic_signals(4))
    dataset.AcquisitionDateTime = "20260102081530"
    given = datetime(2026, 1, 2, 9, 0, tzinfo=UTC)
    assert accept(as_bytes(dataset), clinician, site, recorded_at=given).uploads[0].recorded_at == given


def test_pages_of_a_file_that_were_deleted_are_made_again(clinician: User, site: Site) -> None:
    data = as_bytes(pdf_dataset(pages=3))
    uploads = accept(data, clinician, site).uploads
    assert [upload.page_number for upload in uploads] == [1, 2, 3]
    deletion.delete(uploads[1], clinician)
    again = accept(data, clinician, site)
    assert again.duplicate_of is None
    assert [upload.page_number for upload in again.uploads] == [1, 2, 3]


@pytest.mark.parametrize(
    ("make", "code", "words"),
    [
        (lambda: blank("1.2.840.10008.5.1.4.1.1.88.11"), "unsupported_dicom", "Basic Text SR"),
        (lambda: waveform_dataset(synthetic_signals(1), leads=("I", "II")), "too_few_leads", "V1, V2, V3"),
    ],
)
def test_refusals_name_what_is_wrong(make: Any, code: str, words: str, clinician: User, site: Site) -> None:
    with pytest.raises(intake.UploadRefused) as refused:
        accept(as_bytes(make()), clinician, site)
    assert refused.value.code == code
    assert words in refused.value.message
    assert not Upload.objects.exists()


def test_the_result_page_and_the_api_say_so(recording: bytes, clinician: User, site: Site, client: Client) -> None:
    upload = accept(recording, clinician, site).uploads[0]
    client.force_login(clinician)
    reading = upload.diagnoses.get()
    page = client.get(reading.get_absolute_url()).content.decode()
    assert 'data-warning="rendered_from_waveform"' in page
    assert "Rendered from a DICOM waveform" in page
    api = APIClient()
    api.force_authenticate(clinician)
    assert api.get(f"/api/v1/diagnoses/{reading.pk}/").json()["upload"]["warnings"] == ["rendered_from_waveform"]
    assert api.get(f"/api/v1/uploads/{upload.pk}/").json()["warnings"] == ["rendered_from_waveform"]


def test_a_picture_that_may_show_names_says_so(clinician: User, site: Site) -> None:
    data = as_bytes(picture_dataset(np.full((300, 400), 200, np.uint8)))
    assert accept(data, clinician, site).uploads[0].warnings == ["may_show_names"]

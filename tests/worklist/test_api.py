"""Batches over the API."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from accounts.models import User
from diagnosis.models import Upload
from diagnosis.worklist import batches
from diagnosis.worklist.models import Batch
from tests.api.conftest import client, sign_in  # noqa: F401
from tests.views.pictures import picture
from tests.worklist.conftest import zipped

PATH = "/api/v1/batches/"


def post(client: APIClient, *files: SimpleUploadedFile, **fields: str) -> Any:  # noqa: F811
    return client.post(PATH, {"file": list(files), **fields}, format="multipart")


def test_an_archive_is_taken_in_and_followed(client: APIClient) -> None:  # noqa: F811
    answer = post(client, zipped({"a.png": picture(1), "b.txt": b"words"}), patient_reference="P-1")
    assert answer.status_code == 202
    assert answer.json()["status"] == "queued"
    assert answer.headers["Location"] == answer.json()["url"]

    batches.take_in(answer.json()["id"], task_id=uuid.uuid4().hex)

    body = client.get(answer.json()["url"]).json()
    upload = Upload.objects.get()
    assert body["status"] == "done"
    assert body["progress"] == {
        "total": 2,
        "waiting": 0,
        "stored": 1,
        "duplicate": 0,
        "refused": 1,
        "failed": 0,
        "being_read": 1,
    }
    assert body["files"][0] == {
        "name": "a.png",
        "status": "stored",
        "reason": "",
        "message": "",
        "upload": str(upload.pk),
        "diagnoses": [str(upload.diagnoses.get().pk)],
    }
    assert (body["files"][1]["reason"], body["files"][1]["upload"]) == ("unsupported_type", None)
    assert body["files"][1]["message"].startswith("This is not a JPEG")


def test_several_files_make_a_batch(client: APIClient) -> None:  # noqa: F811
    answer = post(client, SimpleUploadedFile("a.png", picture(1)), SimpleUploadedFile("b.png", picture(2)))
    assert [file["name"] for file in answer.json()["files"]] == ["a.png", "b.png"]


def test_an_archive_that_is_sent_again_with_its_key_makes_one_batch(client: APIClient) -> None:  # noqa: F811
    client.credentials(**client._credentials, HTTP_IDEMPOTENCY_KEY="order-1")
    first, again = (post(client, zipped({"a.png": picture(1)}), note="a") for _ in range(2))
    assert (first.status_code, again.status_code, again.json()) == (202, 202, first.json())
    assert again["Idempotency-Replayed"] == "true"
    assert again["Location"] == first["Location"]
    other = post(client, zipped({"a.png": picture(2)}), note="a")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert Batch.objects.count() == 1


@pytest.mark.parametrize("key", ["", "order-1"])
@pytest.mark.parametrize(
    ("files", "status", "code"),
    [
        ([], 400, "validation_error"),
        ([SimpleUploadedFile("a.zip", b"words")], 422, "damaged_archive"),
        ([zipped({"a": b"a"}), SimpleUploadedFile("b.png", b"b")], 400, "one_archive_at_a_time"),
        ([SimpleUploadedFile(f"{n}.png", b"x") for n in range(101)], 413, "too_many_parts"),
    ],
)
def test_what_is_refused_answers_with_its_code(
    files: list[SimpleUploadedFile],
    status: int,
    code: str,
    key: str,
    client: APIClient,  # noqa: F811
) -> None:
    client.credentials(**client._credentials, **({"HTTP_IDEMPOTENCY_KEY": key} if key else {}))
    for file in files:
        file.seek(0)
    answer = post(client, *files)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert not Batch.objects.exists()


def test_a_request_that_is_too_long_is_refused_before_it_is_read(client: APIClient, settings: Any) -> None:  # noqa: F811
    settings.ISOLINE_ARCHIVE_MAX_MB = 1
    answer = post(client, SimpleUploadedFile("a.zip", b"x" * 3 * 2**20))
    assert (answer.status_code, answer.json()["code"]) == (413, "archive_too_large")


def test_a_session_sends_batches_too(clinician: User) -> None:
    browser = APIClient()
    browser.force_login(clinician)
    assert post(browser, zipped({"a.png": picture(1)})).status_code == 202


def test_nobody_follows_another_sites_batch(
    send_archive: Callable[..., Batch],
    sign_in: Callable[[User], APIClient],  # noqa: F811
    other_clinician: User,
    reviewer: User,
) -> None:
    path = f"{PATH}{send_archive().pk}/"
    assert sign_in(reviewer).get(path).status_code == 200
    assert sign_in(other_clinician).get(path).status_code == 404
    assert APIClient().get(path).status_code == 401
    assert APIClient().post(PATH).status_code == 401

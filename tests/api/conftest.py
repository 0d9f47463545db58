"""A machine at the door: a client that knows nothing but its token."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from accounts.models import User
from tests.diagnosis.conftest import claim, model, queued, reading, stored_files, upload  # noqa: F401
from tests.diagnosis.files import encoded

Send = Callable[..., Any]


@pytest.fixture
def sign_in(password: str) -> Callable[[User], APIClient]:
    def client_of(user: User) -> APIClient:
        client = APIClient()
        answer = client.post("/api/v1/token/", {"username": user.username, "password": password}, format="json")
        client.credentials(HTTP_AUTHORIZATION=f"Token {answer.json()['token']}")
        return client

    return client_of


@pytest.fixture
def client(sign_in: Callable[[User], APIClient], clinician: User) -> APIClient:
    """The clinician's."""
    return sign_in(clinician)


@pytest.fixture
def send() -> Send:
    def post(client: APIClient, data: bytes | None = None, *, name: str = "page.png", **fields: str) -> Any:
        file = SimpleUploadedFile(name, encoded("PNG") if data is None else data, content_type="image/png")
        return client.post("/api/v1/uploads/", {"file": file, **fields}, format="multipart")

    return post

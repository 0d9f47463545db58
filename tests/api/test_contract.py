"""The API against its own description: requests that fit it and requests that do not, made up by Schemathesis.

Whatever is sent, nothing answers 5xx, and every answer is of a status, a media type and a shape that is documented.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import schemathesis
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, transaction
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from accounts.models import Site, User
from accounts.tokens import make_token, open_token
from diagnosis import explanations
from diagnosis.api.problems import CODES
from diagnosis.models import Diagnosis, ModelVersion, Upload
from diagnosis.review.models import Report
from diagnosis.webhooks import events, hooks
from diagnosis.worklist import batches
from tests.api import test_tracings
from tests.diagnosis.files import encoded

traced = test_tracings.traced
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EXAMPLES = 8

SCHEMA = schemathesis.openapi.from_dict(
    # As it is served, with every lazy text resolved.
    json.loads(json.dumps(SchemaGenerator().get_schema(request=None, public=True), default=str))
)
APPLICATION = get_wsgi_application()


def answered_in_whole(environ: Any, start_response: Any) -> list[bytes]:
    """The application as a server runs it: the answer is closed, and with it go the temporary files of a request."""
    response = APPLICATION(environ, start_response)
    try:
        return [b"".join(response)]
    finally:
        response.close()  # type: ignore[attr-defined]


SCHEMA.app = answered_in_whole
OPERATIONS = {result.ok().label: result.ok() for result in SCHEMA.get_all_operations()}


def takes_something(name: str) -> bool:
    """Whether a request can be wrong at all."""
    operation = OPERATIONS[name]
    return bool(operation.body or operation.query or operation.path_parameters)


FITTING = [pytest.param(name, GenerationMode.POSITIVE, id=name) for name in OPERATIONS]
WRONG = [
    pytest.param(name, GenerationMode.NEGATIVE, id=f"{name}-wrong") for name in OPERATIONS if takes_something(name)
]


@contextmanager
def undone() -> Iterator[None]:
    """What one request changes must not reach the next: it may well close the token that they all use."""
    block = transaction.atomic()
    # The intake refuses to run inside a transaction unless it is a test's.
    block._from_testcase = True  # type: ignore[attr-defined]
    with block:
        yield
        transaction.set_rollback(True)


@pytest.fixture(autouse=True)
def _one_connection(db: None) -> Iterator[None]:
    """Between requests a server looks after its connections; here there is one, and a test stands in it."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def ids(traced: Diagnosis, administrator: User, site: Site, model: ModelVersion) -> dict[str, dict[str, Any]]:
    """A row of everything; by the start of an address, what the rest of it is for one that is there."""
    traced.refresh_from_db()
    explanation, _ = explanations.request(traced, method="grad_cam", label="mi", requested_by=administrator)
    hook, _ = hooks.make(
        site=site,
        name="Engine",
        url="https://engine.hospital.invalid/",
        events=["diagnosis.done"],
        made_by=administrator,
    )
    events.send_test(hook)
    report = Report.objects.create(diagnosis=traced, author=administrator, verdict="unreadable")
    batch = batches.begin(files=[SimpleUploadedFile("page.png", encoded("PNG"))], user=administrator, site=site)
    Upload.objects.filter(pk=traced.upload_id).update(patient_reference="A-1041")
    token, _ = make_token(user=administrator, name="A gateway's", wanted=["pages:read"], days=7, made_by=administrator)
    keys = {
        "/api/v1/uploads/": traced.upload_id,
        "/api/v1/batches/": batch.pk,
        "/api/v1/diagnoses/": traced.pk,
        "/api/v1/explanations/": explanation.pk,
        "/api/v1/models/": model.pk,
        "/api/v1/reports/": report.pk,
        "/api/v1/webhooks/": hook.pk,
        "/api/v1/tokens/": token.pk,
    }
    of_a_patient = {"site": str(site.pk), "reference": "A-1041"}
    return {"/api/v1/patients/": of_a_patient} | {start: {"id": str(key)} for start, key in keys.items()}


@pytest.mark.parametrize(("name", "mode"), [*FITTING, *WRONG])
def test_every_answer_is_as_documented(
    name: str,
    mode: GenerationMode,
    ids: dict[str, dict[str, Any]],
    administrator: User,
) -> None:
    operation = OPERATIONS[name]
    token, _ = open_token(administrator)
    there = next((key for start, key in ids.items() if operation.path.startswith(start + "{")), None)
    # A wrong request needs something to be wrong in, which may be the key alone.
    keeps_key = there is not None and (mode is GenerationMode.POSITIVE or operation.body or operation.query)
    fixed = {"path_parameters": there} if keeps_key else {}
    answered: set[int] = set()

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(data=operation.as_strategy(generation_mode=mode, **fixed))
    def send(data: schemathesis.Case) -> None:
        with undone():
            response = data.call(headers={"Authorization": f"Token {token}"})
            data.validate_response(response, checks=CHECKS)
        answered.add(response.status_code)
        if response.headers.get("content-type", [""])[0].startswith("application/problem+json"):
            assert response.json()["code"] in CODES

    send()
    assert answered
    if mode is GenerationMode.POSITIVE and operation.method == "get":
        assert 200 in answered


@pytest.mark.parametrize("name", OPERATIONS)
def test_whoever_sends_no_token_is_told_so_as_documented(name: str, ids: dict[str, dict[str, Any]]) -> None:
    operation = OPERATIONS[name]
    parameters = next((there for start, there in ids.items() if operation.path.startswith(start + "{")), {})
    case = operation.Case(path_parameters=parameters)
    response = case.call()
    case.validate_response(response, checks=CHECKS)
    if name != "POST /api/v1/token/":
        assert response.status_code == 401
        assert response.json()["code"] == "not_authenticated"

"""Log lines that a person and a collector can both read."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
from django.test import Client

from ecgsite.logs import JsonFormatter, TextFormatter


@pytest.fixture
def record() -> logging.LogRecord:
    return logging.getLogger("diagnosis.pipeline").makeRecord(
        "diagnosis.pipeline",
        logging.INFO,
        "pipeline.py",
        1,
        "Diagnosis %s",
        ("finished",),
        None,
        extra={"diagnosis": "8f0c", "file": 'a b\n2026-01-01 ERROR forged: "line"', "attempts": 1},
    )


def test_the_text_shows_what_was_passed_along_on_one_line(record: logging.LogRecord):
    line = TextFormatter().format(record)

    assert "INFO    diagnosis.pipeline: Diagnosis finished  diagnosis=8f0c" in line
    assert "attempts=1" in line
    assert "\n" not in line


def test_json_carries_the_same_fields_and_the_exception(record: logging.LogRecord):
    try:
        raise RuntimeError("broken")
    except RuntimeError as error:
        record.exc_info = (RuntimeError, error, error.__traceback__)

    entry = json.loads(JsonFormatter().format(record))

    assert entry["message"] == "Diagnosis finished"
    assert entry["level"] == "INFO"
    assert entry["diagnosis"] == "8f0c"
    assert entry["time"].endswith("+00:00")
    assert "RuntimeError: broken" in entry["exception"]


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What the installation's own handler writes."""
    (console,) = (handler for handler in logging.getLogger().handlers if type(handler) is logging.StreamHandler)
    written = io.StringIO()
    before = console.setStream(written)
    yield written
    console.setStream(before)


@pytest.mark.parametrize(
    ("address", "route"),
    [
        ("/accounts/invitations/accept/the-secret/", "/accounts/invitations/accept/<str:token>/"),
        ("/accounts/password/new/MQ/the-secret/", "/accounts/password/new/<uidb64>/<token>/"),
    ],
)
def test_a_link_that_is_a_key_is_not_written_down_when_it_fails(db: None, lines: io.StringIO, address: str, route: str):
    Client(enforce_csrf_checks=True).post(address, headers={"Referer": f"https://testserver{address}"})

    assert f"Forbidden (CSRF cookie not set.): {route}" in lines.getvalue()
    assert "the-secret" not in lines.getvalue()


def test_a_used_invitation_is_named_by_its_route(client: Client, db: None, lines: io.StringIO):
    assert client.get("/accounts/invitations/accept/the-secret/").status_code == 410

    assert "Gone: /accounts/invitations/accept/<str:token>/" in lines.getvalue()
    assert "the-secret" not in lines.getvalue()


def test_an_address_that_leads_nowhere_is_told_as_it_was_asked_for(client: Client, db: None, lines: io.StringIO):
    client.get("/no/such/page/")

    assert "Not Found: /no/such/page/" in lines.getvalue()

"""Every request has an id, a log line without patient data, and its part in the metrics."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from accounts.models import User
from diagnosis.operations import signs
from ecgsite import request_context
from ecgsite.logs import WithContext

if TYPE_CHECKING:
    from pytest_django.fixtures import SettingsWrapper


def samples(text: str, name: str) -> dict[tuple[str, ...], float]:
    found: dict[tuple[str, ...], float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == name:
                found[tuple(value for _, value in sorted(sample.labels.items()))] = sample.value
    return found


@pytest.fixture
def token(settings: SettingsWrapper) -> dict[str, Any]:
    settings.METRICS_TOKEN = "a token of the monitoring"
    return {"headers": {"Authorization": "Bearer a token of the monitoring"}}


def test_requests_are_counted_by_their_route(client: Client, db: None, token: dict[str, Any]):
    key = ("GET", "accounts/login/", "200")
    before = samples(client.get("/metrics", **token).content.decode(), "isoline_http_request_seconds_count")
    client.get("/accounts/login/?next=/secret")
    after = samples(client.get("/metrics", **token).content.decode(), "isoline_http_request_seconds_count")

    assert after[key] - before.get(key, 0) == 1
    assert not any("secret" in part for labels in after for part in labels)


def test_what_waits_and_who_is_alive_comes_from_the_database(client: Client, db: None, token: dict[str, Any]):
    signs.leave("celery@ward", ["diagnose"])

    text = client.get("/metrics", **token).content.decode()

    assert samples(text, "isoline_jobs")[("diagnosis", "queued")] == 0
    assert samples(text, "isoline_workers_alive")[("diagnose",)] == 1
    assert samples(text, "isoline_workers_alive")[("explain",)] == 0


@pytest.mark.parametrize(
    "sent", [{}, {"headers": {"Authorization": "Bearer wrong"}}, {"headers": {"Authorization": "Bearer "}}]
)
def test_nobody_else_learns_that_there_are_metrics(client: Client, db: None, sent: dict[str, Any]):
    assert client.get("/metrics", **sent).status_code == 404


def test_administrators_may_look_and_clinicians_may_not(client: Client, administrator: User, clinician: User):
    client.force_login(clinician)
    assert client.get("/metrics").status_code == 404
    client.force_login(administrator)
    assert client.get("/metrics").status_code == 200


def test_an_answer_names_its_request(client: Client, db: None):
    assert re.fullmatch(r"[0-9a-f]{32}", client.get("/healthz")["X-Request-ID"])
    assert client.get("/healthz", headers={"X-Request-ID": "proxy-0123"})["X-Request-ID"] == "proxy-0123"


@pytest.mark.parametrize("forged", ["short", "a b c d e f g h", "x" * 65, 'quote"quote"'])
def test_a_forged_id_is_replaced(client: Client, db: None, forged: str):
    assert client.get("/healthz", headers={"X-Request-ID": forged})["X-Request-ID"] != forged


def test_a_log_line_names_the_route_and_not_the_address(client: Client, db: None, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.INFO, logger="isoline.access"):
        client.get("/accounts/login/?next=/patients/12345678/")

    (line,) = (record for record in caplog.records if record.name == "isoline.access")
    assert line.getMessage() == "GET /accounts/login/"
    assert line.status == 200
    assert "12345678" not in str(vars(line))


def test_lines_carry_the_request_and_the_job():
    record = logging.makeLogRecord({"msg": "anything"})
    outer = request_context.request_id.set("req-12345678")
    inner = request_context.job.set({"task": "diagnose", "diagnosis": "8f0c"})
    try:
        WithContext().filter(record)
    finally:
        request_context.request_id.reset(outer)
        request_context.job.reset(inner)

    assert (record.request_id, record.task, record.diagnosis) == ("req-12345678", "diagnose", "8f0c")

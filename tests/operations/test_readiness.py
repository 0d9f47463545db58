"""Signs of life and readiness: every part answers for itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from celery import current_app
from django.test import Client
from django.utils import timezone

from diagnosis.models import ModelVersion
from diagnosis.operations import readiness, signs
from diagnosis.operations.models import WorkerSign

if TYPE_CHECKING:
    from pytest_django.fixtures import SettingsWrapper


@pytest.fixture(autouse=True)
def _anew() -> Iterator[None]:
    readiness.forget()
    yield
    readiness.forget()


@pytest.fixture
def worker(db: None) -> WorkerSign:
    return WorkerSign.objects.create(name="celery@ward", queues=["diagnose"], seen_at=timezone.now())


def parts_of(client: Client) -> tuple[int, dict[str, str]]:
    answer = client.get("/readyz")
    return answer.status_code, answer.json()["parts"]


def test_everything_there_is_ready(client: Client, model: ModelVersion, worker: WorkerSign):
    status, parts = parts_of(client)

    assert status == 200
    assert set(parts.values()) == {"ok"}


def test_a_worker_that_fell_silent_is_missed(client: Client, model: ModelVersion, worker: WorkerSign):
    WorkerSign.objects.update(seen_at=timezone.now() - signs.ALIVE_WITHIN - timedelta(seconds=1))

    status, parts = parts_of(client)

    assert status == 503
    assert {name for name, answer in parts.items() if answer != "ok"} == {"worker"}


def test_a_worker_that_only_explains_reads_no_pages(client: Client, model: ModelVersion, worker: WorkerSign):
    WorkerSign.objects.update(queues=["explain"])

    assert parts_of(client)[1]["worker"] != "ok"


def test_no_active_model_is_not_ready(client: Client, worker: WorkerSign):
    assert parts_of(client)[1]["model"] == "no model is active"


def test_a_broker_that_is_away_is_said(
    client: Client, model: ModelVersion, worker: WorkerSign, monkeypatch: pytest.MonkeyPatch
):
    nobody_there = current_app.connection_for_write("redis://127.0.0.1:1/0")
    monkeypatch.setattr(current_app, "connection_for_write", lambda: nobody_there)

    status, parts = parts_of(client)

    assert status == 503
    assert parts["broker"] == "unavailable"


def test_a_storage_that_cannot_be_written_is_said(
    client: Client, model: ModelVersion, worker: WorkerSign, settings: SettingsWrapper, tmp_path: Path
):
    (tmp_path / "file").write_text("no folder")
    settings.MEDIA_ROOT = str(tmp_path / "file")

    assert parts_of(client)[1]["storage"] == "unavailable"


def test_a_probe_leaves_no_file_behind(client: Client, model: ModelVersion, worker: WorkerSign, tmp_path: Path):
    parts_of(client)

    assert [path for path in (tmp_path / "media").rglob("*") if path.is_file()] == []


def test_a_worker_leaves_signs_and_old_ones_go(db: None):
    WorkerSign.objects.create(name="gone", queues=[], seen_at=timezone.now() - timedelta(days=2))

    signs.leave("celery@ward", ["housekeeping", "diagnose"])
    signs.leave("celery@ward", ["housekeeping", "diagnose"])

    assert [(row.name, row.queues) for row in signs.alive()] == [("celery@ward", ["diagnose", "housekeeping"])]
    assert WorkerSign.objects.count() == 1

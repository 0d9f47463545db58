"""What one machine gets without setting anything: SQLite in WAL mode and a queue of files."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.conf import settings
from django.db import connection
from kombu import Connection, Queue

from diagnosis import tasks
from ecgsite.celery import app
from ecgsite.checks import check_time_limits

if TYPE_CHECKING:
    from pytest_django.fixtures import SettingsWrapper

REPOSITORY = Path(__file__).resolve().parents[2]


def options(folder: Path) -> dict[str, object]:
    for name in ("queue", "control"):
        (folder / name).mkdir(exist_ok=True)
    queue = str(folder / "queue")
    return {
        "data_folder_in": queue,
        "data_folder_out": queue,
        "control_folder": str(folder / "control"),
        "polling_interval": 0.01,
    }


def test_sqlite_lets_readers_read_while_one_writes_and_queues_writers(transactional_db: None):
    if connection.vendor != "sqlite":
        pytest.skip("the tests run on another database")
    with connection.cursor() as cursor:
        assert cursor.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert cursor.execute("PRAGMA synchronous").fetchone() == (1,)  # NORMAL
        assert cursor.execute("PRAGMA busy_timeout").fetchone() == (20_000,)
    assert connection.transaction_mode == "IMMEDIATE"


def test_messages_survive_the_sender_and_come_in_order(tmp_path: Path):
    queue = Queue("diagnose")
    with Connection("embedded://", transport_options=options(tmp_path)) as sender:
        producer = sender.Producer()
        for number in range(20):
            producer.publish({"number": number}, routing_key="diagnose", declare=[queue], serializer="json")

    with Connection("embedded://", transport_options=options(tmp_path)) as receiver, receiver.SimpleQueue(queue) as box:
        seen = []
        for _ in range(20):
            message = box.get(timeout=5)
            seen.append(message.payload["number"])
            message.ack()

    assert seen == list(range(20))
    assert list((tmp_path / "queue").iterdir()) == []


def test_a_reader_that_polls_without_pause_never_meets_half_a_message(tmp_path: Path):
    """Kombu's own transport fails here: it writes into the file that the reader already sees."""
    count = 300
    payload = {"text": "x" * 20_000}
    errors: list[Exception] = []
    seen = 0

    def send() -> None:
        with Connection("embedded://", transport_options=options(tmp_path)) as sender:
            for _ in range(count):
                sender.Producer().publish(payload, routing_key="q", declare=[Queue("q")], serializer="json")

    sending = threading.Thread(target=send)
    with Connection("embedded://", transport_options=options(tmp_path)) as receiver:
        channel = receiver.channel()
        Queue("q")(channel).declare()
        sending.start()
        try:
            while seen < count and (sending.is_alive() or channel._size("q")):
                message = channel.basic_get("q", no_ack=True)
                seen += message is not None
        except ValueError as error:
            errors.append(error)
        sending.join()

    assert errors == []
    assert seen == count


def test_celery_keeps_the_promises_that_the_pipeline_builds_on():
    conf = app.conf

    assert conf.accept_content == ["json"]
    assert conf.task_serializer == conf.result_serializer == "json"
    assert conf.task_acks_late
    assert conf.task_reject_on_worker_lost
    assert conf.worker_prefetch_multiplier == 1
    assert 0 < conf.task_soft_time_limit < conf.task_time_limit
    limits = [task.time_limit for task in (tasks.diagnose, tasks.explain)]
    assert conf.broker_transport_options["visibility_timeout"] > max(limits)
    assert {queue.name for queue in conf.task_queues} == {"diagnose", "explain", "housekeeping"}
    assert not conf.task_publish_retry


def test_pages_and_housekeeping_go_to_their_own_queues():
    app.loader.import_default_modules()

    def queue_of(name: str) -> str:
        return str(app.amqp.router.route(app.tasks[name]._get_exec_options(), name)["queue"].name)

    assert queue_of("diagnosis.tasks.diagnose") == "diagnose"
    assert queue_of("diagnosis.tasks.explain") == "explain"
    assert queue_of("diagnosis.tasks.sweep") == "housekeeping"
    assert queue_of("ecgsite.celery.mark_ready") == "diagnose"


def test_the_beat_sweeps_and_old_sweeps_do_not_pile_up():
    app.loader.import_default_modules()
    schedule = app.conf.beat_schedule

    for entry in schedule.values():
        assert entry["task"] in app.tasks
        # While no worker runs, none of them piles up.
        assert entry["schedule"] == entry["options"]["expires"]
    assert schedule["sweep"]["schedule"] == settings.ISOLINE_SWEEP_SECONDS


SEND = """
import time, django
django.setup()
from kombu.exceptions import OperationalError
from ecgsite.celery import mark_ready
before = time.monotonic()
try:
    mark_ready.delay()
except OperationalError:
    print(time.monotonic() - before)
"""


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1/0", "amqp://guest:guest@127.0.0.1:1//"])
def test_a_broker_that_is_away_is_noticed_at_once(url: str):
    """A person waits for the upload's answer; ``apply_async`` must fail in about the time of one connection."""
    away = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SEND],
        cwd=REPOSITORY,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "ecgsite.settings.test", "BROKER_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )

    assert away.returncode == 0, away.stderr
    assert float(away.stdout) < 1


def test_limits_that_would_take_work_from_a_living_worker_are_refused_at_the_start(settings: SettingsWrapper):
    assert check_time_limits() == []
    settings.ISOLINE_EXPLAIN_LEASE_S = settings.ISOLINE_EXPLAIN_HARD_LIMIT_S
    settings.VISIBILITY_TIMEOUT_S = settings.ISOLINE_HARD_LIMIT_S + 1
    assert [problem.id for problem in check_time_limits()] == ["isoline.E002", "isoline.E003"]

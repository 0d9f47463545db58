"""Installations on each broker, started once for all tests of a module."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.services.installation import REPOSITORY, Installation, PrivateRedis, private_database


@pytest.fixture(scope="session")
def private_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateRedis]:
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("no redis-server on the path")
    redis = PrivateRedis(program, tmp_path_factory.mktemp("redis"))
    redis.start()
    yield redis
    redis.stop()


@pytest.fixture(scope="session")
def make_page() -> Callable[[], bytes]:
    """The example page, a little different each time, so that no two are duplicates."""
    example = cv2.imread(str(REPOSITORY / "static" / "examples" / "synthetic_ecg_page.png"))
    made = iter(range(10**6))

    def make() -> bytes:
        page = example.copy()
        number = next(made)
        page[0, 0] = (number // 65536 % 256, number // 256 % 256, number % 256)
        return bytes(np.asarray(cv2.imencode(".png", page)[1]).tobytes())

    return make


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """SQLite and the file-system broker, as ``make run`` has it."""
    yield from _running(Installation(tmp_path_factory.mktemp("embedded")))


@pytest.fixture(scope="module")
def on_redis(
    tmp_path_factory: pytest.TempPathFactory, postgres_url: str, private_redis: PrivateRedis
) -> Iterator[Installation]:
    with private_database(postgres_url) as database_url:
        yield from _running(Installation(tmp_path_factory.mktemp("on_redis"), database_url, private_redis.url))


@pytest.fixture(scope="module")
def on_rabbitmq(
    tmp_path_factory: pytest.TempPathFactory, postgres_url: str, rabbitmq_url: str
) -> Iterator[Installation]:
    with private_database(postgres_url) as database_url:
        installation = Installation(tmp_path_factory.mktemp("on_rabbitmq"), database_url, rabbitmq_url)
        # What earlier runs left in the queues knows only databases that are gone.
        installation.run(
            "from ecgsite.celery import app\n"
            "with app.connection_for_write() as connection:\n"
            "    for queue in app.conf.task_queues:\n"
            "        bound = queue(connection.default_channel)\n"
            "        bound.declare()\n"
            "        bound.purge()\n"
        )
        yield from _running(installation)


def _running(installation: Installation) -> Iterator[Installation]:
    try:
        installation.set_up()
        installation.start_web()
        installation.start_worker()
        installation.start_beat()
        yield installation
    finally:
        installation.tear_down()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path

"""Is everything there that a page needs on its way? Each part answers for itself."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Final

from celery import current_app
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import DatabaseError, connection

from diagnosis.models import ModelVersion
from diagnosis.operations import signs
from diagnosis.worker import DIAGNOSE_QUEUE

logger = logging.getLogger(__name__)

OK: Final = "ok"
# A probe of everything writes a file and opens a connection to the broker; nobody needs that twice a second.
_KEPT_S: Final = 5.0
_BROKER_PATIENCE_S: Final = 2.0

_lock = threading.Lock()
_last: tuple[float, Mapping[str, str]] | None = None


def check() -> Mapping[str, str]:
    """Part → ``"ok"`` or what is wrong with it, in words without names or addresses. Kept for five seconds."""
    global _last
    with _lock:
        if _last is None or time.monotonic() - _last[0] > _KEPT_S:
            _last = (time.monotonic(), {name: _answer(name, probe) for name, probe in PROBES.items()})
        return _last[1]


def forget() -> None:
    """Have the next ``check`` look anew."""
    global _last
    with _lock:
        _last = None


def _answer(name: str, probe: Callable[[], str]) -> str:
    try:
        return probe()
    # Whatever a driver throws, the part is not ready; what exactly is for the log.
    except Exception as error:  # noqa: BLE001
        logger.warning("Not ready: %s (%s: %s)", name, type(error).__name__, error)
        return "unavailable"


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return "unavailable"
    return OK


def _broker() -> str:
    with current_app.connection_for_write() as broker:
        broker.ensure_connection(max_retries=1, timeout=_BROKER_PATIENCE_S)
    return OK


def _storage() -> str:
    name = default_storage.save(f"probes/{uuid.uuid4().hex}", ContentFile(b"isoline"))
    try:
        with default_storage.open(name) as file:
            return OK if file.read() == b"isoline" else "returns something else than was stored"
    finally:
        default_storage.delete(name)


def _worker() -> str:
    return OK if signs.alive(DIAGNOSE_QUEUE) else "no worker that reads pages has been seen lately"


def _model() -> str:
    return OK if ModelVersion.objects.filter(is_active=True).exists() else "no model is active"


PROBES: Final[Mapping[str, Callable[[], str]]] = {
    "database": _database,
    "broker": _broker,
    "storage": _storage,
    "worker": _worker,
    "model": _model,
}

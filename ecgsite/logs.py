"""Log lines for people (text) and for collectors (JSON), with what was passed as ``extra`` in both.

https://docs.python.org/3/library/logging.html#logrecord-attributes
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest

from ecgsite import request_context

# What every record has, and what Celery's and Django's loggers add for themselves.
_USUAL = frozenset(vars(logging.makeLogRecord({}))) | {
    "message",
    "asctime",
    "taskName",
    "request",
    "server_time",
    "data",
}


def extra_fields(record: logging.LogRecord) -> dict[str, Any]:
    return {name: value for name, value in vars(record).items() if name not in _USUAL}


class WithContext(logging.Filter):
    """Adds the request's id in web, the job's in a worker, to every line written meanwhile."""

    def filter(self, record: logging.LogRecord) -> bool:
        for name, value in request_context.present().items():
            if not hasattr(record, name):
                setattr(record, name, value)
        return True


class RoutesOnly(logging.Filter):
    """Names the route instead of the address in Django's lines about a request that failed.

    The address of an invitation or a new password is itself the key, and other addresses may hold more than a log
    should. Addresses that lead nowhere stay as they are.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        request = getattr(record, "request", None)
        match = getattr(request, "resolver_match", None)
        if match is not None and isinstance(request, HttpRequest) and isinstance(record.args, tuple):
            route = f"/{match.route}"
            record.args = tuple(
                arg.replace(request.path, route) if isinstance(arg, str) else arg for arg in record.args
            )
        return True


class TextFormatter(logging.Formatter):
    """``2026-01-31 12:00:00 INFO    diagnosis.pipeline: finished  diagnosis=… attempts=1``"""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%Y-%m-%d %H:%M:%S")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  (logging's name)
        line = super().formatMessage(record)
        fields = " ".join(f"{name}={_one_word(value)}" for name, value in extra_fields(record).items())
        return f"{line}  {fields}" if fields else line


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **extra_fields(record),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str, ensure_ascii=False)


def _one_word(value: object) -> str:
    text = str(value)
    # Quoted, so that a name with a line break in it cannot forge a log line.
    return json.dumps(text, ensure_ascii=False) if not text or any(c.isspace() or c in '"=' for c in text) else text

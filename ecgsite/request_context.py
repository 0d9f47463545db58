"""What is being worked on at the moment, for log lines: the request in web, the job in a worker."""

from __future__ import annotations

import re
import uuid
from contextvars import ContextVar
from typing import Final

request_id: ContextVar[str] = ContextVar("request_id", default="")
job: ContextVar[dict[str, str] | None] = ContextVar("job", default=None)

HEADER: Final = "X-Request-ID"
# What a proxy may choose; anything else could forge log lines.
_SOUND: Final = re.compile(r"[A-Za-z0-9_.:-]{8,64}")


def chosen_id(wanted: str) -> str:
    """The id that a proxy gave the request, if it is one, else a new one."""
    return wanted if _SOUND.fullmatch(wanted) else uuid.uuid4().hex


def present() -> dict[str, str]:
    """What a log line should carry now."""
    known = dict(job.get() or {})
    if current := request_id.get():
        known["request_id"] = current
    return known

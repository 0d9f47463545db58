"""Where the request that is being answered came from, for entries made anywhere below it."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

from django.http import HttpRequest

from accounts.lockout import client_address

_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}")
# What addresses of either family, ports and zones are written with; a proxy may pass on anything.
_NOT_IN_ADDRESSES: Final = re.compile(r"[^0-9A-Za-z.:%_\[\]-]")
_MAX_ADDRESS: Final = 64
# Set in a session right before it is ended for want of activity; it goes with the session.
TIMED_OUT: Final = "audit_timed_out"


@dataclass(frozen=True)
class Origin:
    """An address and an identifier of the request; both empty outside of requests, as in workers and commands."""

    address: str = ""
    request_id: str = ""


NOWHERE: Final = Origin()
_current: ContextVar[Origin] = ContextVar("audit_origin", default=NOWHERE)


def current() -> Origin:
    return _current.get()


def of(request: HttpRequest) -> Origin:
    """The request's origin. ``X-Request-ID`` is what log lines have as well, put there in front of everything."""
    address = _NOT_IN_ADDRESSES.sub("", client_address(request))
    given = request.META.get("HTTP_X_REQUEST_ID", "")
    return Origin(address[:_MAX_ADDRESS], given if _ID.fullmatch(given) else uuid.uuid4().hex)


@contextmanager
def answering(request: HttpRequest) -> Iterator[None]:
    token = _current.set(of(request))
    try:
        yield
    finally:
        _current.reset(token)

"""Pages of a long list by where the last one ended: the ten-thousandth page costs what the first does.

Rows are in the order of ``created_at`` and key, newest first, which an index holds.
https://use-the-index-luke.com/no-offset
"""

from __future__ import annotations

import base64
import binascii
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from django.db import OperationalError, connections, transaction
from django.db.models import Model, Q, QuerySet

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

M = TypeVar("M", bound=Model)

NEWEST_FIRST: Final = ("-created_at", "-pk")
_OLDEST_FIRST: Final = ("created_at", "pk")


class InvalidPlace(ValueError):
    """The text names no place in a list."""


@dataclass(frozen=True)
class Place:
    """Where a row stands in a list."""

    created_at: datetime
    key: uuid.UUID

    @classmethod
    def of(cls, row: Any) -> Place:
        return cls(row.created_at, row.pk)

    @classmethod
    def parse(cls, text: str) -> Place:
        """The place that ``str`` of it named.

        Raises:
            InvalidPlace: it names none.
        """
        try:
            moment, _, key = base64.urlsafe_b64decode(text.encode() + b"==").decode().partition(" ")
            place = cls(datetime.fromisoformat(moment), uuid.UUID(key))
        except (ValueError, binascii.Error) as error:
            raise InvalidPlace(text) from error
        if place.created_at.tzinfo is None:
            raise InvalidPlace(text)
        return place

    def __str__(self) -> str:
        return base64.urlsafe_b64encode(f"{self.created_at.isoformat()} {self.key}".encode()).decode().rstrip("=")


@dataclass(frozen=True)
class Page(Generic[M]):
    """One page.

    Attributes:
        keys: primary keys of its rows, newest first.
        newer: the page before this one begins above this place; None where there is none.
        older: the page behind this one begins below this place; None where there is none.
    """

    keys: list[uuid.UUID]
    newer: Place | None
    older: Place | None


def page(found: QuerySet[M], *, size: int, before: str = "", after: str = "") -> Page[M]:
    """One page of a list.

    Args:
        found: the rows; their order is set here.
        size: how many rows make a page.
        before: `Place` as text: the page of rows older than it.
        after: the page of rows newer than it; the newest page where there is less than a page of them.

    Raises:
        InvalidPlace: ``before`` or ``after`` names none.
    """
    if after:
        rows = _rows(_above(found, Place.parse(after)).order_by(*_OLDEST_FIRST), size + 1)
        if len(rows) > size:
            rows = rows[size - 1 :: -1]
            return Page([row.key for row in rows], newer=rows[0], older=rows[-1])
        before = ""
    wanted = _below(found, Place.parse(before)) if before else found
    rows = _rows(wanted.order_by(*NEWEST_FIRST), size + 1)
    shown = rows[:size]
    return Page(
        [row.key for row in shown],
        newer=shown[0] if before and shown else None,
        older=shown[-1] if len(rows) > size else None,
    )


def in_pieces(found: QuerySet[M], *, size: int) -> Iterator[list[uuid.UUID]]:
    """The keys of all rows, newest first, ``size`` at a time: for lists longer than memory or any one query."""
    rows = _rows(found.order_by(*NEWEST_FIRST), size)
    while rows:
        yield [row.key for row in rows]
        if len(rows) < size:
            return
        rows = _rows(_below(found, rows[-1]).order_by(*NEWEST_FIRST), size)


def in_order(found: QuerySet[M], keys: Sequence[uuid.UUID]) -> list[M]:
    """The rows of these keys, in the order of the keys.

    Sorted here, because a database that is asked for the order may walk its index of all rows for it.
    """
    rows = {row.pk: row for row in found.order_by().filter(pk__in=keys)}
    return [rows[key] for key in keys if key in rows]


def count(found: QuerySet[M], *, limit: int, seconds: float = 0.5) -> int | None:
    """How many rows there are, but never more than ``limit`` + 1: who counts a million makes everybody wait.

    Returns:
        None where counting would take longer than ``seconds``.
    """
    connection = connections[found.db]
    try:
        with _stopped_after(connection, seconds):
            return found.order_by().values("pk")[: limit + 1].count()
    except OperationalError:
        return None


@contextmanager
def _stopped_after(connection: BaseDatabaseWrapper, seconds: float) -> Iterator[None]:
    """Queries in the block fail with `OperationalError` when it lasts longer."""
    if connection.vendor == "postgresql":
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = %s", [round(1000 * seconds)])
            yield
            # For what comes after in the same transaction, if there is one.
            cursor.execute("SET LOCAL statement_timeout = DEFAULT")
    elif connection.vendor == "sqlite":
        connection.ensure_connection()
        end = time.monotonic() + seconds
        connection.connection.set_progress_handler(lambda: time.monotonic() > end, 10_000)
        try:
            yield
        finally:
            connection.connection.set_progress_handler(None, 0)
    else:
        yield


def _rows(found: QuerySet[M], size: int) -> list[Place]:
    return [Place(moment, key) for moment, key in found.values_list("created_at", "pk")[:size]]


# The first comparison is what the index is asked; the second sorts out rows of the same microsecond.
def _below(found: QuerySet[M], place: Place) -> QuerySet[M]:
    return found.filter(created_at__lte=place.created_at).filter(
        Q(created_at__lt=place.created_at) | Q(pk__lt=place.key)
    )


def _above(found: QuerySet[M], place: Place) -> QuerySet[M]:
    return found.filter(created_at__gte=place.created_at).filter(
        Q(created_at__gt=place.created_at) | Q(pk__gt=place.key)
    )

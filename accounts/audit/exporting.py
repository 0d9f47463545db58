"""The log as CSV: everything that is hashed, the hashes, and the name of the site for the reader."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from datetime import UTC
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from .models import EntryQuerySet

_CHUNK: Final = 2000
_COLUMNS: Final = (
    *("id", "at", "action", "actor_id", "actor_name", "site_id", "target_type", "target_id"),
    *("address", "request_id", "details", "previous_hash", "hash", "site__name"),
)
_TITLES: Final = (
    *("position", "at", "action", "actor", "actor_name", "site", "target_type", "target_id"),
    *("address", "request_id", "details", "previous_hash", "hash", "site_name"),
)


class _Line:
    """What ``csv`` writes to: it hands each line back instead of keeping it."""

    def write(self, line: str) -> str:
        return line


def csv_lines(entries: EntryQuerySet) -> Iterator[str]:
    """The entries in the order of the chain, line by line, never many in memory."""
    writer = csv.writer(_Line())
    yield writer.writerow(_TITLES)
    for row in entries.order_by("pk").values_list(*_COLUMNS).iterator(chunk_size=_CHUNK):
        yield writer.writerow(_cell(value) for value in row)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict):
        return json.dumps(value, sort_keys=True, separators=(",", ":"))
    return value.astimezone(UTC).isoformat(timespec="microseconds") if hasattr(value, "astimezone") else str(value)

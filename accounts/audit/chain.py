"""What is hashed, and how: the same in ``log.record`` and in ``verification``.

SHA-256 over the entry as canonical JSON, the hash of the entry before included. Whoever changes an entry has to
change every later one; a head kept elsewhere shows that.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .models import Entry


def hash_of(entry: Entry) -> str:
    """The hash that the entry must have; ``previous_hash`` must be set."""
    content = {
        "position": entry.pk,
        "at": entry.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "action": entry.action,
        "actor": entry.actor_id,
        "actor_name": entry.actor_name,
        "site": entry.site_id,
        "target_type": entry.target_type,
        "target_id": entry.target_id,
        "address": entry.address,
        "request_id": entry.request_id,
        "details": entry.details,
        "previous_hash": entry.previous_hash,
    }
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()

"""Ids that stay the same: a second export updates what the first one made, and never doubles it.

They are made from the keys of rows. Keys that are counted (sites, users) are taken together with the installation's
own key, so that two installations do not overwrite each other's rows on one server.
"""

from __future__ import annotations

import uuid
from typing import Final

from diagnosis.fhir.models import Installation

_ISOLINE: Final = uuid.UUID("7d3b4f7e-6c0a-4d0c-9d1c-2f1f1c8e5a90")


def made_from(kind: str, *parts: object) -> str:
    """The id of what is known by a key that no other installation has."""
    return str(uuid.uuid5(_ISOLINE, "/".join((kind, *(str(part) for part in parts)))))


class Ids:
    """Ids and identifier systems of this installation."""

    def __init__(self) -> None:
        row, _is_new = Installation.objects.get_or_create(pk=1)
        self._key = row.key

    def here(self, kind: str, *parts: object) -> str:
        """The id of what is known by a key that is counted."""
        return made_from(kind, self._key, *parts)

    def system(self, kind: str, *parts: object) -> str:
        """The system of identifiers that this installation gives, as a URI."""
        return f"urn:uuid:{self.here(f'system of {kind}', *parts)}"

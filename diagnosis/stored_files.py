"""Files that rows refer to: written before their rows, taken away again if the rows do not come to stand."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

logger = logging.getLogger(__name__)


class Batch:
    """The files of one transaction.

    Example:
        >>> batch = Batch()
        >>> try:
        ...     name = batch.save("pages/1/page.png", content)
        ...     with transaction.atomic():
        ...         transaction.on_commit(batch.keep)
        ...         Upload.objects.create(page=name, …)
        ...     batch.keep()
        ... finally:
        ...     batch.close()
    """

    def __init__(self) -> None:
        self._unkept: list[str] = []

    def save(self, name: str, content: bytes) -> str:
        """Store a file and return the name it got."""
        # Remembered before it is written: a half-written file has to go as well.
        self._unkept.append(name)
        stored = default_storage.save(name, ContentFile(content))
        self._unkept[-1] = stored
        return stored

    def keep(self) -> None:
        """The rows stand; from here on the files are theirs.

        Called on commit, before anything else that runs on commit can go wrong, and once more after the block, because
        a test's transaction never commits.
        """
        self._unkept.clear()

    def close(self) -> None:
        """Remove what was written and is not kept."""
        discard(self._unkept)
        self._unkept.clear()


def discard(names: Iterable[str]) -> None:
    """Take files away that no row refers to; what cannot be removed now is logged, never raised."""
    for name in names:
        try:
            default_storage.delete(name)
        except Exception:
            logger.exception("A file that nothing refers to could not be removed: %s", name)


def names_under(folder: str) -> list[str]:
    """The files directly in a folder; none if there is no such folder."""
    try:
        _, names = default_storage.listdir(folder)
    except FileNotFoundError:
        return []
    return [f"{folder}/{name}" for name in names]

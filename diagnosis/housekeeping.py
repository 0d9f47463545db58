"""What the rooms of this house have cleared up every ``ISOLINE_SWEEP_SECONDS``, without the sweep knowing them."""

from __future__ import annotations

import logging
from collections.abc import Callable

logger = logging.getLogger(__name__)

_chores: dict[str, Callable[[], object]] = {}


def have_swept(name: str, chore: Callable[[], object]) -> None:
    """Have ``chore`` called with every sweep from now on. For a room's ``AppConfig.ready``."""
    _chores[name] = chore


def sweep() -> None:
    """Do every chore; one that fails keeps no other from being done."""
    for name, chore in _chores.items():
        try:
            chore()
        except Exception:
            logger.exception("Sweep: %s failed", name)

"""The traces of a page on their way into the storage, and out of it."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from diagnosis.models import Tracing

if TYPE_CHECKING:
    from diagnosis.stored_files import Batch


@dataclass(frozen=True)
class Drawn:
    """A tracing ready to be stored: ``values`` are fields of `Tracing`; ``leads`` JSON and ``layer`` SVG, if any."""

    values: dict[str, Any] = field(default_factory=dict)
    leads: dict[str, Any] | None = None
    layer: str = ""


def save(batch: Batch, start: str, drawn: Drawn) -> Tracing:
    """Store the files under names that begin with ``start``; the row that refers to them is not saved yet."""
    tracing = Tracing(**drawn.values)
    if drawn.leads is not None:
        packed = json.dumps(drawn.leads, separators=(",", ":"), allow_nan=False).encode()
        # Without a time stamp equal traces make equal files.
        tracing.leads = batch.save(f"{start}-leads.json.gz", gzip.compress(packed, 6, mtime=0))
        tracing.layer = batch.save(f"{start}-traces.svgz", gzip.compress(drawn.layer.encode(), 6, mtime=0))
    return tracing


def signals(tracing: Tracing) -> dict[str, Any]:
    """The leads as `ml.leads.formats.to_json` made them.

    Raises:
        FileNotFoundError: the storage has lost them, or there never were any.
    """
    if not tracing.leads:
        raise FileNotFoundError("the traces of this page were not read")
    with tracing.leads.open("rb") as file:
        found: dict[str, Any] = json.loads(gzip.decompress(file.read()))
    return found


def gain_mm_per_mv(tracing: Tracing) -> float | None:
    """How high 1 mV was drawn, as it was read; None where no leads were read or the storage has lost them."""
    try:
        gain = signals(tracing).get("gain_mm_per_mv")
    except (OSError, ValueError):
        return None
    return float(gain) if isinstance(gain, int | float) and gain > 0 else None

"""Pictures of where the model looked, on their way into the storage."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from diagnosis.models import Heatmap
from diagnosis.stored_files import Batch, discard, names_under

if TYPE_CHECKING:
    from diagnosis.models import Diagnosis


@dataclass(frozen=True)
class DrawnHeatmap:
    """A heatmap as pictures: ``layer`` a transparent PNG of the page's aspect, ``overlay`` a JPEG of the page."""

    method: str
    label: str
    layer: bytes
    overlay: bytes


def heatmap_folder(diagnosis: Diagnosis) -> str:
    """Where everything that was drawn for a diagnosis lies in the storage; nothing else does."""
    return f"heatmaps/{diagnosis.upload.site_id}/{diagnosis.pk}"


def save(batch: Batch, start: str, drawn: DrawnHeatmap) -> Heatmap:
    """Store both pictures under names that begin with ``start``; the row that refers to them is not saved yet."""
    start = f"{start}-{drawn.method}-{drawn.label}"
    return Heatmap(
        method=drawn.method,
        label=drawn.label,
        layer=batch.save(f"{start}-layer.png", drawn.layer),
        overlay=batch.save(f"{start}-overlay.jpg", drawn.overlay),
    )


def clear_away_all_but(rows: Iterable[Heatmap], *, folder: str, start: str = "") -> None:
    """A worker that died between its files and its rows left the files behind: those whose names begin with
    ``start`` and that no row refers to go."""
    referred_to = {name for row in rows for name in (row.layer.name, row.overlay.name)}
    discard(name for name in names_under(folder) if name.startswith(f"{folder}/{start}") and name not in referred_to)

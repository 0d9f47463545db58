"""A page with what was read drawn over it, for a person to check."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

if TYPE_CHECKING:
    from ml.decode import Page
    from ml.leads.signals import Leads

_COLOURS: Final = ((200, 0, 0), (0, 130, 0), (0, 0, 220), (210, 110, 0), (190, 0, 190), (0, 130, 140))
_FRACTION_BITS: Final = 4


def drawn_over(page: Page, leads: Leads) -> Page:
    """The page paled, (H, W, 3) uint8 RGB, with every path in colour, its lead's name and its quality."""
    picture = np.ascontiguousarray(255 - (255 - page) // 3)
    size = max(leads.px_per_mm / 8, 0.35)
    for index, lead in enumerate(leads.all):
        colour = _COLOURS[index % len(_COLOURS)]
        read = np.isfinite(lead.path[:, 1])
        if not read.any():
            continue
        for piece in np.split(np.arange(len(read)), np.flatnonzero(np.diff(read.astype(int))) + 1):
            if read[piece[0]]:
                points = np.round(lead.path[piece] * (1 << _FRACTION_BITS)).astype(np.int32)
                cv2.polylines(picture, [points], False, colour, 1, cv2.LINE_AA, _FRACTION_BITS)
        x, y = lead.path[np.flatnonzero(read)[0]]
        origin = round(float(x) + 2 * leads.px_per_mm), round(float(y) + 6 * leads.px_per_mm)
        text = f"{lead.name} {lead.quality:.2f}"
        cv2.putText(picture, text, origin, cv2.FONT_HERSHEY_SIMPLEX, size, colour, 1, cv2.LINE_AA)
    return picture

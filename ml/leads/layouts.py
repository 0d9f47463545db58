"""How 12-lead pages are laid out: one table, read by the renderer and by the reader alike.

To add a layout, add a line to `LAYOUTS`; of layouts with as many strips, the commoner one comes first. Rows are read
from the top, columns from the left; the columns of a row follow one another in time, as machines print them, and rhythm
strips run through the whole recording below the rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

LEADS: Final = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")


@dataclass(frozen=True)
class Slot:
    """One stretch of one lead on a page.

    Attributes:
        lead: its name.
        strip: index of the strip it stands in, from the top.
        start_s: time in the recording at its left edge.
        duration_s: seconds from its left edge to its right.
        rhythm: whether it is a rhythm strip.
    """

    lead: str
    strip: int
    start_s: float
    duration_s: float
    rhythm: bool


@dataclass(frozen=True)
class Layout:
    """Which lead stands where.

    Attributes:
        name: stable identifier.
        rows: leads of each row from left to right.
        column_s: seconds shown of each lead.
        rhythm: leads of the strips below that run through all columns.
    """

    name: str
    rows: tuple[tuple[str, ...], ...]
    column_s: float
    rhythm: tuple[str, ...] = ()

    @property
    def columns(self) -> int:
        return len(self.rows[0])

    @property
    def strips(self) -> int:
        """Number of strips, rhythm strips included."""
        return len(self.rows) + len(self.rhythm)

    @property
    def duration_s(self) -> float:
        """Seconds from the left edge of the page's traces to the right."""
        return self.column_s * self.columns

    def slots(self) -> tuple[Slot, ...]:
        """Every stretch of every lead, row by row, rhythm strips last."""
        printed = [
            Slot(lead, strip, column * self.column_s, self.column_s, rhythm=False)
            for strip, row in enumerate(self.rows)
            for column, lead in enumerate(row)
        ]
        below = [
            Slot(lead, len(self.rows) + index, 0.0, self.duration_s, rhythm=True)
            for index, lead in enumerate(self.rhythm)
        ]
        return (*printed, *below)


_THREE_BY_FOUR = (("I", "aVR", "V1", "V4"), ("II", "aVL", "V2", "V5"), ("III", "aVF", "V3", "V6"))
_SIX_BY_TWO = (("I", "V1"), ("II", "V2"), ("III", "V3"), ("aVR", "V4"), ("aVL", "V5"), ("aVF", "V6"))

LAYOUTS: Final[dict[str, Layout]] = {
    layout.name: layout
    for layout in (
        Layout("4x2.5", _THREE_BY_FOUR, 2.5, ("II",)),
        Layout("4x2.5-plain", _THREE_BY_FOUR, 2.5),
        Layout("4x2.5-2r", _THREE_BY_FOUR, 2.5, ("V1", "II")),
        Layout("2x5", _SIX_BY_TWO, 5.0),
        Layout("4x2.5-3r", _THREE_BY_FOUR, 2.5, ("V1", "II", "V5")),
        Layout("2x5-1r", _SIX_BY_TWO, 5.0, ("II",)),
        Layout("12x1", tuple((lead,) for lead in LEADS), 10.0),
    )
}

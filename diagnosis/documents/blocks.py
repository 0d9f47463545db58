"""The typography of documents: styles, and the small blocks that texts are set in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final
from xml.sax.saxutils import escape

from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.platypus import CondPageBreak, Flowable, Paragraph, Table, TableStyle

from diagnosis.documents.figures import INK, NOTICE, NOTICE_INK, QUIET, TEXT
from diagnosis.documents.fonts import BOLD, REGULAR, printable

# So many findings are listed one below the other.
FEW: Final = 6


def style_of(name: str, size: float, **changes: Any) -> ParagraphStyle:
    """A paragraph's style of this size in points, changed as reportlab's ``ParagraphStyle`` takes it."""
    settings: dict[str, Any] = {
        "fontName": REGULAR,
        "fontSize": size,
        "leading": size * 1.36,
        "textColor": TEXT,
        # Words of other scripts and checksums have no place to be broken at.
        "splitLongWords": 1,
        "allowWidows": 0,
        "allowOrphans": 0,
    }
    return ParagraphStyle(name, **(settings | changes))


BODY: Final = style_of("body", 8.6)
SMALL: Final = style_of("small", 7.2, textColor=QUIET)
LABEL: Final = style_of("label", 7.2, textColor=QUIET)
HEADING: Final = style_of("heading", 9.6, fontName=BOLD, textColor=INK, spaceBefore=3.4 * mm, spaceAfter=1.2 * mm)
VERDICT: Final = style_of("verdict", 17, fontName=BOLD, textColor=INK, leading=21)
READING: Final = style_of("reading", 12, fontName=BOLD, leading=15)
_IN_BAND: Final = {"borderPadding": (2.5, 5, 3, 5), "leftIndent": 5, "rightIndent": 5}
CAUTION: Final = style_of("caution", 8.2, textColor=NOTICE_INK, backColor=NOTICE, spaceBefore=2.6 * mm, **_IN_BAND)
ITEM: Final = style_of("item", 8.6, leftIndent=9, bulletIndent=0)
CELL: Final = style_of("cell", 8.2)


def heading(text: str, *, room: float = 16 * mm) -> list[Flowable]:
    """A heading that does not stand alone at the foot of a page; what follows it may still be divided."""
    return [CondPageBreak(room), set_text(text, HEADING)]


def set_text(text: str, style: ParagraphStyle) -> Paragraph:
    """A text as it is, with no markup in it; lines stay lines."""
    return Paragraph(escape(printable(text)).replace("\n", "<br/>"), style)


def caption(text: str) -> Paragraph:
    """What stands under a picture or table."""
    return Paragraph(escape(printable(text)), style_of("caption", 7.2, textColor=QUIET, spaceBefore=1.2 * mm))


def plain_table(rows: list[list[Any]], widths: Iterable[float], *more: tuple[Any, ...]) -> Table:
    """A table without lines and margins of its own; ``more`` are commands of reportlab's ``TableStyle``."""
    style = [
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LEFTPADDING", (0, 0), (-1, -1), 0),
        ("RIGHTPADDING", (0, 0), (-1, -1), 0),
        ("TOPPADDING", (0, 0), (-1, -1), 0.8),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 0.8),
        *more,
    ]
    return Table(rows, colWidths=list(widths), style=TableStyle(style), hAlign="LEFT")


def item(text: str, *, strong: bool = False) -> Paragraph:
    """One point of a list."""
    words = escape(printable(text)).replace("\n", "<br/>")
    return Paragraph(f"<b>{words}</b>" if strong else words, ITEM, bulletText="•")


def in_columns(items: list[Flowable], width: float) -> list[Flowable]:
    """Many short things two in a row, so that a page may end after any row."""
    if len(items) <= FEW:
        return items
    pairs = [
        [left, items[place + 1] if place + 1 < len(items) else ""] for place, left in enumerate(items) if not place % 2
    ]
    return [plain_table(pairs, (width / 2, width / 2), ("RIGHTPADDING", (0, 0), (-1, -1), 3 * mm))]

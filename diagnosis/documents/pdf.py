"""A document as PDF: content and pictures in, bytes out. Equal input gives equal bytes.

One or two pages in the usual case: who and what, the clinician's verdict beside the model's reading, the page; then the
clinician's words, the overlay beside the measurements, and where all of it comes from.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from xml.sax.saxutils import escape

from django.utils.translation import gettext as _
from reportlab import rl_config
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4, LETTER
from reportlab.lib.units import inch, mm
from reportlab.platypus import BaseDocTemplate, Flowable, Frame, KeepTogether, PageTemplate, Paragraph, Spacer

from diagnosis.documents import fonts
from diagnosis.documents.blocks import (
    BODY,
    CAUTION,
    CELL,
    HEADING,
    LABEL,
    READING,
    SMALL,
    VERDICT,
    caption,
    heading,
    in_columns,
    item,
    plain_table,
    set_text,
    style_of,
)
from diagnosis.documents.figures import (
    HAIRLINE,
    INK,
    INK_SOFT,
    NOTICE,
    NOTICE_INK,
    QUIET,
    TEXT,
    TRACE,
    Bars,
    Picture,
    Square,
    shortened,
)
from diagnosis.documents.fonts import BOLD, REGULAR, UNKNOWN, printable
from diagnosis.documents.models import Document

if TYPE_CHECKING:
    from reportlab.pdfgen.canvas import Canvas

    from diagnosis.documents.content import Content, Value
    from diagnosis.documents.pictures import Printed

# Pictures go into the file as they are, not a quarter larger as text.
rl_config.useA85 = 0

SIZES: Final = {Document.Paper.A4: A4, Document.Paper.LETTER: LETTER}
SIDE: Final = 16 * mm
TOP: Final = 27 * mm
BOTTOM: Final = 17 * mm
GAP: Final = 4 * mm


def width_of_pictures(paper: str) -> float:
    """Inches that a picture across the whole page has."""
    return float((SIZES[Document.Paper(paper)][0] - 2 * SIDE) / inch)


@dataclass(frozen=True)
class Pictures:
    """What is to be seen: the page, and where the model looked if it did."""

    page: Printed
    overlay: Printed | None


def draw(content: Content, pictures: Pictures, *, paper: str, language: str) -> bytes:
    """The document as PDF.

    Args:
        content: in the language it is to be drawn in, which is active.
        pictures: at the width that ``width_of_pictures`` says.
        paper: one of ``Document.Paper``.
        language: for the file's own note of it.
    """
    fonts.register()
    pages = _built(content, pictures, paper=paper, language=language, total=0)[1]
    return _built(content, pictures, paper=paper, language=language, total=pages)[0]


def _built(content: Content, pictures: Pictures, *, paper: str, language: str, total: int) -> tuple[bytes, int]:
    """Bytes and number of pages; drawn twice, because the first page says how many there are."""
    size = SIZES[Document.Paper(paper)]
    file = io.BytesIO()
    document = BaseDocTemplate(
        file,
        pagesize=size,
        # No clock, no random names.
        invariant=1,
        pageCompression=1,
        title=f"Isoline – {printable(content.title)}",
        author="Isoline",
        subject=printable(content.standing),
        lang=language,
    )
    frame = Frame(
        SIDE,
        BOTTOM,
        size[0] - 2 * SIDE,
        size[1] - TOP - BOTTOM,
        leftPadding=0,
        rightPadding=0,
        topPadding=0,
        bottomPadding=0,
    )
    sheet = _Sheet(content, size, total)
    document.addPageTemplates([PageTemplate(id="page", frames=[frame], onPage=sheet.draw)])
    document.build(_story(content, pictures, width=size[0] - 2 * SIDE, height=size[1] - TOP - BOTTOM))
    return file.getvalue(), document.page


class _Sheet:
    """What stands on every page: whose report, how far it may be relied on, which page of how many."""

    def __init__(self, content: Content, size: tuple[float, float], total: int) -> None:
        self._content = content
        self._width, self._height = size
        self._total = total

    def draw(self, canvas: Canvas, document: BaseDocTemplate) -> None:
        canvas.saveState()
        self._head(canvas)
        self._foot(canvas, document.page)
        canvas.restoreState()

    def _head(self, canvas: Canvas) -> None:
        content, right = self._content, self._width - SIDE
        line = self._height - 12.5 * mm
        canvas.setFillColor(INK)
        canvas.setFont(BOLD, 13)
        canvas.drawString(SIDE, line, "Isoline")
        canvas.setFillColor(TEXT)
        canvas.setFont(REGULAR, 10)
        canvas.drawString(SIDE + 21 * mm, line, shortened(content.title, REGULAR, 10, 45 * mm))
        canvas.setFillColor(TRACE if content.is_preliminary else TEXT)
        canvas.setFont(BOLD, 8.6)
        canvas.drawRightString(right, line + 1.6 * mm, shortened(content.standing, BOLD, 8.6, 105 * mm))
        canvas.setFillColor(QUIET)
        canvas.setFont(REGULAR, 7.2)
        name, text = content.facts[0]
        canvas.drawRightString(right, line - 1.6 * mm, shortened(f"{name}: {text}", REGULAR, 7.2, 105 * mm))
        bottom = self._height - 21.5 * mm
        canvas.setFillColor(NOTICE)
        canvas.rect(SIDE, bottom, right - SIDE, 5 * mm, stroke=0, fill=1)
        canvas.setFillColor(NOTICE_INK)
        size = 7.4
        canvas.setFont(REGULAR, size)
        canvas.drawCentredString(
            self._width / 2, bottom + 1.65 * mm, shortened(content.notice, REGULAR, size, right - SIDE - 4 * mm)
        )

    def _foot(self, canvas: Canvas, page: int) -> None:
        line = 10 * mm
        canvas.setStrokeColor(HAIRLINE)
        canvas.setLineWidth(0.5)
        canvas.line(SIDE, line + 3.4 * mm, self._width - SIDE, line + 3.4 * mm)
        canvas.setFillColor(QUIET)
        canvas.setFont(REGULAR, 7.2)
        code = self._content.code
        left = _("Verification code %(code)s") % {"code": code} if code else _("Not signed; no verification code")
        canvas.drawString(SIDE, line, printable(left))
        number = _("Page %(page)d of %(total)d") % {"page": page, "total": max(self._total, page)}
        canvas.drawRightString(self._width - SIDE, line, printable(number))


def _story(content: Content, pictures: Pictures, *, width: float, height: float) -> list[Flowable]:
    story = [
        *_head(content, width),
        *_answers(content, width),
        Spacer(1, GAP),
    ]
    used = sum(part.wrap(width, height)[1] for part in story)
    # What is left of the first page, as long as that is enough to see something on.
    room = max(height - used - 12 * mm, 70 * mm)
    seen = Picture(pictures.page, width=width, most_height=min(room, (0.6 if content.bars else 0.4) * height))
    said = [_("The page as it was uploaded.")]
    if pictures.page.frame:
        said.append(_("Dashed: the area that was read."))
    story += [
        KeepTogether([seen, caption(" ".join(said))]),
        *_words_of_the_clinician(content, width),
        *_seen_and_measured(content, pictures, width),
        *_in_words(content),
        *_signatures(content),
        *_origin(content, width),
    ]
    return story


def _head(content: Content, width: float) -> list[Flowable]:
    """Facts on the left, the way to verify them on the right."""
    beside = 47 * mm
    named = 31 * mm
    facts = plain_table(
        [[set_text(name, LABEL), set_text(text, BODY)] for name, text in content.facts],
        (named, width - beside - named - GAP),
    )
    right: list[Flowable] = []
    if content.code:
        aligned = style_of("code", 7.2, alignment=TA_RIGHT, textColor=QUIET)
        place = content.address.removesuffix("/").rsplit("/", 1)[0] + "/"
        right = [
            Square(content.address, size=21 * mm),
            Spacer(1, 1.2 * mm),
            set_text(content.code, style_of("digits", 9, fontName=BOLD, alignment=TA_RIGHT)),
            set_text(place, aligned),
        ]
    table = plain_table([[facts, right]], (width - beside, beside), ("ALIGN", (1, 0), (1, 0), "RIGHT"))
    parts: list[Flowable] = [table]
    if content.is_preliminary:
        parts.append(set_text(_preliminary_words(), CAUTION))
        parts.append(Spacer(1, 1.2 * mm))
    return parts


def _preliminary_words() -> str:
    return _(
        "Preliminary, not reviewed: this is what the program found. No clinician has looked at it, and it may be wrong."
    )


def _answers(content: Content, width: float) -> list[Flowable]:
    """The clinician's verdict beside the model's reading."""
    half = (width - GAP) / 2
    inner = half - 8 * mm
    model: list[Flowable] = [
        set_text(_("Model’s reading"), LABEL),
        set_text(content.reading, READING),
        set_text(content.reading_note, SMALL),
    ]
    if content.bars:
        model += [Spacer(1, 1.4 * mm), Bars(content.bars, width=inner, size=8)]
    if content.possible:
        model.append(set_text(_("Remains possible: %(classes)s.") % {"classes": content.possible}, SMALL))
    if content.is_preliminary:
        clinician: list[Flowable] = [
            set_text(_("Clinician’s verdict"), LABEL),
            set_text(_("None yet"), style_of("none", 14, fontName=BOLD, textColor=QUIET, leading=18)),
        ]
    else:
        clinician = [
            set_text(_("Clinician’s verdict"), LABEL),
            set_text(content.verdict, VERDICT),
            *([set_text(content.verdict_note, BODY)] if content.verdict_note != content.verdict else []),
            Spacer(1, 1.6 * mm),
            *(set_text(line, SMALL) for line in content.signatures),
        ]
    boxes = plain_table(
        [[clinician, "", model]],
        (half, GAP, half),
        ("LEFTPADDING", (0, 0), (0, 0), 4 * mm),
        ("RIGHTPADDING", (0, 0), (0, 0), 4 * mm),
        ("LEFTPADDING", (2, 0), (2, 0), 4 * mm),
        ("RIGHTPADDING", (2, 0), (2, 0), 4 * mm),
        ("TOPPADDING", (0, 0), (-1, -1), 2.4 * mm),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 2.8 * mm),
        ("BACKGROUND", (0, 0), (0, 0), INK_SOFT),
        ("BOX", (2, 0), (2, 0), 0.5, HAIRLINE),
    )
    return [Spacer(1, GAP * 0.8), boxes, *(set_text(warning, CAUTION) for warning in content.warnings)]


def _words_of_the_clinician(content: Content, width: float) -> list[Flowable]:
    parts: list[Flowable] = []
    if content.amendment:
        parts += [*heading(_("Why this version replaces the one before")), set_text(content.amendment, BODY)]
    if content.findings:
        items: list[Flowable] = [item(text) for text in content.findings]
        parts += [*heading(_("Findings of the clinician")), *in_columns(items, width)]
    if content.comment:
        parts += [*heading(_("Comment of the clinician")), set_text(content.comment, BODY)]
    return parts


def _seen_and_measured(content: Content, pictures: Pictures, width: float) -> list[Flowable]:
    """The overlay beside the measurements; alone and larger where there are none."""
    measured = _measurements(content, (width - GAP) * 0.46) if content.values else None
    share = 0.54 if measured is not None else 0.72
    seen: list[Flowable] = []
    if pictures.overlay is not None:
        seen = [
            Picture(pictures.overlay, width=(width - GAP) * share, most_height=105 * mm),
            caption(_("Where the model looked. It shows what mattered to the model, not where the heart is ill.")),
        ]
    title = set_text(_("What the model looked at, and measurements"), HEADING)
    if measured is not None and seen:
        table = plain_table([[seen, "", measured]], ((width - GAP) * 0.54, GAP, (width - GAP) * 0.46))
        return [KeepTogether([title, table])]
    if measured is not None:
        return [*heading(_("Measurements")), *measured]
    parts: list[Flowable] = []
    if seen:
        parts.append(KeepTogether([set_text(_("What the model looked at"), HEADING), *seen]))
    return [*parts, *heading(_("Measurements")), set_text(content.unmeasured, BODY)]


def _measurements(content: Content, width: float) -> list[Flowable]:
    rows: list[list[Any]] = [
        [set_text(_("Measurement"), LABEL), set_text(_("Value"), LABEL), set_text(_("Usual"), LABEL)]
    ]
    style: list[tuple[Any, ...]] = [("LINEBELOW", (0, 0), (-1, -1), 0.4, HAIRLINE)]
    rows += [
        [set_text(value.name, CELL), Paragraph(_value_in_markup(value), CELL), set_text(value.usual, CELL)]
        for value in content.values
    ]
    table = plain_table(rows, (0.42 * width, 0.38 * width, 0.2 * width), *style)
    return [table, caption(_("Measured by the program, not checked by a person."))]


def _value_in_markup(value: Value) -> str:
    shown = escape(printable(value.value))
    if value.unusual:
        shown = f"<b>{shown}</b>"
    if value.remark:
        colour = NOTICE_INK.hexval().replace("0x", "#")
        shown += f" <font size=7 color={colour}>{escape(printable(value.remark))}</font>"
    return shown


def _in_words(content: Content) -> list[Flowable]:
    if not content.sentences:
        return []
    return [
        *heading(_("Read off the traces by the program")),
        *(item(sentence.text, strong=sentence.unusual) for sentence in content.sentences),
    ]


def _signatures(content: Content) -> list[Flowable]:
    if content.is_preliminary:
        return []
    parts = [*heading(_("Signatures")), *(set_text(line, BODY) for line in content.signatures)]
    if content.earlier:
        parts += [*heading(_("Earlier versions")), *(item(line) for line in content.earlier)]
    later = _("Whether a later version has replaced this one, the verification code tells at the address above.")
    return [*parts, set_text(later, SMALL)]


def _origin(content: Content, width: float) -> list[Flowable]:
    named = 44 * mm
    table = plain_table(
        [[set_text(name, LABEL), set_text(text, SMALL)] for name, text in content.origin], (named, width - named)
    )
    parts: list[Flowable] = [set_text(_("Origin"), HEADING), table]
    if _has_unknown(content):
        note = _("%(mark)s stands for a character that this document’s typeface does not have.")
        parts.append(set_text(note % {"mark": UNKNOWN}, SMALL))
    return [KeepTogether(parts)]


def _has_unknown(content: Content) -> bool:
    texts = [
        content.comment,
        content.amendment,
        content.verdict,
        *content.findings,
        *content.signatures,
        *content.earlier,
    ]
    texts += [text for _name, text in content.facts]
    return any(UNKNOWN in printable(text) for text in texts)

"""The drawn parts of a document: bars, pictures with a frame, the verification code as a square."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final

import segno
from reportlab.lib.colors import HexColor
from reportlab.lib.units import mm
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.platypus import Flowable

from diagnosis.documents.fonts import BOLD, REGULAR, printable

if TYPE_CHECKING:
    from diagnosis.documents.content import Bar
    from diagnosis.documents.pictures import Printed

INK: Final = HexColor("#1d4b57")
INK_SOFT: Final = HexColor("#e3eef0")
TEXT: Final = HexColor("#1b2629")
QUIET: Final = HexColor("#56666a")
HAIRLINE: Final = HexColor("#d9dedd")
TRACE: Final = HexColor("#b23a48")
NOTICE: Final = HexColor("#f4ecd8")
NOTICE_INK: Final = HexColor("#5a4613")


class Picture(Flowable):
    """A picture as wide as there is room, no taller than allowed, with a hairline around it.

    Args:
        printed: the picture; its frame is drawn as a dashed line.
        width, most_height: points.
    """

    def __init__(self, printed: Printed, *, width: float, most_height: float) -> None:
        super().__init__()
        self._printed = printed
        scale = min(width / printed.width, most_height / printed.height)
        self.width, self.height = printed.width * scale, printed.height * scale
        self.hAlign = "CENTER"

    def wrap(self, available_width: float, available_height: float) -> tuple[float, float]:
        return self.width, self.height

    def draw(self) -> None:
        canvas = self.canv
        canvas.drawImage(ImageReader(io.BytesIO(self._printed.jpeg)), 0, 0, self.width, self.height)
        canvas.setStrokeColor(HAIRLINE)
        canvas.setLineWidth(0.5)
        canvas.rect(0, 0, self.width, self.height)
        if self._printed.frame:
            x, y, width, height = self._printed.frame
            canvas.saveState()
            canvas.setStrokeColor(INK)
            canvas.setLineWidth(0.8)
            canvas.setDash(4, 2)
            canvas.rect(
                x * self.width,
                (1 - y - height) * self.height,
                width * self.width,
                height * self.height,
                stroke=1,
                fill=0,
            )
            canvas.restoreState()


class Bars(Flowable):
    """Every class with its probability, the answer in bold."""

    ROW: Final = 5.2 * mm

    def __init__(self, bars: tuple[Bar, ...], *, width: float, size: float) -> None:
        super().__init__()
        self._bars = bars
        self._size = size
        self.width, self.height = width, len(bars) * self.ROW

    def wrap(self, available_width: float, available_height: float) -> tuple[float, float]:
        return self.width, self.height

    def draw(self) -> None:
        canvas = self.canv
        names = 0.46 * self.width
        percents = 14 * mm
        length = self.width - names - percents
        for number, bar in enumerate(self._bars):
            middle = self.height - (number + 0.5) * self.ROW
            font = BOLD if bar.is_answer else REGULAR
            canvas.setFillColor(TEXT)
            canvas.setFont(font, self._size)
            canvas.drawString(0, middle - self._size * 0.36, shortened(bar.name, font, self._size, names - 2 * mm))
            canvas.drawRightString(self.width, middle - self._size * 0.36, printable(bar.percent))
            canvas.setFillColor(INK_SOFT)
            canvas.rect(names, middle - 1.1 * mm, length, 2.2 * mm, stroke=0, fill=1)
            canvas.setFillColor(INK if bar.is_answer else QUIET)
            canvas.rect(names, middle - 1.1 * mm, length * bar.share, 2.2 * mm, stroke=0, fill=1)


class Square(Flowable):
    """A text as a QR code, drawn as lines and not as a picture."""

    def __init__(self, text: str, *, size: float) -> None:
        super().__init__()
        self._rows = [bytes(row) for row in segno.make(text, error="m", micro=False).matrix]
        self.width = self.height = size
        self.hAlign = "RIGHT"

    def wrap(self, available_width: float, available_height: float) -> tuple[float, float]:
        return self.width, self.height

    def draw(self) -> None:
        canvas = self.canv
        module = self.width / len(self._rows)
        canvas.setFillColor(TEXT)
        path = canvas.beginPath()
        for number, row in enumerate(self._rows):
            bottom = self.height - (number + 1) * module
            for start, length in _runs(row):
                path.rect(start * module, bottom, length * module, module)
        canvas.drawPath(path, stroke=0, fill=1)


def _runs(row: bytes) -> list[tuple[int, int]]:
    """Where dark modules begin, and how many follow one another."""
    runs: list[tuple[int, int]] = []
    for place, dark in enumerate(row):
        if not dark:
            continue
        if runs and sum(runs[-1]) == place:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((place, 1))
    return runs


def shortened(text: str, font: str, size: float, width: float) -> str:
    """A text on one line of this width, with an ellipsis where it is longer."""
    text = printable(text).replace("\n", " ")
    if stringWidth(text, font, size) <= width:
        return text
    while text and stringWidth(f"{text}…", font, size) > width:
        text = text[:-1]
    return f"{text.rstrip()}…"

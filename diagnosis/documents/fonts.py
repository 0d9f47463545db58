"""The typeface of documents: DejaVu Sans, embedded, with Latin, Greek and Cyrillic letters.

reportlab's own fonts stop at Latin-1. What a name or comment contains beyond the typeface is shown as �, so that
nothing is lost without being seen. Letters that are written from right to left count as beyond it: reportlab would
print them in the wrong order.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from pathlib import Path
from typing import Final

from reportlab.lib.fonts import addMapping
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

REGULAR: Final = "DejaVuSans"
BOLD: Final = "DejaVuSans-Bold"
UNKNOWN: Final = "\N{REPLACEMENT CHARACTER}"

_FOLDER: Final = Path(__file__).parent / "fonts"
_SPACES: Final = re.compile(r"[^\S\n]+")
_RIGHT_TO_LEFT: Final = frozenset({"R", "AL", "AN"})
# Characters that only say how others are to be shown.
_INVISIBLE: Final = frozenset({"Cf", "Cc"})


@cache
def register() -> None:
    """Make the typeface known to reportlab, once per process."""
    for name in (REGULAR, BOLD):
        pdfmetrics.registerFont(TTFont(name, _FOLDER / f"{name}.ttf"))
    for italic in (0, 1):
        addMapping(REGULAR, 0, italic, REGULAR)
        addMapping(REGULAR, 1, italic, BOLD)


@cache
def _glyphs() -> frozenset[int]:
    register()
    found: frozenset[int] = frozenset(pdfmetrics.getFont(REGULAR).face.charToGlyph)
    return found & frozenset(pdfmetrics.getFont(BOLD).face.charToGlyph)


def printable(text: str) -> str:
    """A text as the typeface can show it; lines stay lines."""
    plain = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    return _SPACES.sub(" ", "".join(_shown(letter) for letter in plain))


def _shown(letter: str) -> str:
    if letter == "\n" or letter.isspace():
        return letter
    if unicodedata.category(letter) in _INVISIBLE:
        return ""
    known = ord(letter) in _glyphs() and unicodedata.bidirectional(letter) not in _RIGHT_TO_LEFT
    return letter if known else UNKNOWN

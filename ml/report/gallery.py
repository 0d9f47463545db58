"""The wrong answers to look at: one HTML page with the ECG pages themselves, the most confident errors first.

It holds pictures of the pages, so it stays where they may be.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from ml.decode import decode
from ml.evaluation import Answers

_OF_EACH: Final = 6
_WIDTH: Final = 640
_STYLE: Final = """
body{font:16px/1.5 system-ui,sans-serif;color:#1a1a1a;background:#fff;max-width:90rem;margin:0 auto;padding:1rem}
.pages{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(26rem,100%),1fr));gap:1rem}
figure{margin:0}img{width:100%;height:auto;border:1px solid #ddd}figcaption{font-size:.875rem;overflow-wrap:anywhere}
"""


def gallery(data: Path, files: Sequence[str], answers: Answers, classes: Sequence[str]) -> str:
    """Draw the errors, by true class and answer.

    Args:
        data: folder of the pages.
        files: (N,) page files below it; one that was answered several times is shown with its most confident error.
        answers: to them.
        classes: names, in the order of the columns.

    Returns:
        HTML that needs no other file.
    """
    said = answers.probabilities.argmax(axis=1)
    sections = []
    for true, label in enumerate(classes):
        for answered, name in enumerate(classes):
            wrong = np.flatnonzero((answers.labels == true) & (said == answered)).tolist()
            if wrong and true != answered:
                sections.append(_section(data, files, answers, wrong, f"{label}, called {name}", answered))
    total = int((said != answers.labels).sum())
    title = f"{total} wrong answers of {len(said)}"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style></head><body><main><h1>{title}</h1>"
        f"{''.join(sections)}</main></body></html>\n"
    )


def _section(
    data: Path, files: Sequence[str], answers: Answers, wrong: Sequence[int], title: str, answered: int
) -> str:
    surest: dict[str, float] = {}
    for index in wrong:
        confidence = float(answers.probabilities[index, answered])
        surest[files[index]] = max(confidence, surest.get(files[index], 0.0))
    shown = sorted(surest, key=lambda file: -surest[file])[:_OF_EACH]
    figures = "".join(
        f"<figure>{_picture(data / file)}<figcaption>{escape(file)}: {surest[file]:.2f}</figcaption></figure>"
        for file in shown
    )
    heading = f"{escape(title)}: {len(surest)} pages, the {len(shown)} most confident"
    return f"<section><h2>{heading}</h2><div class=pages>{figures}</div></section>"


def _picture(file: Path) -> str:
    """The page as an image; nothing where the file is not there, as a manifest alone is enough for an evaluation."""
    if not file.is_file():
        return ""
    page = decode(file.read_bytes()).pages[0]
    height = max(round(page.shape[0] * _WIDTH / page.shape[1]), 1)
    small = cv2.resize(page, (_WIDTH, height), interpolation=cv2.INTER_AREA)
    encoded = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 80])[1]
    return f'<img alt="" src="data:image/jpeg;base64,{base64.b64encode(encoded.tobytes()).decode("ascii")}">'

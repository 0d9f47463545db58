"""Maps of many pages side by side, for people to look at: a row for each page, a column for each method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from ml.explain.network import Floats
from ml.heatmap import heated
from ml.preprocessing import ModelInput

_WIDTH: Final = 300
_LINE: Final = 22


def contact_sheet(pages: Sequence[tuple[str, ModelInput]], maps: Mapping[str, Sequence[Floats]]) -> bytes:
    """Draw maps on the pages they explain.

    Args:
        pages: caption and model input (height, width) of each page.
        maps: title of a method → its map (h, w) in 0…1 of each page.

    Returns:
        JPEG.
    """
    rows = [
        _row([(caption, page)] + [(title, heated(page, found[n])) for title, found in maps.items()])
        for n, (caption, page) in enumerate(pages)
    ]
    done, buffer = cv2.imencode(".jpg", np.vstack(rows), [cv2.IMWRITE_JPEG_QUALITY, 80])
    if not done:
        raise ValueError("the sheet could not be encoded")
    return buffer.tobytes()


def _row(cells: Sequence[tuple[str, NDArray[np.uint8]]]) -> NDArray[np.uint8]:
    return np.hstack([_cell(caption, picture) for caption, picture in cells])


def _cell(caption: str, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    colour = picture if picture.ndim == 3 else cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR)
    # Model inputs are often squares that a page was squashed into; the sheet shows the page's own breadth.
    drawn = cv2.resize(colour, (_WIDTH, round(_WIDTH * 0.66)), interpolation=cv2.INTER_AREA)
    cell = cv2.copyMakeBorder(drawn, _LINE, 2, 2, 2, cv2.BORDER_CONSTANT, value=(255, 255, 255))
    cv2.putText(cell, caption, (4, _LINE - 7), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (60, 30, 30), 1, cv2.LINE_AA)
    return np.asarray(cell, dtype=np.uint8)

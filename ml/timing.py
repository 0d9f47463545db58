"""How long one page takes, the same way for every model: one page at a time, warm, the median of several."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import keras

TIMED_PAGES: Final = 20


def milliseconds_a_page(answer: Callable[[NDArray[Any]], object], pages: NDArray[Any]) -> float:
    """Median milliseconds of ``answer`` on single pages, (1, …) each, after one that is not counted."""
    answer(pages[:1])
    taken = []
    for place in range(min(TIMED_PAGES, len(pages))):
        began = time.perf_counter()
        answer(pages[place : place + 1])
        taken.append(time.perf_counter() - began)
    return round(1000 * float(np.median(taken)), 1)


def network_milliseconds(model: keras.Model, inputs: NDArray[np.uint8]) -> float:
    """Of a network's compiled forward pass on pages (N, height, width)."""
    return milliseconds_a_page(model.predict_on_batch, inputs[:TIMED_PAGES, ..., None].astype(np.float32))


def pipeline_milliseconds(pipeline: Any, inputs: NDArray[np.uint8], classes: int) -> float:
    """Of a classical pipeline with the features it needs, on pages (N, height, width)."""
    from ml import pipelines
    from ml.image_features import features

    return milliseconds_a_page(lambda page: pipelines.logits(pipeline, features(page), classes), inputs[:TIMED_PAGES])

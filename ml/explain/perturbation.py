"""Deletion and insertion (Petsiuk et al. 2018, RISE, arXiv:1806.07421): does the answer hang on what a map marks?

What is deleted becomes the local tone of the paper (`ml.explain.paper`); insertion begins with a page of bare paper.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from ml.explain.maps import enlarged
from ml.explain.network import Floats, Network
from ml.explain.paper import paper_of

STEPS: Final = 25


@dataclass(frozen=True)
class Curves:
    """The label's probability while a page loses, or gets back, its area in the order of a map.

    Attributes:
        deletion: (STEPS + 1,) from the whole page to bare paper, most important first.
        insertion: (STEPS + 1,) from bare paper to the whole page.
    """

    deletion: NDArray[np.float64]
    insertion: NDArray[np.float64]

    @property
    def deletion_auc(self) -> float:
        """Smaller is better: the answer falls as soon as the marked area is gone."""
        return _area(self.deletion)

    @property
    def insertion_auc(self) -> float:
        """Larger is better: the marked area alone brings the answer back."""
        return _area(self.insertion)


def curves(
    network: Network, page: Floats, found: Floats, label: int, temperature: float, rng: np.random.Generator
) -> Curves:
    """Delete and insert a model input (height, width) in the order of a map (h, w); probabilities are calibrated."""
    paper = paper_of(page)
    place = places(found, page.shape, rng)

    def altered(start: int, stop: int) -> Floats:
        copies = []
        for number in range(start, stop):
            step, deleting = number % (STEPS + 1), number <= STEPS
            marked = place < step / STEPS
            copies.append(np.where(marked, paper, page) if deleting else np.where(marked, page, paper))
        return np.stack(copies)

    logits = network.logits(2 * (STEPS + 1), altered).astype(np.float64) / temperature
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities = powers[:, label] / powers.sum(axis=1)
    return Curves(probabilities[: STEPS + 1], probabilities[STEPS + 1 :])


def places(found: Floats, shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float64]:
    """Each pixel's place in the order, 0 = most important … 1, as a share of the page (height, width).

    Where a map says nothing, blotches as wide as a beat go together: pixels strewn at random would look like nothing
    that was ever printed.
    """
    noise = cv2.GaussianBlur(rng.normal(size=shape), (0, 0), max(shape[1] / 32, 1.0))
    order = np.lexsort((noise.ravel(), -np.round(enlarged(found, shape), 6).ravel()))
    place = np.empty(order.size)
    place[order] = np.arange(order.size) / order.size
    return place.reshape(shape)


def _area(curve: NDArray[np.float64]) -> float:
    return float(np.trapezoid(curve, dx=1 / STEPS))

"""LIME (Ribeiro, Singh and Guestrin 2016, arXiv:1602.04938) with pieces that suit an ECG page.

Our choices, where the paper leaves them open:

* Pieces: the page is cut into a regular grid of `CELLS`; within each cell the ink, slightly widened, is one piece (a
  stretch of trace, seldom longer than a beat). What is left, paper and its grid, is cut into coarser `BLOCKS`.
* A piece that is off shows the local tone of the paper instead (`ml.explain.paper`).
* `SAMPLES` altered copies; each switches off a share of the pieces that is itself drawn evenly from 0 to `MOST_OFF`.
* Copies are weighted as in the authors' image explainer: exp(-d² / 0.25²), d the cosine distance to the whole page.
* The label's logit is fitted by weighted ridge regression with an intercept, in closed form; no piece is left out.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from ml.explain.network import Attribution, Floats, Network, Progress, no_progress
from ml.explain.paper import ink_mask, paper_of, visible

# Rows and columns. Three rows of leads and a rhythm strip, four columns of two or three beats each.
CELLS: Final = (8, 16)
BLOCKS: Final = (4, 4)
SAMPLES: Final = 640
MOST_OFF: Final = 0.6
KERNEL_WIDTH: Final = 0.25
RIDGE: Final = 1.0
_SEED: Final = 20

Pieces = NDArray[np.intp]
Doubles = NDArray[np.float64]


def attribute(network: Network, page: Floats, label: int, progress: Progress = no_progress) -> Attribution:
    """The weight of each piece that speaks for the label, drawn on the piece, (height/4, width/4) ≥ 0.

    Args:
        network: the network.
        page: model input (height, width) in 0…255.
        label: index of the class.
        progress: told the share done, several times a second.

    Returns:
        The map, and ``local_r2``: how much of the logit's variance over the altered copies the linear model explains.
        Below about 0.5 the map is a poor picture of the network.
    """
    paper = paper_of(page)
    pieces = cut(page, paper)
    weights, fit = explain_pieces(network, page, paper, pieces, label, progress)
    return visible(weights[pieces].astype(np.float32)), {"local_r2": round(fit, 4)}


def cut(page: Floats, paper: Floats) -> Pieces:
    """Number of the piece (0, 1, …, without gaps) that each pixel of a page (height, width) belongs to."""
    widened = cv2.dilate(ink_mask(page, paper).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    numbers = np.where(widened, _grid(page.shape, CELLS), CELLS[0] * CELLS[1] + _grid(page.shape, BLOCKS))
    _, pieces = np.unique(numbers, return_inverse=True)
    return np.asarray(pieces.reshape(page.shape), dtype=np.intp)


def explain_pieces(
    network: Network,
    page: Floats,
    baseline: Floats,
    pieces: Pieces,
    label: int,
    progress: Progress = no_progress,
    *,
    samples: int = SAMPLES,
    ridge: float = RIDGE,
) -> tuple[Doubles, float]:
    """What each piece adds to the label's logit in a linear model around the page, and that model's weighted R²."""
    count = int(pieces.max()) + 1
    on = draw(np.random.default_rng(_SEED), samples, count)

    def altered(start: int, stop: int) -> Floats:
        return np.where(on[start:stop][:, pieces], page, baseline)

    logits = network.logits(samples, altered, progress)[:, label]
    return fit_ridge(on.astype(np.float64), logits.astype(np.float64), nearness(on), ridge)


def draw(rng: np.random.Generator, samples: int, pieces: int) -> NDArray[np.bool_]:
    """(samples, pieces): which pieces stay on; the first row is the whole page."""
    off = rng.uniform(0.0, MOST_OFF, (samples, 1))
    on = rng.random((samples, pieces)) >= off
    on[0] = True
    return on


def nearness(on: NDArray[np.bool_]) -> Doubles:
    """Weight of each altered copy: 1 for the whole page, less the more is off."""
    distance = 1.0 - np.sqrt(on.mean(axis=1))
    return np.asarray(np.exp(-((distance / KERNEL_WIDTH) ** 2)), dtype=np.float64)


def fit_ridge(features: Doubles, targets: Doubles, weights: Doubles, ridge: float) -> tuple[Doubles, float]:
    """Weighted ridge regression in closed form, the intercept not penalised.

    Args:
        features: (N, d). targets: (N,). weights: (N,) of the samples. ridge: of the squared coefficients.

    Returns:
        Coefficients (d,) and the weighted R².
    """
    total = weights.sum()
    centred = features - weights @ features / total
    deviation = targets - weights @ targets / total
    gram = (centred * weights[:, None]).T @ centred
    coefficients = np.linalg.solve(gram + ridge * np.eye(gram.shape[0]), centred.T @ (weights * deviation))
    residual = weights @ (deviation - centred @ coefficients) ** 2
    variance = weights @ deviation**2
    return coefficients, float(1.0 - residual / variance) if variance > 0 else 1.0


def _grid(shape: tuple[int, ...], cells: tuple[int, int]) -> Pieces:
    """Number of the cell of a regular grid that each pixel lies in."""
    rows = np.arange(shape[0]) * cells[0] // shape[0]
    columns = np.arange(shape[1]) * cells[1] // shape[1]
    return np.asarray(rows[:, None] * cells[1] + columns[None], dtype=np.intp)

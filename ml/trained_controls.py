"""Controls that train a small model anew: on shuffled labels, and on pages whose traces were taken out.

The model is the lab's logistic regression on image features, trained and tested on each run's own split. What it finds
without labels or without traces did not come from the ECG. Two narrower views say what blank pages tell the class by.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ml.architectures import logistic_regression
from ml.calibration import softmax
from ml.controls import Figures, split_of, with_intervals
from ml.dataset import LabelledPage, Split
from ml.decode import Page, decode
from ml.evaluation import Answers, accuracy, balanced_accuracy, macro_auroc, pooled
from ml.image_features import SIDE, features
from ml.page import Crop, find_ecg, take_apart
from ml.preprocessing import PreprocessingSpec, preprocess
from ml.runs import Run

SEEN: Final = "whole grid"
BLANK: Final = "traces taken out"
TONE: Final = "tone of the blank grid only"
PLACE: Final = "place and shape of the grid only"
BLIND: Final = (BLANK, TONE, PLACE)

SHUFFLES: Final = 10
CHANCE_AUROC: Final = 0.5

_MEASURED: Final[dict[str, Callable[[Answers], float]]] = {
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
    "macro_auroc": macro_auroc,
}
# Around ink, in working pixels: the soft edge of a scaled trace is no grid.
_EDGE: Final = 7
_UNCLEAR: Final = np.iinfo(np.uint16).max


def trained_controls(runs: Sequence[Run], data: Path, *, folds: int) -> Figures:
    """Train the controls of each run and pool their answers to the strict test pages (all, where none is strict).

    Returns:
        ``rows`` (name, and accuracy, balanced accuracy and macro AUROC with value, low, high; of shuffled labels mean,
        least and greatest of `SHUFFLES` shuffles), whether ``shuffled_at_chance`` and ``blank_at_chance``, and
        ``sentences``.
    """
    splits = [split_of(run, data) for run in runs]
    views = _views(data, sorted({page.file for pages, _ in splits for page in pages}))
    classes = runs[0].description["classes"]

    def answers(view: str, shuffle: int | None = None) -> Answers:
        return pooled([_answers(pages, split, views[view], classes, shuffle) for pages, split in splits])

    shuffled = [
        {name: figure(some) for name, figure in _MEASURED.items()}
        for some in (answers(SEEN, n) for n in tqdm(range(SHUFFLES), desc="shuffled", unit="shuffle", disable=None))
    ]
    rows: list[Figures] = [
        {"name": "true labels, whole grid", **with_intervals(answers(SEEN), _MEASURED, folds)},
        {
            "name": "shuffled labels, whole grid",
            **{name: _spread([row[name] for row in shuffled]) for name in _MEASURED},
        },
        *({"name": f"true labels, {view}", **with_intervals(answers(view), _MEASURED, folds)} for view in BLIND),
    ]
    shuffled_at_chance, blank_at_chance = (
        row["macro_auroc"]["low"] <= CHANCE_AUROC <= row["macro_auroc"]["high"] for row in rows[1:3]
    )
    return {
        "rows": rows,
        "shuffled_at_chance": shuffled_at_chance,
        "blank_at_chance": blank_at_chance,
        "sentences": _sentences(len(classes), shuffled_at_chance, blank_at_chance),
    }


def _sentences(classes: int, shuffled_at_chance: bool, blank_at_chance: bool) -> list[str]:
    return [
        "Logistic regression, on the run's own split.",
        f"Chance: macro recall {1 / classes:.3f}, macro AUROC {CHANCE_AUROC}.",
        f"In brackets: 95 % intervals over groups; of shuffled labels the least and greatest of {SHUFFLES} shuffles.",
        "Passed: shuffled labels fall to chance."
        if shuffled_at_chance
        else "FAILED: trained on shuffled labels the AUROC stays away from chance, so something else tells the class.",
        "Passed: without traces the AUROC is not told from chance."
        if blank_at_chance
        else "NOT at chance: border and blank grid alone tell part of the class; read the run's figures against this.",
        "Where they do, the last two rows say by what: the tone of paper and grid, or the shape of the crop.",
    ]


def without_traces(page: Page) -> Page:
    """A page whose grid holds its own lines and paper, but no ink.

    Painting over the traces alone would leave gaps in the grid in the shape of the traces. So the inside of the grid
    is drawn anew from what each row and each column looks like where no ink is (the darker of the two medians): lines,
    paper and shading stay, nothing that differs along a line does; a grid of dots is
    lost with it, because most of such a line is paper. The page around the grid is left as it is.

    Args:
        page: RGB, (H, W, 3) uint8.
    """
    layers = take_apart(page)
    crop = find_ecg(page, layers).crop
    ink = cv2.dilate(layers.ink, np.ones((_EDGE, _EDGE), np.uint8))
    inked = cv2.resize(ink, (page.shape[1], page.shape[0]), interpolation=cv2.INTER_NEAREST).astype(bool)
    empty = page.copy()
    inside = crop.of(empty)
    clear = ~inked[crop.y : crop.y + crop.height, crop.x : crop.x + crop.width]
    for channel in range(3):
        values = inside[:, :, channel]
        rows, columns = _medians(values, clear), _medians(values.T, clear.T)
        inside[:, :, channel] = np.minimum(rows[:, None], columns[None, :])
    return empty


def _medians(values: NDArray[np.uint8], clear: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Median of each row over its clear pixels; of a row without any, the median of all clear pixels (or white)."""
    ordered = np.sort(np.where(clear, values, _UNCLEAR), axis=1)
    counts = clear.sum(axis=1)
    medians = ordered[np.arange(len(values)), np.maximum(counts - 1, 0) // 2]
    typical = np.median(values[clear]) if clear.any() else 255
    return np.where(counts > 0, medians, typical).astype(np.uint8)


def _views(data: Path, files: Sequence[str]) -> dict[str, dict[str, NDArray[np.float32]]]:
    """View → file → what it shows of the page, cropped where the grid of the page itself lies."""
    spec = PreprocessingSpec(height=SIDE, width=SIDE)
    views: dict[str, dict[str, NDArray[np.float32]]] = {view: {} for view in (SEEN, *BLIND)}
    for file in tqdm(files, desc="taking traces out", unit="page", disable=None):
        page = decode((data / file).read_bytes()).pages[0]
        crop = find_ecg(page).crop
        empty = without_traces(page)
        views[SEEN][file], views[BLANK][file] = features(
            np.stack([preprocess(page, crop, spec), preprocess(empty, crop, spec)])
        )
        views[TONE][file] = _tone(crop.of(empty))
        views[PLACE][file] = _place(crop, page)
    return views


def _tone(blank: Page) -> NDArray[np.float32]:
    """Mean, spread and five percentiles of each colour of a blank grid, (21,)."""
    colours = blank.reshape(-1, 3)
    percentiles = np.percentile(colours, [2, 25, 50, 75, 98], axis=0)
    return np.concatenate([colours.mean(axis=0), colours.std(axis=0), percentiles.ravel()]).astype(np.float32)


def _place(crop: Crop, page: Page) -> NDArray[np.float32]:
    """Where the grid lies on the page and of what shape both are, (6,)."""
    height, width = page.shape[:2]
    shares = crop.x / width, crop.y / height, crop.width / width, crop.height / height
    return np.array([*shares, crop.width / crop.height, width / height], np.float32)


def _answers(
    pages: list[LabelledPage],
    split: Split,
    described: dict[str, NDArray[np.float32]],
    classes: Sequence[str],
    shuffle: int | None,
) -> Answers:
    labels = np.array([classes.index(page.label) for page in pages])
    taught = labels[split.train]
    if shuffle is not None:
        taught = np.random.default_rng(shuffle).permutation(taught)
    test = np.array([index for index in split.test.tolist() if pages[index].strict] or split.test.tolist())
    shown = np.stack([described[pages[index].file] for index in split.train.tolist()])
    asked = np.stack([described[pages[index].file] for index in test.tolist()])
    groups = np.array([pages[index].group for index in test.tolist()])
    differs = np.ptp(shown, axis=0) > 0
    if not differs.any():
        return Answers(np.full((len(test), len(classes)), 1 / len(classes)), labels[test], groups)
    pipeline = _pipeline(len(shown), int(differs.sum()))
    pipeline.fit(shown[:, differs], taught)
    margins = np.asarray(pipeline.decision_function(asked[:, differs]))
    if margins.ndim == 1:
        margins = np.stack([-margins / 2, margins / 2], axis=1)
    logits = np.full((len(test), len(classes)), margins.min() - 1.0)
    logits[:, pipeline.classes_] = margins
    return Answers(softmax(logits), labels[test], groups)


def _pipeline(samples: int, width: int) -> Any:
    pipeline = logistic_regression.build(0)
    # As many components as the lab's model has, or as few as a small collection or a narrow view allows.
    components = pipeline.named_steps["pca"].n_components
    return pipeline.set_params(pca__n_components=min(components, samples - 1, width))


def _spread(values: Sequence[float]) -> Figures:
    return {"value": round(float(np.mean(values)), 4), "low": round(min(values), 4), "high": round(max(values), 4)}

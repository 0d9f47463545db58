"""Every page answered by a network that has seen neither it nor its recording group, again and again; resumable."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import keras
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ml.dataset import LabelledPage, hold_out_groups
from ml.trace_network.nearness import distances
from ml.trace_network.recipe import TraceRecipe
from ml.trace_network.training import ask, pretrain, train
from ml.trace_network.views import SHAPES, Views, only

logger = logging.getLogger(__name__)

RECIPE: Final = "recipe.json"
PRETRAINED: Final = "pretrained.keras"


@dataclass(frozen=True)
class HeldOut:
    """What was said of each page by the network of each division that had not seen it.

    Attributes:
        logits: (repeats, N, classes).
        distances: (repeats, N) from the pages that network was trained on, in units of what is usual for it.
        folds: (repeats, N) which network it was.
        alone: (views, repeats, N, classes) logits where it was shown one view only, in the order of `Views.parts`.
    """

    logits: NDArray[np.float64]
    distances: NDArray[np.float64]
    folds: NDArray[np.intp]
    alone: NDArray[np.float64]


def cross_fit(
    recipe: TraceRecipe,
    pages: Sequence[LabelledPage],
    views: Views,
    classes: Sequence[str],
    folder: Path,
    *,
    recordings: tuple[Views, NDArray[np.float32]] | None,
) -> HeldOut:
    """Train the networks of all divisions, or those that are missing yet.

    Args:
        recipe: how.
        pages: N pages.
        views: of them, in their order.
        classes: names, in the order of the outputs.
        folder: of the run; one of the same recipe is taken up.
        recordings: to train on first, with their statements; None starts from nothing.

    Raises:
        ValueError: the folder holds a run with another recipe.
    """
    folder.mkdir(parents=True, exist_ok=True)
    told = json.dumps(asdict(recipe) | {"recordings": 0 if recordings is None else len(recordings[1])}, indent=2) + "\n"
    if (folder / RECIPE).exists() and (folder / RECIPE).read_text() != told:
        raise ValueError(f"{folder} holds a run with another recipe; choose another folder or remove it")
    (folder / RECIPE).write_text(told)
    pretrained = _pretrained(recipe, folder, recordings)
    labels = np.array([classes.index(page.label) for page in pages])
    shape = recipe.repeats, len(pages)
    held_out = HeldOut(
        logits=np.zeros((*shape, len(classes))),
        distances=np.zeros(shape),
        folds=np.zeros(shape, np.intp),
        alone=np.zeros((len(SHAPES), *shape, len(classes))),
    )
    todo = [(repeat, fold) for repeat in range(recipe.repeats) for fold in range(recipe.folds)]
    for repeat, fold in tqdm(todo, desc="training trace networks", unit="network", disable=None):
        kept, out = division(recipe, pages, repeat, fold)
        file = member_file(folder, repeat, fold)
        if not file.exists():
            seed = recipe.seed + 100 * repeat + fold
            network = train(recipe, views.at(kept), labels[kept], len(classes), seed=seed, pretrained=pretrained)
            _save(network, file)
        network = keras.saving.load_model(file)
        logits, embeddings = ask(network, views.at(out))
        far = distances(embeddings, ask(network, views.at(kept))[1])
        held_out.logits[repeat, out] = logits
        held_out.distances[repeat, out] = far / np.median(far)
        held_out.folds[repeat, out] = fold
        for number in range(len(SHAPES)):
            held_out.alone[number, repeat, out] = ask(network, only(views.at(out), number))[0]
    return held_out


def division(
    recipe: TraceRecipe, pages: Sequence[LabelledPage], repeat: int, fold: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Pages that a network was trained on, and those held out from it."""
    return hold_out_groups(pages, np.arange(len(pages)), seed=recipe.seed + repeat, fold=fold, folds=recipe.folds)


def member_file(folder: Path, repeat: int, fold: int) -> Path:
    return folder / f"network-{repeat}-{fold}.keras"


def _pretrained(
    recipe: TraceRecipe, folder: Path, recordings: tuple[Views, NDArray[np.float32]] | None
) -> keras.Model | None:
    if recordings is None or not recipe.pretraining_epochs:
        return None
    file = folder / PRETRAINED
    if not file.exists():
        logger.info("training on %d recordings first", len(recordings[1]))
        _save(pretrain(recipe, *recordings), file)
    return keras.saving.load_model(file)


def _save(network: keras.Model, file: Path) -> None:
    # A killed run leaves no half a network under a name that would be taken for a finished one.
    partial = file.with_name("partial.keras")
    network.save(partial)
    partial.replace(file)

"""The networks of a finished run as one, sealed into a bundle beside a network that sees the picture."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np

from ml.bundle import NEARNESS, TRACES, BundleManifest, amend, read_manifest
from ml.dataset import LabelledPage
from ml.errors import BundleCorrupt
from ml.trace_network.answers import AnswerRules
from ml.trace_network.card import write_card
from ml.trace_network.cross_fitting import HeldOut, division, member_file
from ml.trace_network.nearness import Nearness, distances
from ml.trace_network.network import together
from ml.trace_network.recipe import TraceRecipe
from ml.trace_network.training import ask
from ml.trace_network.views import VIEWS_VERSION, Views

# Of pages that a network had not seen, the share that it counts as unlike those it was trained on.
UNLIKE_SHARE: Final = 0.01


def assemble(
    recipe: TraceRecipe, pages: Sequence[LabelledPage], views: Views, held_out: HeldOut, run: Path
) -> tuple[keras.Model, Nearness]:
    """The networks of the first division as one, and what pages are compared with."""
    members, known, usual = [], [], []
    for fold in range(recipe.folds):
        kept, out = division(recipe, pages, 0, fold)
        network = keras.saving.load_model(member_file(run, 0, fold), compile=False)
        seen = ask(network, views.at(kept))[1].astype(np.float16).astype(np.float32)
        usual.append(float(np.median(distances(ask(network, views.at(out))[1], seen))))
        members.append(network)
        known.append(seen)
    farthest = float(np.quantile(held_out.distances, 1 - UNLIKE_SHARE))
    return together(members), Nearness(tuple(known), np.array(usual), round(farthest, 4))


def seal(
    network: keras.Model,
    nearness: Nearness,
    rules: AnswerRules,
    figures: dict[str, Any],
    recipe: TraceRecipe,
    picture: Path,
    out: Path,
    *,
    name: str,
    version: str,
    command: str,
    explanations: dict[str, Any],
) -> BundleManifest:
    """Write a bundle: a copy of the one that sees the picture, with the network that reads signals added.

    Args:
        network: as `assemble` gives it.
        nearness: likewise.
        rules: for answers (`ml.trace_network.judging.final_rules`).
        figures: of held-out pages (`ml.trace_network.judging.judge`).
        recipe: of the members.
        picture: the other network's bundle. Its exports stay behind: they cannot run without TensorFlow here.
        out: folder of the new bundle; what is there is replaced.
        name, version: of the new bundle.
        command: that repeats the training.
        explanations: method → verdict on it (`ml.trace_network.faithfulness.measure`).

    Raises:
        BundleCorrupt: ``picture`` is not intact, or is of other classes.
        ValueError: ``out`` is ``picture``.
    """
    before = read_manifest(picture)
    before.verify()
    before.require_network()
    if len(before.classes) != len(rules.possible_from):
        raise BundleCorrupt(f"{picture} tells {', '.join(before.classes)} apart, the trace network does not")
    if out.resolve() == picture.resolve():
        raise ValueError(f"{out} is the bundle to start from: choose another folder for the new one")
    if out.exists():
        shutil.rmtree(out)
    shutil.copytree(picture, out)
    amend(out, exports={})
    unfinished = {file: out / f"unfinished-{file}" for file in (TRACES, NEARNESS)}
    network.save(unfinished[TRACES])
    nearness.save(unfinished[NEARNESS])
    part = {
        "views_version": VIEWS_VERSION,
        "calibration": asdict(rules.calibration),
        "possible_from": list(rules.possible_from),
        "metrics": figures,
        "recipe": asdict(recipe),
    }
    card = write_card(
        name=name,
        version=version,
        classes=before.classes,
        parameters=network.count_params(),
        members=recipe.folds,
        rules=rules,
        nearness=nearness,
        figures=figures,
        command=command,
        picture_card=before.card,
    )
    # Through JSON once, so that what is sealed is what is read back.
    return amend(
        out,
        traces=json.loads(json.dumps(part)),
        explanations={**explanations, **before.explanations},
        name=name,
        version=version,
        card=card,
        files=unfinished,
    )

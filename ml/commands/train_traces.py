"""``python -m ml train-traces DATA``: train the networks that read signals, judge them, seal them into a bundle."""

from __future__ import annotations

import argparse
import shlex
import sys
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Final

import numpy as np

from ml.bundle import PICTURE_BUNDLE, read_manifest
from ml.dataset import read_manifest as read_pages
from ml.errors import BundleCorrupt
from ml.trace_network.recipe import TraceRecipe

NUMBERS: Final = ("pretraining-epochs", "epochs", "batch-size", "repeats", "folds", "seed")
FIGURES: Final = "figures.json"
# Pages of each class on which the explanations are judged.
JUDGED: Final = 10


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Read the traces of all pages, train on recordings first where DATA/signals has them, then on the pages in "
        "grouped folds; answer every page by a network that has not seen it. A run that was broken off is taken up."
    )
    parser.add_argument("data", type=Path, help="folder with manifest.csv and the pages it names")
    parser.add_argument("--run", type=Path, default=Path("runs/trace_network"), help="default: %(default)s")
    parser.add_argument("--target-accuracy", type=float, default=0.95, help="of the answers given, on held-out pages")
    parser.add_argument(
        "--picture", type=Path, default=PICTURE_BUNDLE, help="bundle of the network for second opinions"
    )
    parser.add_argument("--out", type=Path, help="folder for the finished bundle (default: the run's folder/bundle)")
    parser.add_argument("--name", default="hybrid", help="of the bundle (default: %(default)s)")
    parser.add_argument("--version", default="0.1.0", help="written into the bundle (default: %(default)s)")
    for name in NUMBERS:
        parser.add_argument(f"--{name}", type=int)


def run(args: argparse.Namespace) -> int:
    given = {field.name: getattr(args, field.name, None) for field in fields(TraceRecipe)}
    recipe = replace(TraceRecipe(), **{name: value for name, value in given.items() if value is not None})
    try:
        return _train(args, recipe)
    except (ValueError, FileNotFoundError, BundleCorrupt) as error:
        print(error, file=sys.stderr)
        return 1


def _train(args: argparse.Namespace, recipe: TraceRecipe) -> int:
    from ml.records import write_record
    from ml.report.gallery import gallery
    from ml.trace_network.beside_picture import compare
    from ml.trace_network.cross_fitting import cross_fit
    from ml.trace_network.data import page_views, recording_views
    from ml.trace_network.faithfulness import measure
    from ml.trace_network.judging import answer_held_out, columns, final_rules, judge
    from ml.trace_network.sealing import assemble, seal
    from ml.trace_network.serving import TraceNetwork

    classes = read_manifest(args.picture).classes
    cache = args.run.parent / "cache"
    listed = read_pages(args.data, classes)
    views, read = page_views(args.data, listed, cache=cache)
    pages = [page for page, legible in zip(listed, read, strict=True) if legible]
    views = views.at(read.nonzero()[0])
    recordings = None
    if recipe.pretraining_epochs:
        try:
            recordings = recording_views(args.data, cache=cache)
        except FileNotFoundError:
            print("There are no recordings below DATA/signals: the networks start from nothing.", file=sys.stderr)
    held_out = cross_fit(recipe, pages, views, classes, args.run, recordings=recordings)
    rules = final_rules(held_out, pages, classes, target_accuracy=args.target_accuracy)
    answered = answer_held_out(held_out, pages, classes, target_accuracy=args.target_accuracy)
    errors = gallery(args.data, answered.files(pages), answered.answers, classes)
    (args.run / "errors.html").write_text(errors, encoding="utf-8")
    figures = judge(answered, held_out, pages, views, classes, seed=recipe.seed)
    figures |= {"pages": len(listed), "unread": len(listed) - len(pages)}
    figures |= {"with_picture": compare(held_out, pages, args.data, args.picture, cache=cache)}
    network, nearness = assemble(recipe, pages, views, held_out, args.run)
    labels, groups, strict = columns(pages, classes)
    judged = np.concatenate([np.flatnonzero(strict & (labels == index))[:JUDGED] for index in range(len(classes))])
    explanations = measure(TraceNetwork(network, rules, nearness), views.at(judged), groups[judged], seed=recipe.seed)
    write_record(args.run / FIGURES, figures | {"explanations": explanations})
    out = args.out or args.run / "bundle"
    seal(
        network,
        nearness,
        rules,
        figures,
        recipe,
        args.picture,
        out,
        name=args.name,
        version=args.version,
        command=_command(args, recipe),
        explanations=explanations,
    )
    headline = figures["strict"]["headline"]
    shown = ", ".join(f"{name} {headline[name]['value']}" for name in ("accuracy", "macro_f1", "macro_auroc", "ece"))
    print(f"{out}: held-out strict pages: {shown}", file=sys.stderr)
    return 0


def _command(args: argparse.Namespace, recipe: TraceRecipe) -> str:
    """The command that makes the same again, whatever the defaults will be."""
    values: dict[str, object] = asdict(recipe) | {"target_accuracy": args.target_accuracy, "version": args.version}
    given = [name for name in values if name.replace("_", "-") in (*NUMBERS, "target-accuracy", "version")]
    options = [part for name in given for part in (f"--{name.replace('_', '-')}", str(values[name]))]
    return "python -m ml train-traces DATA " + shlex.join(options)

"""``python -m ml train ARCHITECTURE DATA``: train, calibrate, judge on held-out pages, seal as a bundle."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from ml.architectures import REGISTRY
from ml.errors import BundleCorrupt
from ml.experiment import Experiment, carry_out
from ml.pretrained import CHOICES, WeightsUnavailable
from ml.protocols import PROTOCOLS, TASKS
from ml.recipes import LOSSES, PRECISIONS, RECIPES, Recipe
from ml.sealing import can_be_sealed, judge, seal, summary


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = "Options that are not given are taken from the architecture's own recipe (ml/recipes.py)."
    parser.add_argument("architecture", choices=sorted(REGISTRY))
    parser.add_argument("data", type=Path, help="folder with manifest.csv and the pages it names")
    parser.add_argument("--run", type=Path, help="folder of the run, resumed if it exists (default: below runs/)")
    parser.add_argument("--out", type=Path, help="folder for the finished bundle (default: the run's folder/bundle)")
    parser.add_argument("--version", default="0.1.0", help="version written into the bundle (default: %(default)s)")
    parser.add_argument("--protocol", choices=sorted(PROTOCOLS), default="grouped", help="default: %(default)s")
    parser.add_argument("--task", choices=sorted(TASKS), default="four", help="which classes (default: %(default)s)")
    parser.add_argument("--fold", type=int, default=0, help="which part of the pages is held out for testing")
    parser.add_argument("--split-seed", type=int, default=20, help="of the folds (default: %(default)s)")
    parser.add_argument("--weights", choices=CHOICES, default="auto", help="ImageNet weights of published networks")
    parser.add_argument("--weights-folder", type=Path, help="of local weights (default: DATA/weights)")
    parser.add_argument("--target-accuracy", type=float, default=0.9, help="of the answers given, on validation pages")
    parser.add_argument("--seed", type=int, help="of weights, shuffling and augmentation")
    for name in ("epochs", "batch-size", "patience", "frozen-epochs", "unfrozen-layers"):
        parser.add_argument(f"--{name}", type=int)
    for name in ("learning-rate", "weight-decay", "label-smoothing", "alpha-exponent", "gamma-slope"):
        parser.add_argument(f"--{name}", type=float)
    parser.add_argument("--loss", choices=LOSSES)
    parser.add_argument("--precision", choices=PRECISIONS)
    parser.add_argument(
        "--devices", default="1", help="of this machine to share each batch: a number or “all” (default: %(default)s)"
    )
    parser.add_argument(
        "--set",
        dest="settings",
        action="append",
        default=[],
        type=_setting,
        metavar="STEP__NAME=VALUE",
        help="of a classical pipeline, by scikit-learn's names; may be repeated",
    )


def _devices(args: argparse.Namespace) -> int:
    if REGISTRY[args.architecture].classical or args.devices == "1":
        return 1
    from ml.devices import count_devices

    return count_devices(args.devices)


def _setting(text: str) -> tuple[str, Any]:
    name, given, value = text.partition("=")
    if not given:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form STEP__NAME=VALUE")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def run(args: argparse.Namespace) -> int:
    given = {field.name: getattr(args, field.name, None) for field in fields(Recipe)}
    recipe = RECIPES.get(args.architecture, Recipe(args.architecture))
    recipe = replace(recipe, **{name: value for name, value in given.items() if value is not None})
    experiment = Experiment(
        recipe, args.protocol, args.task, args.fold, args.split_seed, args.weights, args.target_accuracy
    )
    if args.settings and not REGISTRY[args.architecture].classical:
        print("--set is for classical pipelines; networks have options of their own.", file=sys.stderr)
        return 1
    folder = args.run or Path("runs") / experiment.folder_name
    cache = Path("runs") / "cache"
    try:
        finished = carry_out(
            experiment,
            args.data,
            folder,
            cache=cache,
            weights_folder=args.weights_folder,
            settings=dict(args.settings),
            devices=_devices(args),
        )
        metrics, done = judge(finished), folder
        if can_be_sealed(experiment):
            done = seal(experiment, finished, metrics, args.data, version=args.version, out=args.out, cache=cache)
        elif args.out:
            print("Only models of the cardiac classes are sealed as bundles; the run is kept.", file=sys.stderr)
    except (ValueError, FileNotFoundError, WeightsUnavailable, BundleCorrupt) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{done}: {summary(metrics)}", file=sys.stderr)
    return 0

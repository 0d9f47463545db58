"""``python -m ml automl networks|classical DATA``: search within a time budget; the best ends as any other run does."""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ml.architectures import REGISTRY
from ml.errors import BundleCorrupt
from ml.experiment import Experiment, carry_out, spec_of
from ml.pretrained import CHOICES, WeightsUnavailable
from ml.protocols import PROTOCOLS, TASKS, divide
from ml.recipes import Recipe
from ml.sealing import can_be_sealed, judge, seal, summary

if TYPE_CHECKING:
    from ml.automl.classical import Found, Pages
    from ml.pipelines import Settings

_NETWORKS = sorted(name for name, architecture in REGISTRY.items() if not architecture.classical)
_CLASSICAL = sorted(name for name, architecture in REGISTRY.items() if architecture.classical)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "The same command goes on with a search that was broken off. Settings are judged on validation groups; the "
        "test pages are read once, when the best is carried out and sealed as a bundle."
    )
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="KIND")
    networks = kinds.add_parser("networks", help="architecture and recipe, with Optuna")
    _common(networks, _NETWORKS, ["custom_cnn", "mobilenet_v2"])
    networks.add_argument(
        "--storage",
        default="sqlite:///runs/automl.db",
        metavar="URL",
        help="of the study: sqlite:///FILE for one machine; postgresql+psycopg://…, mysql+pymysql://… or "
        "journal://FILE on a network disk for several (default: %(default)s)",
    )
    networks.add_argument("--worker", type=int, default=0, help="number of this machine, if several share the study")
    networks.add_argument("--epochs", type=int, help="of a trial at most (default: each recipe's own)")
    networks.add_argument("--weights", choices=CHOICES, default="auto", help="ImageNet weights of published networks")
    networks.add_argument("--weights-folder", type=Path, help="of local weights (default: DATA/weights)")
    networks.add_argument("--devices", default="1", help="of this machine to share each batch: a number or “all”")
    networks.add_argument("--no-bundle", action="store_true", help="only search: another machine seals the best")
    _common(kinds.add_parser("classical", help="pipelines on image features, with FLAML"), _CLASSICAL, _CLASSICAL)


def _common(parser: argparse.ArgumentParser, architectures: list[str], default: list[str]) -> None:
    parser.add_argument("data", type=Path, help="folder with manifest.csv and the pages it names")
    parser.add_argument("--minutes", type=float, required=True, help="budget of this call")
    parser.add_argument("--trials", type=int, help="end after so many, if the minutes suffice")
    parser.add_argument(
        "--architectures", nargs="+", choices=architectures, default=default, help="default: " + " ".join(default)
    )
    parser.add_argument("--study", default="study", help="its name (default: %(default)s)")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of all runs (default: %(default)s)")
    parser.add_argument("--out", type=Path, help="folder for the finished bundle (default: the run's folder/bundle)")
    parser.add_argument("--version", default="0.1.0", help="version written into the bundle (default: %(default)s)")
    parser.add_argument("--protocol", choices=sorted(PROTOCOLS), default="grouped", help="default: %(default)s")
    parser.add_argument("--task", choices=sorted(TASKS), default="four", help="which classes (default: %(default)s)")
    parser.add_argument("--fold", type=int, default=0, help="which part of the pages is held out for testing")
    parser.add_argument("--split-seed", type=int, default=20, help="of the folds (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=20, help="of training and search (default: %(default)s)")
    parser.add_argument("--target-accuracy", type=float, default=0.9, help="of the answers given, on validation pages")


def run(args: argparse.Namespace) -> int:
    try:
        return _networks(args) if args.kind == "networks" else _classical(args)
    except (ValueError, OSError, WeightsUnavailable, BundleCorrupt) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped; the same command goes on.", file=sys.stderr)
        raise


def _networks(args: argparse.Namespace) -> int:
    import optuna

    from ml.automl.networks import NetworkSearch, Plan, best_of, open_study, recipe_of
    from ml.automl.storage import open_storage
    from ml.devices import count_devices

    # Its own lines would stand beside ours.
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    plan = Plan(
        tuple(args.architectures),
        args.protocol,
        args.task,
        args.fold,
        args.split_seed,
        args.seed,
        args.epochs,
        args.weights,
    )
    devices = count_devices(args.devices)
    search = NetworkSearch(
        plan,
        args.data,
        args.runs / "automl",
        cache=args.runs / "cache",
        weights_folder=args.weights_folder,
        devices=devices,
        say=_say,
    )
    study = open_study(args.study, open_storage(args.storage), plan, worker=args.worker)
    search.run(study, minutes=args.minutes, trials=args.trials)
    best = best_of(study)
    if best is None:
        _say("No trial was trained to its end within the budget; the same command goes on.")
        return 1
    _say(f"best of {len(study.trials)} trials: {best.number}, validation macro AUROC {best.value:.4f}")
    if args.no_bundle:
        return 0
    recipe = recipe_of(best)
    experiment = plan.experiment(recipe, args.target_accuracy)
    return _finish(args, experiment, search.folder_of(study, recipe), devices=devices)


def _classical(args: argparse.Namespace) -> int:
    from ml.automl.classical import search

    # Settings found with some pages held out must not be judged on a fold whose test pages have helped to find them.
    division = f"{args.protocol}-{args.task}-fold{args.fold}-split{args.split_seed}-seed{args.seed}"
    folder = args.runs / "automl" / args.study / division
    found = search(
        _training_pages(args),
        args.architectures,
        folder / "classical.jsonl",
        minutes=args.minutes,
        seed=args.seed,
        trials=args.trials,
        say=_say,
    )
    _say(f"best of {found.tried} tries: {found.architecture} {found.settings}, inner macro AUROC {found.figure:.4f}")
    experiment = Experiment(
        Recipe(found.architecture, seed=args.seed),
        args.protocol,
        args.task,
        args.fold,
        args.split_seed,
        target_accuracy=args.target_accuracy,
    )
    return _finish(args, experiment, folder / _name_of(found), settings=found.settings)


def _training_pages(args: argparse.Namespace) -> Pages:
    import numpy as np

    from ml.automl.classical import Pages
    from ml.dataset import load_inputs
    from ml.image_features import features

    pages, classes, split = divide(args.data, args.protocol, args.task, seed=args.split_seed, fold=args.fold)
    # Inputs of all pages, since they are cached as such; only the training pages go on from here.
    inputs = load_inputs(args.data, pages, spec_of(args.architectures[0]), cache=args.runs / "cache")
    chosen = [pages[index] for index in split.train.tolist()]
    return Pages(
        features(inputs[split.train]),
        np.array([classes.index(page.label) for page in chosen]),
        np.array([page.group for page in chosen]),
        np.array([page.strict for page in chosen]),
    )


def _name_of(found: Found) -> str:
    told = json.dumps(found.settings, sort_keys=True).encode()
    return f"{found.architecture}-{hashlib.sha256(told).hexdigest()[:12]}"


def _finish(
    args: argparse.Namespace,
    experiment: Experiment,
    folder: Path,
    *,
    settings: Settings | None = None,
    devices: int = 1,
) -> int:
    cache = args.runs / "cache"
    finished = carry_out(
        experiment,
        args.data,
        folder,
        cache=cache,
        weights_folder=getattr(args, "weights_folder", None),
        settings=settings,
        devices=devices,
    )
    metrics, done = judge(finished), folder
    if can_be_sealed(experiment):
        done = seal(experiment, finished, metrics, args.data, version=args.version, out=args.out, cache=cache)
    _say(f"{done}: {summary(metrics)}")
    return 0


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)

"""``python -m ml train ARCHITECTURE DATA``: train, calibrate, judge on held-out pages; seal networks as bundles."""

from __future__ import annotations

import argparse
import shlex
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.architectures import REGISTRY
from ml.bundle import CARD, MODEL, Calibration, write_manifest
from ml.calibration import softmax
from ml.card import write_card
from ml.evaluation import Answers, evaluate
from ml.experiment import Experiment, carry_out, finished_network, spec_of
from ml.pretrained import CHOICES, WeightsUnavailable
from ml.protocols import PROTOCOLS, TASKS
from ml.recipes import LOSSES, PRECISIONS, RECIPES, Recipe
from ml.runs import Predictions, Run


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


def run(args: argparse.Namespace) -> int:
    given = {field.name: getattr(args, field.name, None) for field in fields(Recipe)}
    recipe = RECIPES.get(args.architecture, Recipe(args.architecture))
    recipe = replace(recipe, **{name: value for name, value in given.items() if value is not None})
    experiment = Experiment(
        recipe, args.protocol, args.task, args.fold, args.split_seed, args.weights, args.target_accuracy
    )
    folder = args.run or Path("runs") / experiment.folder_name
    try:
        finished = carry_out(
            experiment, args.data, folder, cache=Path("runs") / "cache", weights_folder=args.weights_folder
        )
    except (ValueError, FileNotFoundError, WeightsUnavailable) as error:
        print(error, file=sys.stderr)
        return 1
    metrics = judge(finished)
    done = folder
    if not REGISTRY[args.architecture].classical and experiment.task != "five":
        done = seal(experiment, finished, metrics, args)
    elif args.out:
        print("Only networks of the cardiac classes are sealed as bundles; the run itself is kept.", file=sys.stderr)
    headline = metrics["test"]["strict"]["headline"]
    print(
        f"{done}: strict test pages: accuracy {headline['accuracy']['value']}, macro F1 "
        f"{headline['macro_f1']['value']}, macro AUROC {headline['macro_auroc']['value']}",
        file=sys.stderr,
    )
    return 0


def judge(finished: Run) -> dict[str, Any]:
    """Figures of the test pages, which nothing was fitted on."""
    classes, calibration = finished.description["classes"], Calibration(**finished.description["calibration"])
    test = finished.parts["test"]
    strict = test.at(test.strict)

    def figures(part: Predictions) -> dict[str, Any]:
        return evaluate(answers_of(part, calibration.temperature), classes, threshold=calibration.threshold)

    raw = evaluate(answers_of(strict, 1.0), classes, threshold=calibration.threshold)
    return {
        "split": finished.description["pages"],
        "test": {"strict": figures(strict), "all": figures(test)},
        "uncalibrated_ece_strict": raw["headline"]["ece"]["value"],
    }


def answers_of(part: Predictions, temperature: float) -> Answers:
    probabilities: NDArray[np.float64] = softmax(part.logits / temperature)
    return Answers(probabilities, part.labels, part.groups)


def seal(experiment: Experiment, finished: Run, metrics: dict[str, Any], args: argparse.Namespace) -> Path:
    """Write model, card and manifest."""
    out: Path = args.out or finished.folder / "bundle"
    out.mkdir(parents=True, exist_ok=True)
    classes = tuple(finished.description["classes"])
    model = finished_network(experiment, len(classes), finished.folder)
    model.save(out / MODEL)
    spec, calibration = spec_of(args.architecture), Calibration(**finished.description["calibration"])
    card = write_card(
        name=args.architecture,
        version=args.version,
        architecture=args.architecture,
        parameters=model.count_params(),
        classes=classes,
        preprocessing=spec,
        calibration=calibration,
        metrics=metrics,
        command="python -m ml train " + shlex.join(_arguments(experiment, args)),
    )
    (out / CARD).write_text(card, encoding="utf-8")
    write_manifest(
        out,
        name=args.architecture,
        version=args.version,
        classes=classes,
        architecture=args.architecture,
        attribution_layer=REGISTRY[args.architecture].attribution_layer,
        preprocessing=spec,
        calibration=calibration,
        metrics=metrics,
    )
    return out


def _arguments(experiment: Experiment, args: argparse.Namespace) -> list[str]:
    values = vars(experiment.recipe) | {
        name: getattr(args, name) for name in ("protocol", "task", "fold", "split_seed")
    }
    values |= {"weights": experiment.weights, "target_accuracy": experiment.target_accuracy, "version": args.version}
    del values["architecture"]
    given = {name: value for name, value in values.items() if value is not None}
    options = [part for name, value in given.items() for part in (f"--{name.replace('_', '-')}", str(value))]
    return [experiment.recipe.architecture, "DATA", *options]

"""``python -m ml train ARCHITECTURE DATA``: train, calibrate, judge on held-out groups, and seal a bundle."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ml.architectures import REGISTRY
from ml.bundle import CARD, MODEL, Calibration, write_manifest
from ml.calibration import fit_temperature, fit_threshold, softmax
from ml.card import write_card
from ml.dataset import CARDIAC_CLASSES, LabelledPage, Split, load_inputs, read_manifest, split_by_group
from ml.evaluation import Answers, evaluate
from ml.preprocessing import PreprocessingSpec

if TYPE_CHECKING:
    import keras


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("architecture", choices=sorted(REGISTRY))
    parser.add_argument("data", type=Path, help="folder with manifest.csv and the pages it names")
    parser.add_argument("--run", type=Path, help="folder of the run, resumed if it exists (default: runs/ARCHITECTURE)")
    parser.add_argument("--out", type=Path, help="folder for the finished bundle (default: the run's folder/bundle)")
    parser.add_argument("--version", default="0.1.0", help="version written into the bundle (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--patience", type=int, default=15)
    parser.add_argument("--seed", type=int, default=20, help="of weights, shuffling, augmentation and splits")
    parser.add_argument("--fold", type=int, default=0, help="which fifth of the groups is held out for testing")
    parser.add_argument("--target-accuracy", type=float, default=0.9, help="of the answers given, on validation pages")


def run(args: argparse.Namespace) -> int:
    from ml.training import Recipe, predict_logits, train

    folder = args.run or Path("runs") / args.architecture
    height, width = REGISTRY[args.architecture].input_size
    spec = PreprocessingSpec(height=height, width=width)
    pages = read_manifest(args.data)
    split = split_by_group(pages, seed=args.seed, fold=args.fold)
    inputs = load_inputs(args.data, pages, spec, cache=Path("runs") / "cache")
    recipe = Recipe(**{field.name: getattr(args, field.name) for field in fields(Recipe) if hasattr(args, field.name)})
    model = train(recipe, inputs, pages, CARDIAC_CLASSES, split, folder)
    logits = predict_logits(model, inputs)
    calibration, metrics = judge(logits, pages, split, CARDIAC_CLASSES, args.target_accuracy)
    bundle = seal(args, model, spec, calibration, metrics, args.out or folder / "bundle")
    strict = metrics["test"]["strict"]["headline"]
    print(
        f"{bundle}: strict test pages: accuracy {strict['accuracy']['value']}, macro F1 {strict['macro_f1']['value']}, "
        f"macro AUROC {strict['macro_auroc']['value']}",
        file=sys.stderr,
    )
    return 0


def judge(
    logits: NDArray[np.float64],
    pages: Sequence[LabelledPage],
    split: Split,
    classes: Sequence[str],
    target_accuracy: float,
) -> tuple[Calibration, dict[str, Any]]:
    """Fit calibration on the validation pages, then measure on the test pages, which nothing was fitted on."""
    labels = np.array([classes.index(page.label) for page in pages])
    groups = np.array([page.group for page in pages])
    strict = np.array([page.strict for page in pages])
    # Print style gives classes away, so the threshold is fitted where the headline is measured.
    fitted_on = split.validation[strict[split.validation]]
    temperature = fit_temperature(logits[fitted_on], labels[fitted_on])
    probabilities = softmax(logits / temperature)
    threshold = fit_threshold(probabilities[fitted_on], labels[fitted_on], target_accuracy)
    answers = Answers(probabilities, labels, groups)
    test_strict = split.test[strict[split.test]]
    metrics = {
        "split": {part: len(getattr(split, part)) for part in ("train", "validation", "test")},
        "test": {
            "strict": evaluate(answers.at(test_strict), classes, threshold=threshold),
            "all": evaluate(answers.at(split.test), classes, threshold=threshold),
        },
        "uncalibrated_ece_strict": evaluate(
            Answers(softmax(logits), labels, groups).at(test_strict), classes, threshold=threshold
        )["headline"]["ece"]["value"],
    }
    return Calibration(round(temperature, 4), threshold), metrics


def seal(
    args: argparse.Namespace,
    model: keras.Model,
    spec: PreprocessingSpec,
    calibration: Calibration,
    metrics: dict[str, Any],
    out: Path,
) -> Path:
    """Write model, card and manifest to ``out``."""
    out.mkdir(parents=True, exist_ok=True)
    _without_optimizer(model, args.architecture).save(out / MODEL)
    card = write_card(
        name=args.architecture,
        version=args.version,
        architecture=args.architecture,
        parameters=model.count_params(),
        classes=CARDIAC_CLASSES,
        preprocessing=spec,
        calibration=calibration,
        metrics=metrics,
        command="python -m ml train " + shlex.join(_arguments(args)),
    )
    (out / CARD).write_text(card, encoding="utf-8")
    write_manifest(
        out,
        name=args.architecture,
        version=args.version,
        classes=CARDIAC_CLASSES,
        architecture=args.architecture,
        attribution_layer=REGISTRY[args.architecture].attribution_layer,
        preprocessing=spec,
        calibration=calibration,
        metrics=metrics,
    )
    return out


def _without_optimizer(model: keras.Model, architecture: str) -> keras.Model:
    # The optimizer's moments would treble the file and are of no use to serving.
    bare = REGISTRY[architecture].build(len(CARDIAC_CLASSES))
    bare.set_weights(model.get_weights())
    return bare


def _arguments(args: argparse.Namespace) -> list[str]:
    named = ("epochs", "batch_size", "learning_rate", "patience", "seed", "fold", "target_accuracy", "version")
    options = [part for name in named for part in (f"--{name.replace('_', '-')}", str(getattr(args, name)))]
    return [args.architecture, "DATA", *options]

"""``python -m ml faithfulness BUNDLE DATA``: how far each explanation method may be believed for a model."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from ml.errors import BundleCorrupt
from ml.explain import METHODS
from ml.explain.table import table

if TYPE_CHECKING:
    from ml.explain.faithfulness import Sample
    from ml.explain.network import Floats

# The split that models are trained on unless told otherwise: its test groups are new to the model.
SPLIT_SEED = 20


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Measure the explanation methods of a model on pages of its test fold: deletion and insertion against random "
        "maps, cascading weight randomisation, agreement, and placement on traces. Prints a Markdown table. Exit "
        "status: 1 if there are no pages to measure on or a method does not apply, 2 if the model cannot be loaded."
    )
    parser.add_argument("bundle", type=Path)
    parser.add_argument("data", type=Path, help="folder with manifest.csv and the pages it names")
    parser.add_argument("--pages", type=int, default=12, help="strict test pages of each class (default: %(default)s)")
    parser.add_argument(
        "--randomised", type=int, default=3, help="of them, for the randomisation check (default: %(default)s)"
    )
    parser.add_argument("--methods", nargs="+", choices=METHODS, metavar="METHOD", help="default: all that apply")
    parser.add_argument("--fold", type=int, default=0, help="which fifth of the groups was held out in training")
    parser.add_argument("--seed", type=int, default=20, help="of the choice of pages, random maps and shuffles")
    parser.add_argument("--seal", action="store_true", help="write the verdicts into the bundle, which gets a new SHA")
    parser.add_argument("--out", type=Path, metavar="JSON", help="everything measured")
    parser.add_argument("--sheets", type=Path, metavar="FOLDER", help="draw all maps, a sheet for each class")


def run(args: argparse.Namespace) -> int:
    from ml.explain.explainer import Explainer
    from ml.explain.faithfulness import choose, measure, read_sample, verdicts

    if min(args.pages, args.randomised) < 1:
        print("--pages and --randomised must be 1 or more", file=sys.stderr)
        return 1
    try:
        explainer = Explainer.load(args.bundle)
    except BundleCorrupt as error:
        print(f"The model cannot be loaded: {error}", file=sys.stderr)
        return 2
    methods = tuple(args.methods or (name for name in explainer.methods if name in METHODS))
    if unknown := sorted(set(methods) - set(explainer.methods)):
        print(f"{', '.join(unknown)}: not for {explainer.identity.name}", file=sys.stderr)
        return 1
    try:
        chosen = choose(*_test_pages(args, explainer.identity.classes), args.pages, seed=args.seed)
        samples = [read_sample(args.data, page, explainer.manifest.preprocessing) for page in chosen]
    except (OSError, ValueError) as error:
        print(f"{args.data} cannot be read: {error}", file=sys.stderr)
        return 1
    if not samples:
        print(f"{args.data} has no strict pages in the test fold", file=sys.stderr)
        return 1

    def draw(found: dict[str, list[Floats]]) -> None:
        _draw_sheets(args.sheets, samples, found)

    result = measure(
        explainer,
        samples,
        methods,
        seed=args.seed,
        randomised=args.randomised,
        watched=_bar,
        keep=draw if args.sheets else None,
    )
    print(table(result))
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    if args.seal:
        from ml.bundle import amend

        print(f"sealed as {amend(args.bundle, explanations=verdicts(result)).sha256}", file=sys.stderr)
    return 0


def _test_pages(args: argparse.Namespace, classes: Sequence[str]) -> tuple[Any, Any]:
    from ml.dataset import read_manifest, split_by_group

    pages = read_manifest(args.data, classes)
    return pages, split_by_group(pages, seed=SPLIT_SEED, fold=args.fold).test


def _draw_sheets(folder: Path, samples: Sequence[Sample], found: dict[str, list[Floats]]) -> None:
    from ml.explain.sheet import contact_sheet

    folder.mkdir(parents=True, exist_ok=True)
    for label in sorted({sample.label for sample in samples}):
        chosen = [index for index, sample in enumerate(samples) if sample.label == label]
        pages = [(f"{label} {number}", samples[index].model_input) for number, index in enumerate(chosen, start=1)]
        maps = {METHODS[name].title: [own[index] for index in chosen] for name, own in found.items()}
        (folder / f"{label}.jpg").write_bytes(contact_sheet(pages, maps))


def _bar(items: Sequence[Any], title: str) -> Iterable[Any]:
    return tqdm(items, desc=title, unit="", file=sys.stderr, disable=None)

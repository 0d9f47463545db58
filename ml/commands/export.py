"""``python -m ml export BUNDLE``: the model for a laptop or a phone, kept only if it answers as TensorFlow does."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ml.bundle import read_manifest
from ml.errors import BundleCorrupt
from ml.export import ExportFailed
from ml.export.formats import DEFAULT_FORMATS, FORMATS

if TYPE_CHECKING:
    from ml.bundle import BundleManifest
    from ml.export.exporting import Outcome, Pages


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Export a bundle's network, calibrated probabilities and Grad-CAM in one graph, compare it with TensorFlow on "
        "every page, and seal what passed into the bundle, which gets a new identity. Exit status: 1 if a format was "
        "refused, 2 if the bundle cannot be loaded."
    )
    parser.add_argument("bundle", type=Path)
    parser.add_argument(
        "--formats", nargs="+", choices=FORMATS, default=DEFAULT_FORMATS, metavar="FORMAT", help=", ".join(FORMATS)
    )
    parser.add_argument("--data", type=Path, help="compare on all pages of this folder with manifest.csv")
    parser.add_argument("--pages", type=int, default=24, help="drawn pages to compare on without --data")
    parser.add_argument("--rounds", type=int, default=50, help="timed passes (default: %(default)s)")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="leave BUNDLE as it is; DIR becomes the one with exports"
    )


def run(args: argparse.Namespace) -> int:
    from ml.export.exporting import export

    if min(args.pages, args.rounds) < 1:
        print("--pages and --rounds must be 1 or more", file=sys.stderr)
        return 1
    if args.out and args.out.exists():
        print(f"{args.out} exists already", file=sys.stderr)
        return 1
    try:
        manifest = read_manifest(args.bundle)
        manifest.require_network()
        manifest.verify()
        pages = _pages(args, manifest)
        forms = [FORMATS[name] for name in dict.fromkeys(args.formats)]
        target = args.out or args.bundle
        outcomes = export(manifest, forms, pages, rounds=args.rounds, target=target)
    except BundleCorrupt as error:
        print(f"The model cannot be loaded: {error}", file=sys.stderr)
        return 2
    except (OSError, ValueError, ExportFailed) as error:
        print(f"Nothing was exported: {error}", file=sys.stderr)
        return 1
    return _report(outcomes, target)


def _pages(args: argparse.Namespace, manifest: BundleManifest) -> Pages:
    from ml.export.exporting import REFERENCE_PAGES, Pages
    from ml.export.pages import drawn, of_dataset

    spec = manifest.preprocessing
    if args.data is None:
        inputs = drawn(max(args.pages, REFERENCE_PAGES), spec)
        return Pages(inputs[: args.pages], f"{args.pages} drawn pages", inputs[:REFERENCE_PAGES])
    inputs = of_dataset(args.data, spec, cache=Path("runs") / "cache")
    return Pages(inputs, f"{len(inputs)} pages of the data set", drawn(REFERENCE_PAGES, spec))


def _report(outcomes: list[Outcome], target: Path) -> int:
    for outcome in outcomes:
        if not outcome.record:
            print(f"{outcome.form.title} was refused. {outcome.reason}", file=sys.stderr)
    if any(outcome.record for outcome in outcomes):
        manifest = read_manifest(target)
        print(manifest.card[manifest.card.index("## Exports") :])
        print(f"sealed as {manifest.sha256}", file=sys.stderr)
    return int(not all(outcome.record for outcome in outcomes))

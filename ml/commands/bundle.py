"""``python -m ml bundle verify|card``: look at a model bundle without loading its network."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ml.bundle import DEFAULT_BUNDLE, read_manifest
from ml.errors import BundleCorrupt


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = "Check a bundle's checksums, or print its model card."
    parser.add_argument("action", choices=("verify", "card"))
    parser.add_argument("folder", type=Path, nargs="?", default=DEFAULT_BUNDLE, help="default: the shipped one")


def run(args: argparse.Namespace) -> int:
    try:
        manifest = read_manifest(args.folder)
        manifest.verify()
    except BundleCorrupt as error:
        print(error, file=sys.stderr)
        return 1
    print(manifest.card if args.action == "card" else f"{manifest.name} {manifest.version} {manifest.sha256}: intact")
    return 0

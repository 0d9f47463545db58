"""``python -m ml explain PAGE``: where the evidence lies, by one method or by all, drawn on the page."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from ml.bundle import DEFAULT_BUNDLE
from ml.decode import MAX_BYTES, decode
from ml.errors import BundleCorrupt, PageRejected
from ml.explain import METHODS
from ml.heatmap import heat_layer, overlay

if TYPE_CHECKING:
    from ml.decode import Page
    from ml.explain.explainer import Explainer, Explanation

ALL = "all"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Explain the answer for an ECG page. Writes, for each method, a transparent layer (PNG) and the page with the "
        "heat on it (JPEG), and prints one JSON object a line: method, label, seconds, crop, details, layer, overlay. "
        "Exit status: 1 if the page cannot be read or the method or label is not one of this model's, 2 if the model "
        "cannot be loaded."
    )
    parser.add_argument(
        "page", type=Path, help="JPEG, PNG, TIFF, WebP, PDF or DICOM; of several pages the first is taken"
    )
    parser.add_argument("--method", choices=[*METHODS, ALL], default=ALL, help="default: all that apply to the model")
    parser.add_argument("--label", help="the class to explain (default: the most probable one)")
    parser.add_argument("--bundle", type=Path, default=DEFAULT_BUNDLE, metavar="DIR", help="default: the shipped one")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="where the pictures go")


def run(args: argparse.Namespace) -> int:
    from ml.explain.explainer import Explainer

    try:
        page = _first_page(args.page)
    except (PageRejected, OSError) as error:
        print(f"{args.page} cannot be read: {error}", file=sys.stderr)
        return 1
    try:
        explainer = Explainer.load(args.bundle)
    except BundleCorrupt as error:
        print(f"The model cannot be loaded: {error}", file=sys.stderr)
        return 2
    methods = explainer.methods if args.method == ALL else (args.method,)
    args.out.mkdir(parents=True, exist_ok=True)
    for method in methods:
        try:
            row = _explain(explainer, page, method, args)
        except (PageRejected, ValueError) as error:
            print(f"{args.page}: {error}", file=sys.stderr)
            return 1
        print(json.dumps(row, ensure_ascii=False), flush=True)
    return 0


def _first_page(file: Path) -> Page:
    with file.open("rb") as handle:
        # One byte more than allowed is enough for `decode` to refuse it.
        return decode(handle.read(MAX_BYTES + 1)).pages[0]


def _explain(explainer: Explainer, page: Page, method: str, args: argparse.Namespace) -> dict[str, Any]:
    began = time.perf_counter()
    with tqdm(total=1.0, desc=METHODS[method].title, file=sys.stderr, disable=None, bar_format=_BAR) as bar:

        def progress(share: float) -> None:
            bar.update(share - bar.n)

        explanation = explainer.explain(page, method, label=args.label, progress=progress)
    seconds = time.perf_counter() - began
    layer, drawn = _write(explanation, page, args.out, args.page.stem)
    return {
        "file": str(args.page),
        "method": method,
        "label": explanation.label,
        "seconds": round(seconds, 2),
        "crop": vars(explanation.crop),
        "details": explanation.details,
        "layer": str(layer),
        "overlay": str(drawn),
    }


_BAR = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}"


def _write(explanation: Explanation, page: Page, folder: Path, stem: str) -> tuple[Path, Path]:
    layer = folder / f"{stem}.{explanation.method}.png"
    drawn = folder / f"{stem}.{explanation.method}.jpg"
    layer.write_bytes(heat_layer(explanation.attribution, explanation.crop, page.shape))
    drawn.write_bytes(overlay(page, explanation.attribution, explanation.crop))
    return layer, drawn

"""``python -m ml render``: write one synthetic page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image as PillowImage

from ml.degradation import degrade
from ml.leads.layouts import LAYOUTS
from ml.render import FULL_SIZE, GRIDS, RenderedPage, render_page
from ml.synthetic import FINDINGS, synthetic_signals

if TYPE_CHECKING:
    import argparse

_PALETTE_COLOURS = 48


def configure(parser: argparse.ArgumentParser) -> None:
    """Describe the subcommand's arguments."""
    parser.description = "Draw a made-up 12-lead ECG page, marked as synthetic. The same seed gives the same page."
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="picture to write: .png or .jpg")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--layout", choices=sorted(LAYOUTS), default="4x2.5")
    parser.add_argument("--grid", choices=sorted(GRIDS), default="dotted")
    parser.add_argument("--width", type=int, default=FULL_SIZE[0], help="pixels; the height follows (default 2213)")
    parser.add_argument("--heart-rate", type=float, default=72.0, metavar="BPM")
    parser.add_argument("--rhythm", choices=("regular", "irregular"), default="regular")
    parser.add_argument("--finding", choices=sorted(FINDINGS), action="append", default=[], help="may be repeated")
    parser.add_argument(
        "--degrade", type=float, default=0.0, metavar="STRENGTH", help="photograph the page: 1 carefully, 2 in a hurry"
    )


def run(args: argparse.Namespace) -> int:
    """Render the page that ``args`` ask for and write it. Returns the exit status."""
    signals = synthetic_signals(
        args.seed, heart_rate_bpm=args.heart_rate, rhythm=args.rhythm, findings=tuple(args.finding)
    )
    page = render_page(
        signals,
        layout=args.layout,
        grid=args.grid,
        size=(args.width, round(args.width * FULL_SIZE[1] / FULL_SIZE[0])),
        header=(f"ID : DEMO-{args.seed:04d}", "Drawn by Isoline from a mathematical model of the heart"),
        seed=args.seed,
    )
    _write(degrade(page, args.seed, strength=args.degrade), args.out, flat=args.degrade <= 0)
    return 0


def _write(page: RenderedPage, path: Path, *, flat: bool) -> None:
    picture = PillowImage.fromarray(page.image)
    if flat and path.suffix.lower() == ".png":
        # A drawn page has few colours; a palette makes its file a quarter of the size.
        picture = picture.quantize(_PALETTE_COLOURS, dither=PillowImage.Dither.NONE)
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, optimize=True, quality=92, dpi=(page.pixels_per_mm * 25.4, page.pixels_per_mm * 25.4))

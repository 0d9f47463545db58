"""``python -m ml benchmark DATA``: run or resume the whole results table and write it into docs/results.md."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from ml.benchmark import TABLE, folder_of, shipped, table

BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = "Runs that finished are not repeated; what was broken off is taken up."
    parser.add_argument("data", type=Path, nargs="?", help="folder with manifest.csv; needed unless --no-training")
    parser.add_argument("--models", nargs="+", choices=[row.architecture for row in TABLE], help="default: all")
    parser.add_argument("--protocols", nargs="+", choices=("grouped", "published"), default=["grouped", "published"])
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of all runs (default: %(default)s)")
    parser.add_argument("--minutes", type=float, help="start no further run after this time")
    parser.add_argument("--no-training", action="store_true", help="only write the table from what has been run")
    parser.add_argument(
        "--out", type=Path, default=Path("docs/results.md"), help="Markdown file with the table's marks"
    )


def run(args: argparse.Namespace) -> int:
    if args.data is None and not args.no_training:
        print("Name the folder with manifest.csv, or give --no-training.", file=sys.stderr)
        return 2
    if not args.no_training:
        _train(args)
    text = args.out.read_text(encoding="utf-8") if args.out.exists() else f"# Results\n\n{BEGIN}\n{END}\n"
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        print(f"{args.out} has no place for the table: it needs the lines {BEGIN} and {END}.", file=sys.stderr)
        return 1
    before, rest = text.split(BEGIN)
    done = f"{before}{BEGIN}\n{table(args.runs)}\n\n{shipped()}\n{END}{rest.split(END)[1]}"
    args.out.write_text(done, encoding="utf-8")
    print(f"{args.out} written", file=sys.stderr)
    return 0


def _train(args: argparse.Namespace) -> None:
    from ml.experiment import carry_out

    began = time.monotonic()
    for protocol in args.protocols:
        for row in TABLE:
            if args.models and row.architecture not in args.models:
                continue
            if args.minutes is not None and time.monotonic() - began > 60 * args.minutes:
                print("The time is up; what has not been run stays “not trained”.", file=sys.stderr)
                return
            print(f"{row.architecture}, {protocol}", file=sys.stderr)
            folder = folder_of(row, protocol, args.runs)
            carry_out(row.experiment(protocol), args.data, folder, cache=args.runs / "cache")

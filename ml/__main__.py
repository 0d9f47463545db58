"""``python -m ml``: the command line of the science."""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module
from typing import Final

_COMMANDS: Final = {
    "predict": "read ECG pages, one JSON object a line",
    "train": "train a network and seal it as a bundle",
    "train-traces": "train the networks that read signals off the page",
    "automl": "search for settings of networks or pipelines within a time budget",
    "evaluate": "judge finished runs and write a report",
    "architectures": "list what can be trained",
    "benchmark": "run or resume the results table",
    "bundle": "verify a model bundle or print its card",
    "export": "write a model for ONNX Runtime or LiteRT, if it answers as TensorFlow does",
    "explain": "show on a page where the evidence lies",
    "faithfulness": "measure how far each explanation method may be believed",
    "leads": "read the twelve leads of a page as signals",
    "render": "draw a synthetic ECG page",
    "fit-gate": "fit the weights of the not-an-ECG gate",
    "dataset": "look a collection of pages over, prepare it for training, or fetch it",
}


def main(arguments: list[str] | None = None) -> int:
    """Run one subcommand and return its exit status."""
    # TensorFlow logs its build to standard error otherwise, between our lines.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    parser = argparse.ArgumentParser(
        prog="python -m ml",
        description="Isoline's science on the command line. Research software, not a medical device.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, summary in _COMMANDS.items():
        import_module(_module(name)).configure(commands.add_parser(name, help=summary))
    args = parser.parse_args(arguments)
    try:
        status: int = import_module(_module(args.command)).run(args)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Someone downstream (`| head`) has had enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status


def _module(command: str) -> str:
    return f"ml.commands.{command.replace('-', '_')}"


if __name__ == "__main__":
    sys.exit(main())

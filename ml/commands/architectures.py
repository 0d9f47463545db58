"""``python -m ml architectures``: what can be trained."""

from __future__ import annotations

import argparse

from ml.architectures import REGISTRY
from ml.dataset import CARDIAC_CLASSES


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = "List what can be trained: name, parameters, input size, source."


def run(args: argparse.Namespace) -> int:
    for name, architecture in REGISTRY.items():
        counted = "–" if architecture.classical else f"{architecture.build(len(CARDIAC_CLASSES)).count_params():,}"
        height, width = architecture.input_size
        print(f"{name}\t{counted}\t{height}×{width}×1\t{architecture.source}", flush=True)
    return 0

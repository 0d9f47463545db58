"""How long one page takes: each runtime in a fresh process, because TensorFlow takes its number of threads only once.

``python -m ml.export.latency BUNDLE --threads N FORMAT=FILE…`` prints milliseconds as JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ml.bundle import read_manifest
from ml.compiled_pass import load_model, tensorflow_pass
from ml.export import TENSORFLOW, ExportFailed
from ml.export.formats import FORMATS
from ml.export.reference import read_reference
from ml.export.runtimes import open_export, processors
from ml.export.serving import time_passes


def measure(folder: Path, files: Mapping[str, Path], reference: Path, *, threads: int, rounds: int) -> dict[str, float]:
    """Median milliseconds of TensorFlow's compiled pass and of each export, warm, one page at a time.

    Args:
        folder: the bundle.
        files: format → exported file.
        reference: from `ml.export.reference`; its first page is read again and again.
        threads: that each may use.
        rounds: timed passes of each, after as many that are not timed.

    Raises:
        ExportFailed: the measuring process failed.
    """
    pairs = [f"{name}={file}" for name, file in files.items()]
    options = ["--reference", str(reference), "--threads", str(threads), "--rounds", str(rounds)]
    command = [sys.executable, "-m", "ml.export.latency", str(folder), *pairs, *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ExportFailed(f"the latency could not be measured:\n{done.stderr.strip()}")
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return measured


def machine() -> dict[str, Any]:
    """What it was measured on."""
    return {"cpu": _cpu(), "processors": processors(), "system": f"{platform.system()} {platform.machine()}"}


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def main(arguments: list[str] | None = None) -> int:
    """Measure in this process."""
    parser = argparse.ArgumentParser(description="Milliseconds a page, as JSON.")
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--reference", type=Path, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("files", nargs="*", metavar="FORMAT=FILE")
    args = parser.parse_args(arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(args.threads)
    tf.config.threading.set_inter_op_parallelism_threads(args.threads)
    manifest = read_manifest(args.bundle)
    passes = {TENSORFLOW: tensorflow_pass(load_model(manifest), manifest)}
    for name, _, file in (pair.partition("=") for pair in args.files):
        passes[name] = open_export(Path(file), FORMATS[name].runtime, threads=args.threads)
    pages, _ = read_reference(args.reference)
    page = pages[0][None, ..., None].astype(np.float32)
    sys.stdout.write(json.dumps(time_passes(passes, page, rounds=args.rounds)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""How long one page takes, with all threads and with one.

TensorFlow takes its number of threads only once, so one thread is measured in a process of its own:
``python -m ml.export.latency BUNDLE FORMAT=FILE… --reference FILE`` prints milliseconds as JSON.
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
from typing import TYPE_CHECKING, Any

from ml.bundle import read_manifest
from ml.compiled_pass import CompiledPass, as_input, load_model, tensorflow_pass
from ml.export import TENSORFLOW, ExportFailed
from ml.export.formats import FORMATS
from ml.export.reference import read_reference
from ml.export.runtimes import open_export, processors
from ml.export.serving import time_passes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def with_all_threads(
    tensorflow: CompiledPass, files: Mapping[str, Path], page: NDArray[np.float32], *, rounds: int
) -> dict[str, float]:
    """Median milliseconds of TensorFlow's compiled pass and of each export, warm, one page at a time.

    Args:
        tensorflow: the reference pass, with TensorFlow's own choice of threads.
        files: format → exported file.
        page: (1, H, W, 1), read again and again.
        rounds: timed passes of each, after as many that are not timed.
    """
    return time_passes({TENSORFLOW: tensorflow} | _opened(files, processors()), page, rounds=rounds)


def with_one_thread(folder: Path, files: Mapping[str, Path], reference: Path, *, rounds: int) -> dict[str, float]:
    """The same with one thread each.

    Args:
        folder: the bundle.
        files: format → exported file.
        reference: from `ml.export.reference`; its first page is read again and again.
        rounds: timed passes of each, after as many that are not timed.

    Raises:
        ExportFailed: the measuring process failed.
    """
    pairs = [f"{name}={file}" for name, file in files.items()]
    options = ["--reference", str(reference), "--rounds", str(rounds)]
    command = [sys.executable, "-m", "ml.export.latency", str(folder), *pairs, *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ExportFailed(f"the latency could not be measured:\n{done.stderr.strip()}")
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return measured


def _opened(files: Mapping[str, Path], threads: int) -> dict[str, CompiledPass]:
    return {name: open_export(file, FORMATS[name].runtime, threads=threads) for name, file in files.items()}


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
    """Measure one thread in this process."""
    parser = argparse.ArgumentParser(description="Milliseconds a page with one thread, as JSON.")
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--reference", type=Path, required=True)
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("files", nargs="*", metavar="FORMAT=FILE")
    args = parser.parse_args(arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    manifest = read_manifest(args.bundle)
    files = {name: Path(file) for name, _, file in (pair.partition("=") for pair in args.files)}
    passes = {TENSORFLOW: tensorflow_pass(load_model(manifest), manifest)} | _opened(files, 1)
    pages, _ = read_reference(args.reference)
    page = as_input(pages[0])
    sys.stdout.write(json.dumps(time_passes(passes, page, rounds=args.rounds)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

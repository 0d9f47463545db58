"""An exported file as a compiled pass, in ONNX Runtime or LiteRT. Neither needs TensorFlow."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ml.compiled_pass import Answer, CompiledPass
from ml.export import BackendUnavailable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# The names that exports give their input and outputs.
PAGE: Final = "page"
OUTPUTS: Final = ("probabilities", "attribution")
PACKAGES: Final = {"onnx": "onnxruntime", "litert": "ai-edge-litert"}


def open_export(file: Path, runtime: str, *, threads: int | None = None) -> CompiledPass:
    """Load an export.

    Args:
        file: the export.
        runtime: ``onnx`` or ``litert``.
        threads: for one page; by default one for each processor this process may use.

    Raises:
        BackendUnavailable: the runtime is not installed, or cannot run this file.
    """
    if runtime not in PACKAGES:
        raise BackendUnavailable(f"there is no runtime {runtime!r}; known: {', '.join(PACKAGES)}")
    opener = _open_onnx if runtime == "onnx" else _open_litert
    try:
        return opener(file, threads or processors())
    except ImportError as error:
        raise BackendUnavailable(
            f"{file.name} needs {PACKAGES[runtime]}, which is not installed: pip install {PACKAGES[runtime]}, in the "
            f"release that requirements-lab.txt pins ({error})"
        ) from error
    # Each runtime has a dozen exceptions of its own for a file it does not take, and promises none of them.
    except Exception as error:
        raise BackendUnavailable(f"{PACKAGES[runtime]} cannot run {file}: {error}") from error


def processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _open_onnx(file: Path, threads: int) -> CompiledPass:
    import onnxruntime  # type: ignore[import-untyped]

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])

    def run(page: NDArray[np.float32]) -> Answer:
        return Answer(*session.run(list(OUTPUTS), {PAGE: page}))

    return run


def _open_litert(file: Path, threads: int) -> CompiledPass:
    from ai_edge_litert.interpreter import Interpreter  # type: ignore[import-untyped]

    runner = Interpreter(model_path=str(file), num_threads=threads).get_signature_runner()

    def run(page: NDArray[np.float32]) -> Answer:
        outputs = runner(**{PAGE: page})
        return Answer(*(outputs[name] for name in OUTPUTS))

    return run

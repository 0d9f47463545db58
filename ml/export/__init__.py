"""The same network for other runtimes: ONNX and LiteRT, each compared with TensorFlow before it is kept or served.

An export gives what serving needs, calibrated probabilities and Grad-CAM, from a page (1, H, W, 1) float32 in 0…255.
TensorFlow stays the default and the reference. Importing this package imports no runtime.
"""

from __future__ import annotations

from typing import Final

TENSORFLOW: Final = "tensorflow"
FASTEST: Final = "fastest"
# What `ml.predictor.Predictor.load` may be asked to serve through.
BACKENDS: Final = (TENSORFLOW, "onnx", "litert", FASTEST)


class ExportFailed(Exception):
    """A network cannot be converted, or no runtime here can run what came out."""


class BackendUnavailable(Exception):
    """A bundle cannot be served through the runtime asked for; the message says what would change that."""

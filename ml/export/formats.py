"""What a network can be exported to, and how far each may be from TensorFlow's answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Precision = Literal["float32", "float16", "dynamic"]


@dataclass(frozen=True)
class Format:
    """One kind of export.

    Attributes:
        name: on the command line and in the bundle's manifest.
        title: for people.
        file: its name in the bundle.
        runtime: what runs it: ``onnx`` (ONNX Runtime) or ``litert``.
        precision: of its weights; ``dynamic`` is 8 bits, with arithmetic in 8 bits where the runtime has it.
        probability_tolerance: largest difference allowed in any class probability on any page.
        attribution_tolerance: the same of Grad-CAM, which is in 0…1.
        attribution_slack: share of pages on which Grad-CAM may differ by more. Its gradient jumps where a ReLU
            switches, so with coarse weights a page that sits on such an edge gets another map, however close its
            probabilities are.
        servable: precise enough for a worker. The others are for small devices.
    """

    name: str
    title: str
    file: str
    runtime: str
    precision: Precision
    probability_tolerance: float
    attribution_tolerance: float
    attribution_slack: float = 0.0
    servable: bool = True


FORMATS: Final = {
    form.name: form
    for form in (
        Format("onnx", "ONNX", "model.onnx", "onnx", "float32", 1e-4, 1e-2),
        Format("litert", "LiteRT", "model.tflite", "litert", "float32", 1e-4, 1e-2),
        Format(
            "litert-float16",
            "LiteRT, 16-bit weights",
            "model_float16.tflite",
            "litert",
            "float16",
            1e-2,
            5e-2,
            attribution_slack=0.01,
            servable=False,
        ),
        Format(
            "litert-dynamic",
            "LiteRT, 8-bit weights",
            "model_dynamic.tflite",
            "litert",
            "dynamic",
            5e-2,
            2e-1,
            attribution_slack=0.01,
            servable=False,
        ),
    )
}
DEFAULT_FORMATS: Final = ("onnx", "litert")

"""Whether an export answers as TensorFlow does: the largest differences, and every page on which another class wins."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ml.compiled_pass import Answer, CompiledPass
    from ml.export.formats import Format


@dataclass(frozen=True)
class Parity:
    """How an export compared.

    Attributes:
        pages: compared.
        differing_winners: pages on which another class is the most probable.
        probability_difference: largest absolute difference of a class probability.
        attribution_difference: largest absolute difference of a value of Grad-CAM, which is in 0…1.
        probability_tolerance, attribution_tolerance: what they may be.
    """

    pages: int
    differing_winners: int
    probability_difference: float
    attribution_difference: float
    probability_tolerance: float
    attribution_tolerance: float

    @property
    def passed(self) -> bool:
        # Written so that a difference that is not a number fails.
        return (
            self.pages > 0
            and self.differing_winners == 0
            and self.probability_difference <= self.probability_tolerance
            and self.attribution_difference <= self.attribution_tolerance
        )

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        return (
            f"{self.pages} pages, {self.differing_winners} with another winner, probabilities differ by up to "
            f"{self.probability_difference:.1e} (allowed {self.probability_tolerance:.0e}), Grad-CAM by up to "
            f"{self.attribution_difference:.1e} (allowed {self.attribution_tolerance:.0e})"
        )


def answers(run: CompiledPass, pages: Iterable[NDArray[np.uint8]]) -> list[Answer]:
    """A pass over model inputs (height, width) uint8, one after the other as in serving."""
    return [run(page[None, ..., None].astype(np.float32)) for page in pages]


def compare(reference: Sequence[Answer], candidate: Sequence[Answer], form: Format) -> Parity:
    """Compare the answers for the same pages; both sequences have one for each.

    Raises:
        ValueError: they are not answers for the same number of pages, or not of the same shapes.
    """
    winners, probability, attribution = 0, 0.0, 0.0
    for right, other in zip(reference, candidate, strict=True):
        if right.probabilities.shape != other.probabilities.shape or right.attribution.shape != other.attribution.shape:
            raise ValueError(
                f"answers of other shapes: {other.probabilities.shape} and {other.attribution.shape}, not "
                f"{right.probabilities.shape} and {right.attribution.shape}"
            )
        winners += int(np.argmax(right.probabilities) != np.argmax(other.probabilities))
        probability = _worse(probability, right.probabilities, other.probabilities)
        attribution = _worse(attribution, right.attribution, other.attribution)
    return Parity(
        pages=len(reference),
        differing_winners=winners,
        probability_difference=probability,
        attribution_difference=attribution,
        probability_tolerance=form.probability_tolerance,
        attribution_tolerance=form.attribution_tolerance,
    )


def _worse(so_far: float, right: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    # np.maximum, unlike max(), keeps what is not a number.
    return float(np.maximum(so_far, np.abs(right.astype(np.float64) - other).max()))

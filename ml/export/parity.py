"""Whether an export answers as TensorFlow does: the largest differences, and every page on which another class wins."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ml.compiled_pass import as_input

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
        probability_tolerance: what it may be.
        attribution_difference: largest absolute difference of a value of Grad-CAM, which is in 0…1.
        attribution_tolerance: what it may be.
        pages_beyond: pages on which Grad-CAM differs by more.
        pages_beyond_allowed: how many there may be.
    """

    pages: int
    differing_winners: int
    probability_difference: float
    probability_tolerance: float
    attribution_difference: float
    attribution_tolerance: float
    pages_beyond: int
    pages_beyond_allowed: int

    @property
    def passed(self) -> bool:
        # Written so that a difference that is not a number fails.
        return (
            self.pages > 0
            and self.differing_winners == 0
            and self.probability_difference <= self.probability_tolerance
            and self.attribution_difference <= 1.0
            and self.pages_beyond <= self.pages_beyond_allowed
        )

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        return (
            f"{self.pages} pages, {self.differing_winners} with another winner, probabilities differ by up to "
            f"{self.probability_difference:.1e} (allowed {self.probability_tolerance:.0e}), Grad-CAM by up to "
            f"{self.attribution_difference:.1e}, on {self.pages_beyond} pages by more than "
            f"{self.attribution_tolerance:.0e} (allowed on {self.pages_beyond_allowed})"
        )


def answers(run: CompiledPass, pages: Iterable[NDArray[np.uint8]]) -> list[Answer]:
    """A pass over model inputs (height, width) uint8, one after the other as in serving."""
    return [run(as_input(page)) for page in pages]


def compare(reference: Sequence[Answer], candidate: Sequence[Answer], form: Format) -> Parity:
    """Compare the answers for the same pages; both sequences have one for each.

    Raises:
        ValueError: they are not answers for the same number of pages, or not of the same shapes.
    """
    winners = 0
    probabilities, attributions = [], []
    for right, other in zip(reference, candidate, strict=True):
        if right.probabilities.shape != other.probabilities.shape or right.attribution.shape != other.attribution.shape:
            raise ValueError(
                f"answers of other shapes: {other.probabilities.shape} and {other.attribution.shape}, not "
                f"{right.probabilities.shape} and {right.attribution.shape}"
            )
        winners += int(np.argmax(right.probabilities) != np.argmax(other.probabilities))
        probabilities.append(np.abs(right.probabilities - other.probabilities).max())
        attributions.append(np.abs(right.attribution - other.attribution).max())
    return Parity(
        pages=len(reference),
        differing_winners=winners,
        # NumPy's maximum, unlike Python's, keeps what is not a number.
        probability_difference=float(np.max(probabilities, initial=0.0)),
        probability_tolerance=form.probability_tolerance,
        attribution_difference=float(np.max(attributions, initial=0.0)),
        attribution_tolerance=form.attribution_tolerance,
        pages_beyond=sum(not difference <= form.attribution_tolerance for difference in attributions),
        pages_beyond_allowed=int(len(reference) * form.attribution_slack),
    )

"""How much each part of what the trace network sees speaks for a class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Relevance:
    """How much each part of the views adds to a class's logit, compared with a page on which nothing was seen.

    Attributes:
        beats: (12, T) per lead and instant.
        rhythm: (S,) per sample of the strip.
        measurements: (M,) per measurement.
    """

    beats: NDArray[np.float32]
    rhythm: NDArray[np.float32]
    measurements: NDArray[np.float32]

    def total(self) -> float:
        """By integrated gradients: about the logit, less what it is on a page on which nothing was seen."""
        return float(self.beats.sum() + self.rhythm.sum() + self.measurements.sum())

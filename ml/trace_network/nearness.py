"""How far a page lies from everything a network was trained on: mean distance to the nearest training pages.

Source: Sun et al. 2022, "Out-of-distribution detection with deep nearest neighbors", arXiv:2204.06507.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

NEIGHBOURS: Final = 5

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Nearness:
    """What pages are compared with, for each member of an ensemble.

    Attributes:
        known: per member, (P, E) embeddings of the pages it was trained on.
        usual: (members,) the median distance of pages that a member had not seen.
        farthest: distance, in units of the usual, beyond which a page is unlike the training pages.
    """

    known: tuple[Floats, ...]
    usual: NDArray[np.float64]
    farthest: float

    def distance(self, embeddings: Floats) -> float:
        """Of one page, embeddings (members, E), in units of what is usual: mean over members."""
        each = [distances(one[None], known)[0] for one, known in zip(embeddings, self.known, strict=True)]
        return float(np.mean(np.array(each) / self.usual))

    def save(self, file: Path) -> None:
        known = {f"known_{index}": member.astype(np.float16) for index, member in enumerate(self.known)}
        np.savez_compressed(file, allow_pickle=False, usual=self.usual, farthest=self.farthest, **known)

    @classmethod
    def load(cls, file: Path) -> Nearness:
        """
        Raises:
            ValueError, KeyError, OSError: the file is not one of `save`.
        """
        with np.load(file, allow_pickle=False) as stored:
            members = len(stored["usual"])
            known = tuple(stored[f"known_{index}"].astype(np.float32) for index in range(members))
            return cls(known, stored["usual"], float(stored["farthest"]))


def distances(embeddings: Floats, known: Floats) -> NDArray[np.float64]:
    """(N,) mean Euclidean distance of embeddings (N, E) to their nearest neighbours among known ones (P, E)."""
    squared = (embeddings**2).sum(axis=1)[:, None] + (known**2).sum(axis=1)[None] - 2 * embeddings @ known.T
    nearest = np.partition(squared, NEIGHBOURS - 1, axis=1)[:, :NEIGHBOURS]
    return np.asarray(np.sqrt(np.maximum(nearest, 0.0)).mean(axis=1), dtype=np.float64)

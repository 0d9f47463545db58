"""What repeats in a collection: equal files, equal pictures, equal traces; and where copies bear different classes."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ml.collection.reading import Seen
from ml.collection.traces import ALIKE, COPY, Pair, alike

Members = list[list[int]]


@dataclass(frozen=True)
class Duplicates:
    """Indices into the pages that were looked at.

    Attributes:
        same_bytes: sets of two and more files with equal bytes.
        same_pixels: likewise with equal pictures; contains the former.
        near: pairs with equal traces but other pixels; of equal pictures only the first takes part.
        similar: pairs that may be one heart recorded twice, not copies.
        pictures: (N,) number of the picture on each page: equal where the pixels are.
        copies: (N,) number of the recording: equal where pixels or traces are.
        conflicts: sets of copies of one recording that bear different classes.
    """

    same_bytes: Members
    same_pixels: Members
    near: list[Pair]
    similar: list[Pair]
    pictures: NDArray[np.intp]
    copies: NDArray[np.intp]
    conflicts: Members


def find_duplicates(pages: Sequence[Seen]) -> Duplicates:
    """Compare all pages with all."""
    same_bytes = _sets([page.sha256 for page in pages])
    same_pixels = _sets([page.pixels for page in pages])
    pictures = np.unique([page.pixels for page in pages], return_inverse=True)[1].astype(np.intp)
    first = np.unique(pictures, return_index=True)[1]
    first.sort()
    pairs = [
        Pair(int(first[one]), int(first[other]), likeness)
        for one, other, likeness in alike(
            [pages[index].strokes for index in first],
            ALIKE,
            lambda some: tqdm(some, desc="comparing traces", unit="pair", disable=None, mininterval=1.0),
        )
    ]
    near = [pair for pair in pairs if pair.likeness >= COPY]
    copies = joined(len(pages), [*chains(same_pixels), *((pair.first, pair.second) for pair in near)])
    conflicts = [members for members in _sets(copies.tolist()) if len({pages[at].listed.label for at in members}) > 1]
    similar = [pair for pair in pairs if pair.likeness < COPY]
    return Duplicates(same_bytes, same_pixels, near, similar, pictures, copies, conflicts)


def joined(count: int, links: Iterable[tuple[int, int]]) -> NDArray[np.intp]:
    """Number the connected sets of ``count`` things: (count,), equal where links lead from one to the other."""
    root = list(range(count))

    def top(at: int) -> int:
        while root[at] != at:
            root[at] = root[root[at]]
            at = root[at]
        return at

    for one, other in links:
        low, high = sorted((top(one), top(other)))
        root[high] = low
    return np.unique([top(at) for at in range(count)], return_inverse=True)[1].astype(np.intp)


def chains(sets: Iterable[Sequence[int]]) -> list[tuple[int, int]]:
    """Links that hold each set together."""
    return [(members[0], other) for members in sets for other in members[1:]]


def _sets(keys: Sequence[Hashable]) -> Members:
    members: dict[Hashable, list[int]] = {}
    for index, key in enumerate(keys):
        members.setdefault(key, []).append(index)
    return [some for some in members.values() if len(some) > 1]

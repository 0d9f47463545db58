"""The pages of a file, each made when it is asked for: all of them at once could take gigabytes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import overload

import numpy as np
from numpy.typing import NDArray


class LazyPages(Sequence[NDArray[np.uint8]]):
    """A sequence of (height, width, 3) uint8 RGB pages that keeps none of them."""

    @abstractmethod
    def _page(self, number: int) -> NDArray[np.uint8]:
        """The page of a number from 0 to ``len(self) - 1``."""

    @overload
    def __getitem__(self, index: int) -> NDArray[np.uint8]: ...
    @overload
    def __getitem__(self, index: slice) -> list[NDArray[np.uint8]]: ...
    def __getitem__(self, index: int | slice) -> NDArray[np.uint8] | list[NDArray[np.uint8]]:
        numbers = range(len(self))[index]
        return self._page(numbers) if isinstance(numbers, int) else [self._page(number) for number in numbers]

"""A few drawn pages and TensorFlow's answers for them, kept in the bundle: a machine without TensorFlow can compare."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from ml.compiled_pass import Answer
from ml.errors import BundleCorrupt

if TYPE_CHECKING:
    from numpy.typing import NDArray

REFERENCE: Final = "reference.npz"


def write_reference(file: Path, pages: NDArray[np.uint8], answers: Sequence[Answer]) -> None:
    """Keep model inputs (N, height, width) and TensorFlow's answer for each."""
    with file.open("wb") as handle:
        np.savez_compressed(
            handle,
            pages=pages,
            probabilities=np.stack([answer.probabilities for answer in answers]),
            attributions=np.stack([answer.attribution for answer in answers]),
        )


def read_reference(file: Path) -> tuple[NDArray[np.uint8], list[Answer]]:
    """The pages and their answers.

    Raises:
        BundleCorrupt: the file cannot be read.
    """
    try:
        with file.open("rb") as handle, np.load(handle, allow_pickle=False) as kept:
            answers = [Answer(*pair) for pair in zip(kept["probabilities"], kept["attributions"], strict=True)]
            return kept["pages"], answers
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise BundleCorrupt(f"{file} cannot be read: {error}") from error

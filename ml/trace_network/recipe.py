"""How trace networks are trained unless somebody says otherwise."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TraceRecipe:
    """How trace networks are trained.

    Attributes:
        pretraining_epochs: on recordings; 0 starts from nothing.
        epochs: on pages. Their number is fixed, so that no page is held back to choose it.
        batch_size: pages or recordings a step.
        pretraining_rate, learning_rate: AdamW's at the start; they fall along a cosine to zero.
        weight_decay: AdamW's.
        label_smoothing: of the pages' classes.
        mixing: parameter of the Beta distribution by which pairs are mixed.
        repeats: how often the pages are divided anew.
        folds: parts of each division.
        seed: of everything random; of the first division too.
    """

    pretraining_epochs: int = 24
    epochs: int = 25
    batch_size: int = 32
    pretraining_rate: float = 1e-3
    learning_rate: float = 7e-4
    weight_decay: float = 1e-3
    label_smoothing: float = 0.05
    mixing: float = 0.3
    repeats: int = 2
    folds: int = 5
    seed: int = 20

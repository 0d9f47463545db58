"""What the search over networks may change: one table, from which every recipe of a trial is drawn."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from ml.architectures import REGISTRY
from ml.recipes import LOSSES, RECIPES, Recipe

if TYPE_CHECKING:
    from optuna import Trial


@dataclass(frozen=True)
class Between:
    """A number in a range; ``log`` where orders of magnitude count."""

    low: float
    high: float
    log: bool = False
    whole: bool = False


@dataclass(frozen=True)
class OneOf:
    """One of a few values."""

    values: tuple[Any, ...]


@dataclass(frozen=True)
class Row:
    """One setting of the recipe.

    Attributes:
        name: field of `ml.recipes.Recipe`.
        values: what it may be.
        needs: ``backbone`` where only a network with published parts has it, or the loss that alone reads it.
    """

    name: str
    values: Between | OneOf
    needs: str = ""


# Augmentation and the width of a network have no settings in a recipe, so they are not searched.
SPACE: Final = (
    Row("learning_rate", Between(1e-5, 3e-3, log=True)),
    Row("weight_decay", Between(1e-6, 1e-1, log=True)),
    Row("batch_size", OneOf((8, 16, 32))),
    Row("label_smoothing", Between(0.0, 0.15)),
    Row("loss", OneOf(LOSSES)),
    Row("alpha_exponent", Between(0.0, 2.0), needs="adaptive_focal"),
    Row("gamma_slope", Between(-2.0, 4.0), needs="adaptive_focal"),
    Row("frozen_epochs", Between(0, 5, whole=True), needs="backbone"),
    Row("unfrozen_layers", OneOf((None, 20, 60)), needs="backbone"),
)


def own(architecture: str) -> Recipe:
    """The recipe that an architecture is trained with when nobody searches."""
    return RECIPES.get(architecture, Recipe(architecture))


def draw(trial: Trial, architectures: tuple[str, ...], *, seed: int, epochs: int | None) -> Recipe:
    """The recipe of a trial: its architecture's own, with what the table lets vary drawn by the sampler.

    Args:
        trial: of the study.
        architectures: to choose from.
        seed: of the training, the same for all trials, so that they differ by their settings alone.
        epochs: at most, where it is not the recipe's own number.
    """
    recipe = own(trial.suggest_categorical("architecture", architectures))
    recipe = replace(recipe, seed=seed, epochs=epochs or recipe.epochs)
    # The loss is drawn before the rows that depend on it.
    for row in SPACE:
        if _applies(row, recipe):
            recipe = replace(recipe, **{row.name: _suggest(trial, row)})
    return recipe


def parameters_of(recipe: Recipe) -> dict[str, Any]:
    """A recipe as the parameters of a trial that would draw it."""
    rows = {row.name: getattr(recipe, row.name) for row in SPACE if _applies(row, recipe)}
    return {"architecture": recipe.architecture, **rows}


def _applies(row: Row, recipe: Recipe) -> bool:
    if row.needs == "backbone":
        return bool(REGISTRY[recipe.architecture].backbones)
    return not row.needs or row.needs == recipe.loss


def _suggest(trial: Trial, row: Row) -> Any:
    if isinstance(row.values, OneOf):
        return trial.suggest_categorical(row.name, row.values.values)
    if row.values.whole:
        return trial.suggest_int(row.name, int(row.values.low), int(row.values.high))
    return trial.suggest_float(row.name, row.values.low, row.values.high, log=row.values.log)

"""Train trace networks: first on recordings with cardiologists' statements, then on pages. ``keras`` only."""

from __future__ import annotations

from typing import Any, Final

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from ml.trace_network.augmentation import VariedViews
from ml.trace_network.network import EMBEDDING, build, with_new_head
from ml.trace_network.recipe import TraceRecipe
from ml.trace_network.views import Views
from ml.training import class_weights, one_hot


def pretrain(recipe: TraceRecipe, views: Views, statements: NDArray[np.float32]) -> keras.Model:
    """A network that makes a cardiologist's statements about recordings.

    Args:
        recipe: how.
        views: N recordings.
        statements: (N, S) of 0 and 1, several of which may hold at once.
    """
    keras.utils.set_random_seed(recipe.seed)
    network = build(statements.shape[1])
    varied = VariedViews(
        views,
        statements,
        np.ones(len(statements), np.float32),
        seed=recipe.seed,
        batch_size=2 * recipe.batch_size,
        mixing=recipe.mixing,
    )
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    _fit(network, varied, loss, recipe.pretraining_rate, recipe.pretraining_epochs, recipe)
    return network


def train(
    recipe: TraceRecipe,
    views: Views,
    labels: NDArray[np.intp],
    classes: int,
    *,
    seed: int,
    pretrained: keras.Model | None = None,
) -> keras.Model:
    """A network that tells the classes of pages apart.

    Args:
        recipe: how.
        views: of the N pages to train on, and of no others.
        labels: (N,) their classes.
        classes: how many there are.
        seed: of this network.
        pretrained: where everything but the logits starts from.
    """
    keras.utils.set_random_seed(seed)
    network = build(classes) if pretrained is None else with_new_head(pretrained, classes)
    varied = VariedViews(
        views,
        one_hot(labels, classes),
        class_weights(labels, classes)[labels],
        seed=seed,
        batch_size=recipe.batch_size,
        mixing=recipe.mixing,
    )
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=recipe.label_smoothing)
    _fit(network, varied, loss, recipe.learning_rate, recipe.epochs, recipe)
    return network


def _fit(
    network: keras.Model, varied: VariedViews, loss: keras.losses.Loss, rate: float, epochs: int, recipe: TraceRecipe
) -> None:
    falling = keras.optimizers.schedules.CosineDecay(rate, max(len(varied) * epochs, 1))
    network.compile(keras.optimizers.AdamW(falling, weight_decay=recipe.weight_decay), loss=loss)
    network.fit(varied, epochs=epochs, verbose=0)


_BATCH: Final = 128


def ask(network: keras.Model, views: Views) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Logits (N, outputs) and embeddings (N, 144) of pages."""
    two_headed = keras.Model(network.inputs, [network.output, network.get_layer(EMBEDDING).output])
    found: list[Any] = []
    for first in range(0, len(views.beats), _BATCH):
        some = views.at(np.arange(first, min(first + _BATCH, len(views.beats))))
        found.append([ops.convert_to_numpy(part) for part in two_headed(list(some.parts), training=False)])
    logits, embeddings = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return logits.astype(np.float64), embeddings.astype(np.float32)

"""The trace network: three small encoders, one for each view, and their joined evidence. ``keras`` only."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from ml.leads.layouts import LEADS
from ml.trace_network.views import SHAPES

LOGITS, EMBEDDING = "logits", "embedding"


def build(outputs: int) -> keras.Model:
    """Build the untrained network.

    The filters over time are the same for all leads; only after them are the leads told apart.

    Args:
        outputs: number of logits.

    Returns:
        (beats, rhythm, measurements), as in `ml.trace_network.views.Views` with a batch axis → (N, outputs) logits.
        Its layer ``embedding`` (N, 144) is what they are drawn from.
    """
    beats, rhythm, measurements = (keras.Input(shape, name=name) for name, shape in SHAPES.items())
    joined = layers.Concatenate(name=EMBEDDING)([_beats(beats), _rhythm(rhythm), _measurements(measurements)])
    logits = layers.Dense(outputs, name=LOGITS)(layers.Dropout(0.4)(joined))
    return keras.Model([beats, rhythm, measurements], logits, name="trace_network")


def _beats(x: keras.KerasTensor) -> keras.KerasTensor:
    for filters, kernel, stride in ((32, 7, 1), (32, 5, 2), (48, 5, 2), (64, 5, 2)):
        x = layers.Conv2D(filters, (1, kernel), strides=(1, stride), padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.Conv2D(16, 1, activation="relu")(layers.Permute((2, 1, 3))(x))
    x = layers.Reshape((-1, 16 * len(LEADS)))(x)
    x = layers.SpatialDropout1D(0.1)(x)
    x = layers.Conv1D(96, 3, padding="same", use_bias=False)(x)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.Dropout(0.4)(layers.Flatten()(layers.AveragePooling1D(2)(x)))
    return layers.Dense(64, activation="relu", name="of_beats")(x)


def _rhythm(x: keras.KerasTensor) -> keras.KerasTensor:
    for filters, kernel in ((24, 9), (32, 7), (32, 7), (48, 5), (48, 5)):
        x = layers.Conv1D(filters, kernel, strides=2, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.Concatenate()([layers.GlobalAveragePooling1D()(x), layers.GlobalMaxPooling1D()(x)])
    return layers.Dense(32, activation="relu", name="of_rhythm")(layers.Dropout(0.4)(x))


def _measurements(x: keras.KerasTensor) -> keras.KerasTensor:
    x = layers.Dropout(0.2)(layers.Flatten()(x))
    return layers.Dense(48, activation="relu", name="of_measurements")(x)


def with_new_head(trained: keras.Model, outputs: int) -> keras.Model:
    """A network with everything of another but its logits."""
    fresh = build(outputs)
    for layer, source in zip(fresh.layers[:-1], trained.layers[:-1], strict=True):
        layer.set_weights(source.get_weights())
    return fresh


def together(networks: Sequence[keras.Model]) -> keras.Model:
    """Several networks as one: their mean logits, and their embeddings side by side.

    Returns:
        (beats, rhythm, measurements) → {``logits``: (N, classes), ``embedding``: (N, members, 144)}.
    """
    inputs = [keras.Input(shape, name=name) for name, shape in SHAPES.items()]
    logits, embeddings = [], []
    for index, network in enumerate(networks):
        member = keras.Model(
            network.inputs, [network.output, network.get_layer(EMBEDDING).output], name=f"member_{index}"
        )
        said, seen = member(inputs)
        logits.append(said)
        embeddings.append(layers.Reshape((1, -1))(seen))
    mean = layers.Average(name=LOGITS)(logits) if len(logits) > 1 else layers.Identity(name=LOGITS)(logits[0])
    beside = layers.Concatenate(axis=1, name=EMBEDDING)(embeddings) if len(embeddings) > 1 else embeddings[0]
    return keras.Model(inputs, {LOGITS: mean, EMBEDDING: beside}, name="trace_networks")

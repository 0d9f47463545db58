"""ImageNet weights for the published networks inside ours: from a local file, from Keras, or honestly none."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ml.architectures import REGISTRY
from ml.bundle import sha256_of

if TYPE_CHECKING:
    import keras

# Backbone → file in the weights folder. Made for Keras 3, without the classifier.
LOCAL_FILES: Final = {"mobilenet_v2": "mobilenetv2_1.00_224_tf2ptq_notop.weights.h5"}
# Normalisation was folded into this file's convolutions: its statistics must not move again.
FOLDED: Final = frozenset({"mobilenet_v2"})
CHOICES: Final = ("auto", "imagenet", "local", "none")


class WeightsUnavailable(Exception):
    """The weights that were asked for are not to be had."""


def initialise(model: keras.Model, architecture: str, *, wanted: str, folder: Path | None) -> dict[str, dict[str, Any]]:
    """Fill the backbones of a new network with ImageNet weights.

    Args:
        model: as built by the registry.
        architecture: its name there.
        wanted: ``local``, ``imagenet`` (downloaded by Keras), ``none``, or ``auto``: local, else download, else none.
        folder: where local files lie.

    Returns:
        Backbone → what it got: ``kind`` (``local``, ``imagenet``, ``none``), for a file its ``file`` and ``sha256``.

    Raises:
        WeightsUnavailable: what was asked for by name cannot be had.
    """
    return {
        backbone: _fill(
            model, backbone, wanted, folder / LOCAL_FILES[backbone] if folder and backbone in LOCAL_FILES else None
        )
        for backbone in REGISTRY[architecture].backbones
    }


def _fill(model: keras.Model, backbone: str, wanted: str, file: Path | None) -> dict[str, Any]:
    from ml.architectures.backbones import BUILDERS

    shape = (*model.input_shape[1:3], 3)
    if wanted in ("local", "auto") and file and file.is_file():
        source = BUILDERS[backbone](input_shape=shape, include_top=False, weights=None)
        source.load_weights(file)
        _copy(source, model)
        return {"kind": "local", "file": file.name, "sha256": sha256_of(file)}
    if wanted == "local":
        raise WeightsUnavailable(f"there is no local file of ImageNet weights for {backbone}")
    if wanted in ("imagenet", "auto"):
        try:
            _copy(BUILDERS[backbone](input_shape=shape, include_top=False, weights="imagenet"), model)
        # Whatever stands between us and the download, the run goes on without, or says so.
        except Exception as error:
            if wanted == "imagenet":
                raise WeightsUnavailable(f"ImageNet weights for {backbone} could not be fetched: {error}") from error
        else:
            return {"kind": "imagenet"}
    return {"kind": "none"}


def _copy(source: keras.Model, model: keras.Model) -> None:
    for layer, ours in matching_layers(source, model):
        ours.set_weights(layer.get_weights())


def matching_layers(source: keras.Model, model: keras.Model) -> list[tuple[keras.Layer, keras.Layer]]:
    """Pair the layers of a published network that have weights with the same layers inside one of ours.

    Most have names of their own; a few are numbered by Keras as they are made, so those go by kind and order.
    """
    named = {layer.name: layer for layer in model.layers}
    numbered: dict[str, list[keras.Layer]] = {}
    for layer in model.layers:
        numbered.setdefault(_without_number(layer.name), []).append(layer)
    return [
        (layer, named[layer.name] if layer.name in named else numbered[_without_number(layer.name)].pop(0))
        for layer in source.layers
        if layer.weights
    ]


def _without_number(name: str) -> str:
    return re.sub(r"_\d+$", "", name)

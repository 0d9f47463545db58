"""A network small enough to export in a second, with weights that tell pages apart."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ml.bundle import CARD, MODEL, Calibration, read_manifest, write_manifest
from ml.compiled_pass import graph_of, load_model
from ml.export.convert import convert
from ml.export.formats import FORMATS
from ml.export.pages import drawn
from ml.preprocessing import PreprocessingSpec

if TYPE_CHECKING:
    from pathlib import Path

    import keras

    from ml.bundle import BundleManifest
    from ml.export.exporting import Pages

SPEC = PreprocessingSpec(height=64, width=96)


def network(seed: int) -> keras.Model:
    """The kinds of operation that the registered networks have, batch normalisation and both poolings among them."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(seed)
    page = keras.Input((SPEC.height, SPEC.width, 1), name="page")
    x = layers.Rescaling(-1.0 / 255.0, offset=1.0)(page)
    for number, filters in enumerate((8, 12)):
        x = layers.Conv2D(filters, 5, strides=2, padding="same", use_bias=False)(x)
        x = layers.BatchNormalization()(x)
        # One activation that brings a gradient of its own, as EfficientNet's does.
        x = layers.ReLU(name="features")(x) if number else layers.Activation("silu")(x)
    x = layers.Concatenate()([layers.GlobalAveragePooling2D()(x), layers.GlobalMaxPooling2D()(x)])
    x = layers.Dropout(0.2)(x)
    x = layers.Dense(16, activation="relu")(x)
    model = keras.Model(page, layers.Dense(3)(x))
    # As after training: no statistic is 0 or 1. Narrow enough that drawn pages get different probabilities.
    generator = np.random.default_rng(seed)
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            spread = ((0.5, 1.5), (-0.1, 0.1), (-0.05, 0.05), (0.1, 0.2))
            weights = zip(spread, layer.get_weights(), strict=True)
            layer.set_weights([generator.uniform(*limits, weight.shape) for limits, weight in weights])
    return model


def sealed(model: keras.Model, folder: Path) -> BundleManifest:
    folder.mkdir()
    model.save(folder / MODEL)
    (folder / CARD).write_text("# Small\n\n## Calibration\n\nText.\n", encoding="utf-8")
    return write_manifest(
        folder,
        name="small",
        version="1.0.0",
        classes=("normal", "abnormal_heartbeat", "mi"),
        architecture="custom_cnn",
        attribution_layer="features",
        preprocessing=SPEC,
        calibration=Calibration(0.7, 0.5),
        metrics={},
    )


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> BundleManifest:
    """A bundle without exports."""
    return sealed(network(1), tmp_path_factory.mktemp("small") / "bundle")


@pytest.fixture(scope="session")
def other(tmp_path_factory: pytest.TempPathFactory) -> BundleManifest:
    """The same network with other weights."""
    return sealed(network(2), tmp_path_factory.mktemp("other") / "bundle")


@pytest.fixture(scope="session")
def wrong(other: BundleManifest) -> dict[str, bytes]:
    """Format → a sound export of the network with other weights."""
    graph = graph_of(load_model(other), other)
    return {name: convert(graph, FORMATS[name]) for name in ("onnx", "litert")}


@pytest.fixture(scope="session")
def pages() -> Pages:
    from ml.export.exporting import Pages

    inputs = drawn(4, SPEC)
    return Pages(inputs, "4 drawn pages", inputs[:2])


@pytest.fixture(scope="session")
def _exported(small: BundleManifest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle after the command, made once."""
    from ml.__main__ import main

    pytest.importorskip("tf2onnx", reason="tf2onnx is not installed (requirements-lab.txt)")
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed (requirements-lab.txt)")
    pytest.importorskip("ai_edge_litert", reason="ai-edge-litert is not installed (requirements-lab.txt)")
    folder = tmp_path_factory.mktemp("exported") / "bundle"
    formats = ["onnx", "litert", "litert-float16", "litert-dynamic"]
    arguments = ["export", str(small.folder), "--out", str(folder), "--pages", "4", "--rounds", "3"]
    assert main([*arguments, "--formats", *formats]) == 0
    return folder


@pytest.fixture
def exported(_exported: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return shutil.copytree(_exported, tmp_path / "exported")


@pytest.fixture
def manifest(exported: Path) -> BundleManifest:
    return read_manifest(exported)

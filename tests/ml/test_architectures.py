"""Every network of the registry builds, is flat, and speaks Keras only."""

from __future__ import annotations

import ast
from pathlib import Path

import keras
import numpy as np
import pytest

import ml.architectures
from ml.architectures import REGISTRY
from ml.architectures.backbones import BUILDERS
from ml.image_features import features
from ml.pretrained import matching_layers

NETWORKS = sorted(name for name, architecture in REGISTRY.items() if not architecture.classical)
CLASSICAL = sorted(set(REGISTRY) - set(NETWORKS))


@pytest.fixture(scope="module", params=NETWORKS)
def network(request: pytest.FixtureRequest) -> tuple[str, keras.Model]:
    return request.param, REGISTRY[request.param].build(4)


def test_a_network_turns_pages_into_logits(network: tuple[str, keras.Model]) -> None:
    name, model = network
    pages = np.random.default_rng(0).integers(0, 256, (2, *REGISTRY[name].input_size, 1)).astype(np.float32)
    logits = np.asarray(model(pages, training=False))
    assert logits.shape == (2, 4)
    assert np.isfinite(logits).all()
    assert not np.array_equal(logits[0], logits[1])


def test_a_network_is_one_flat_graph_whose_attribution_layer_keeps_the_place(network: tuple[str, keras.Model]) -> None:
    name, model = network
    nested = [layer.name for layer in model.layers if isinstance(layer, keras.Model)]
    # Keras writes ConvNeXt's stem and downsampling as small models of their own; all lie before its last maps.
    assert not nested or name == "convnext_tiny"
    _, rows, columns, _ = model.get_layer(REGISTRY[name].attribution_layer).output.shape
    assert min(rows, columns) >= 7


def test_published_networks_keep_layers_that_their_weights_fit(network: tuple[str, keras.Model]) -> None:
    name, model = network
    height, width = REGISTRY[name].input_size
    for backbone in REGISTRY[name].backbones:
        published = BUILDERS[backbone](input_shape=(height, width, 3), include_top=False, weights=None)
        pairs = matching_layers(published, model)
        assert (
            len({id(ours) for _, ours in pairs}) == len(pairs) == len([one for one in published.layers if one.weights])
        )
        for layer, ours in pairs:
            assert [weight.shape for weight in ours.weights] == [weight.shape for weight in layer.weights]


def test_multi_scale_attention_has_maps_between_0_and_1_at_three_depths() -> None:
    model = REGISTRY["efficientnet_b0_msa"].build(4)
    maps = keras.Model(model.input, [model.get_layer(f"spatial_attention_{n}").output for n in (1, 2, 3)])
    page = np.random.default_rng(0).integers(0, 256, (1, 224, 224, 1)).astype(np.float32)
    seen = [np.asarray(one) for one in maps(page, training=False)]
    assert [one.shape for one in seen] == [(1, 28, 28, 1), (1, 14, 14, 1), (1, 7, 7, 1)]
    assert all(one.min() >= 0 and one.max() <= 1 for one in seen)


@pytest.mark.parametrize("name", CLASSICAL)
def test_a_classical_pipeline_learns_what_is_plain_to_see(name: str) -> None:
    rng = np.random.default_rng(0)
    inputs = rng.integers(200, 256, (160, 384, 384), dtype=np.uint8)
    labels = np.arange(160) % 2
    inputs[labels == 1, 100:140] = 20
    described = features(inputs)
    assert described.shape == (160, 1760)
    pipeline = REGISTRY[name].build_pipeline(seed=1).fit(described[:120], labels[:120])
    assert (pipeline.predict(described[120:]) == labels[120:]).mean() == 1.0


def test_the_custom_cnn_has_about_423_thousand_parameters() -> None:
    assert REGISTRY["custom_cnn"].build(4).count_params() == pytest.approx(423_000, rel=0.01)


def test_networks_import_nothing_but_keras() -> None:
    for file in Path(ml.architectures.__file__).parent.glob("*.py"):
        tree = ast.parse(file.read_text())
        imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        imported |= {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
        assert not {name for name in imported if name and name.split(".")[0] in {"tensorflow", "torch", "jax"}}, file

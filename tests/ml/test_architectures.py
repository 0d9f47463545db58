"""Every network of the registry builds, is flat, and speaks Keras only."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest

import ml.architectures
from ml.architectures import REGISTRY


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_a_network_turns_pages_into_logits(name: str) -> None:
    architecture = REGISTRY[name]
    model = architecture.build(4)
    pages = np.random.default_rng(0).integers(0, 256, (2, *architecture.input_size, 1)).astype(np.float32)
    logits = np.asarray(model(pages, training=False))
    assert logits.shape == (2, 4)
    assert np.isfinite(logits).all()
    assert not np.allclose(logits[0], logits[1])


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_the_attribution_layer_keeps_the_place_on_the_page(name: str) -> None:
    layer = REGISTRY[name].build(4).get_layer(REGISTRY[name].attribution_layer)
    _, rows, columns, _ = layer.output.shape
    assert min(rows, columns) >= 12


def test_the_custom_cnn_has_about_423_thousand_parameters() -> None:
    assert REGISTRY["custom_cnn"].build(4).count_params() == pytest.approx(423_000, rel=0.01)


def test_networks_import_nothing_but_keras() -> None:
    for file in Path(ml.architectures.__file__).parent.glob("*.py"):
        tree = ast.parse(file.read_text())
        imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        imported |= {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
        assert not {name for name in imported if name and name.split(".")[0] in {"tensorflow", "torch", "jax"}}, file

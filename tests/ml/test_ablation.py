"""The ablation tells losses apart, on features whose classes are known to overlap."""

from __future__ import annotations

import numpy as np

from ml.ablation import VARIANTS, ablate
from ml.dataset import LabelledPage

RARE = 40


def test_adapting_to_the_recall_finds_more_of_the_rare_class_and_the_turned_sign_fewer() -> None:
    rng = np.random.default_rng(3)
    labels = np.array([0] * 360 + [1] * RARE)
    features = rng.normal(0.0, 1.0, (400, 4)).astype(np.float32)
    features[:, 0] += 1.2 * labels
    pages = [
        LabelledPage(file=f"{n}.png", label=("normal", "mi")[label], group=f"g{n}", strict=True)
        for n, label in enumerate(labels)
    ]
    order = rng.permutation(400)
    chosen = [variant for variant in VARIANTS if variant.adapted in {None, (1.0, 2.0), (-1.0, 2.0)}]
    split = order[:280], order[280:]
    found = ablate(
        features, pages, [split], ("normal", "mi"), variants=chosen, seeds=(1,), epochs=15, learning_rate=0.05
    )
    rare = {title: figures["per_class"]["mi"]["sensitivity"] for title, figures in found.items()}
    entropy, fixed, adaptive, turned = (rare[variant.title] for variant in chosen)
    assert adaptive > max(fixed, entropy), rare
    assert turned < adaptive, rare

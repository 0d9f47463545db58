"""From logits to answers: the promises that sets, thresholds and distances make."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ml.trace_network.answers import SET_COVERAGE, fit_rules
from ml.trace_network.nearness import Nearness, distances


def said(rng: np.random.Generator, pages: int) -> tuple[np.ndarray, np.ndarray]:
    """Overconfident logits of three classes, the last one rare."""
    labels = rng.choice(3, pages, p=[0.6, 0.3, 0.1])
    return 6 * (np.eye(3)[labels] + rng.normal(0, 0.55, (pages, 3))), labels


def test_sets_hold_the_right_class_as_often_as_promised_for_every_class(rng: np.random.Generator) -> None:
    rules = fit_rules(*said(rng, 3000), target_accuracy=0.95)
    logits, labels = said(rng, 6000)
    held = rules.sets(rules.probabilities(logits))[np.arange(len(labels)), labels]
    for index in range(3):
        assert held[labels == index].mean() == pytest.approx(SET_COVERAGE, abs=0.04)


def test_what_is_answered_is_right_as_often_as_wanted(rng: np.random.Generator) -> None:
    rules = fit_rules(*said(rng, 4000), target_accuracy=0.9)
    logits, labels = said(rng, 4000)
    probabilities = rules.probabilities(logits)
    answered = probabilities.max(axis=1) >= rules.calibration.threshold
    assert 0.4 < answered.mean() < 1
    assert (probabilities.argmax(axis=1) == labels)[answered].mean() == pytest.approx(0.9, abs=0.03)
    assert rules.calibration.temperature > 1, "these logits claim too much"


def test_the_most_probable_class_is_always_possible(rng: np.random.Generator) -> None:
    rules = fit_rules(*said(rng, 500), target_accuracy=0.9)
    probabilities = np.array([[0.334, 0.333, 0.332]])
    assert rules.sets(probabilities)[0, 0]
    assert rules.sets(np.array([[0.02, 0.97, 0.01]]))[0].tolist() == [False, True, False]


def test_a_class_with_few_pages_is_never_ruled_out(rng: np.random.Generator) -> None:
    logits, labels = said(rng, 300)
    few = np.concatenate([np.flatnonzero(labels != 2), np.flatnonzero(labels == 2)[:8]])
    rules = fit_rules(logits[few], labels[few], target_accuracy=0.9)
    assert rules.possible_from[2] == 0.0


def test_far_is_farther_than_near(rng: np.random.Generator, tmp_path: Path) -> None:
    known = rng.normal(0, 1, (200, 12)).astype(np.float32)
    usual = float(np.median(distances(rng.normal(0, 1, (200, 12)).astype(np.float32), known)))
    nearness = Nearness((known, known), np.array([usual, usual]), farthest=1.6)
    nearness.save(tmp_path / "nearness.npz")
    read = Nearness.load(tmp_path / "nearness.npz")
    near, far = np.zeros((2, 12), np.float32), np.full((2, 12), 6, np.float32)
    assert read.distance(near) < 1 < read.farthest < read.distance(far)
    assert read.distance(far) == pytest.approx(nearness.distance(far), rel=0.01)


def test_distance_to_a_known_page_counts_its_neighbours_too(rng: np.random.Generator) -> None:
    known = rng.normal(0, 1, (50, 4)).astype(np.float32)
    assert distances(known[:1], known)[0] > 0
    by_hand = np.sort(np.linalg.norm(known[:1] - known, axis=1))[:5].mean()
    assert distances(known[:1], known)[0] == pytest.approx(by_hand, abs=1e-3)

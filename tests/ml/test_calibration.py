"""Temperature and threshold on answers whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from ml.calibration import MIN_COVERAGE, fit_temperature, fit_threshold, softmax


def _honest_logits(pages: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Logits whose softmax is the true distribution of the labels drawn from it."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 1.5, (pages, 4))
    labels = np.array([rng.choice(4, p=row) for row in softmax(logits)])
    return logits, labels


def test_softmax_adds_up_and_survives_large_logits() -> None:
    rows = softmax(np.array([[1000.0, 1000.0], [-1000.0, 0.0]]))
    assert rows == pytest.approx(np.array([[0.5, 0.5], [0.0, 1.0]]))


@pytest.mark.parametrize("overconfidence", [0.5, 1.0, 3.0])
def test_the_temperature_undoes_a_known_overconfidence(overconfidence: float) -> None:
    logits, labels = _honest_logits(6000, seed=1)
    assert fit_temperature(logits * overconfidence, labels) == pytest.approx(overconfidence, rel=0.08)


def test_the_threshold_keeps_the_promised_accuracy_with_the_most_answers() -> None:
    logits, labels = _honest_logits(4000, seed=2)
    probabilities = softmax(logits)
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    threshold = fit_threshold(probabilities, labels, target_accuracy=0.7)
    answered = confidence >= threshold
    assert right[answered].mean() >= 0.7 - 0.01
    assert answered.mean() > MIN_COVERAGE
    looser = confidence >= threshold - 0.05
    assert right[looser].mean() < 0.7


def test_an_unreachable_accuracy_still_answers_half_of_the_pages() -> None:
    rng = np.random.default_rng(3)
    probabilities = softmax(rng.normal(size=(1000, 4)))
    labels = rng.integers(0, 4, 1000)
    threshold = fit_threshold(probabilities, labels, target_accuracy=0.99)
    assert (probabilities.max(axis=1) >= threshold).mean() == pytest.approx(MIN_COVERAGE, abs=0.03)

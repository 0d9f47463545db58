"""Focal losses give what their formulas say, and α and γ follow recall in the direction they should."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from ml.losses import CategoricalFocal, FocalAdaptation

LOGITS = np.array([[2.0, 0.5, -1.0], [0.1, 0.2, 0.3]], np.float32)
TARGETS = np.eye(3, dtype=np.float32)[[0, 2]]


def _softmax(logits: np.ndarray) -> np.ndarray:
    shifted = np.exp(logits)
    return shifted / shifted.sum(axis=1, keepdims=True)


def test_without_focus_it_is_weighted_cross_entropy() -> None:
    loss = CategoricalFocal([2.0, 1.0, 0.5], [0.0, 0.0, 0.0])
    own = float(loss(TARGETS, LOGITS))
    by_hand = -np.mean(np.array([2.0, 0.5]) * np.log(_softmax(LOGITS)[[0, 1], [0, 2]]))
    assert own == pytest.approx(by_hand, rel=1e-5)


def test_focus_follows_the_published_formula_class_by_class() -> None:
    own = float(CategoricalFocal([1.0, 1.0, 3.0], [2.0, 1.0, 0.5])(TARGETS, LOGITS))
    p = _softmax(LOGITS)[[0, 1], [0, 2]]
    by_hand = -np.mean(np.array([1.0, 3.0]) * (1 - p) ** np.array([2.0, 0.5]) * np.log(p))
    assert own == pytest.approx(by_hand, rel=1e-5)


def test_it_survives_certainty_and_being_saved() -> None:
    loss = CategoricalFocal([1.0, 2.0, 3.0], [0.5, 0.5, 0.5], label_smoothing=0.05)
    assert np.isfinite(float(loss(TARGETS, LOGITS * 1000)))
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    assert float(again(TARGETS, LOGITS)) == pytest.approx(float(loss(TARGETS, LOGITS)), rel=1e-6)


def _adapted(recall: list[float], **settings: float) -> FocalAdaptation:
    adaptation = FocalAdaptation([100, 100, 100], warm_up=0, **settings)  # type: ignore[arg-type]
    adaptation.observe(recall)
    return adaptation


def test_a_class_found_too_rarely_gains_weight_and_focus() -> None:
    adaptation = _adapted([0.9, 0.5, 0.1])
    assert adaptation.alpha[2] > adaptation.alpha[1] > adaptation.alpha[0]
    assert adaptation.gamma == pytest.approx([1.2, 2.0, 2.8])
    assert adaptation.alpha.mean() == pytest.approx(1.0)


def test_the_sign_of_the_slope_turns_the_focus_around() -> None:
    assert _adapted([0.9, 0.5, 0.1], k=-2.0).gamma == pytest.approx([2.8, 2.0, 1.2])


def test_gamma_and_alpha_stay_in_their_bounds() -> None:
    adaptation = _adapted([1.0, 1.0, 0.0], k=50.0, tau=5.0)
    assert adaptation.gamma.min() == 0.5
    assert adaptation.gamma.max() == 4.0
    assert adaptation.alpha.max() / adaptation.alpha.min() <= 16.0 + 1e-9


def test_rare_classes_start_with_more_weight_and_nothing_moves_while_warming_up() -> None:
    adaptation = FocalAdaptation([600, 200], warm_up=2)
    start = adaptation.alpha.copy()
    assert start[1] > start[0]
    adaptation.observe([1.0, 0.0])
    adaptation.observe([1.0, 0.0])
    assert adaptation.alpha == pytest.approx(start)
    adaptation.observe([1.0, 0.0])
    assert adaptation.alpha[1] > start[1]


def test_recall_is_smoothed_and_the_state_comes_back() -> None:
    adaptation = FocalAdaptation([1, 1], momentum=0.5)
    adaptation.observe([1.0, 0.0])
    adaptation.observe([0.0, 0.0])
    assert adaptation.state() == {"recall": [0.5, 0.0], "epochs": 2}
    again = FocalAdaptation([1, 1], momentum=0.5)
    again.restore(adaptation.state())
    again.observe([0.5, 0.0])
    assert again.state() == {"recall": [0.5, 0.0], "epochs": 3}

"""Curves, held against points counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from ml.curves import average_precision, pr_points, reliability, risk_coverage, roc_points

SCORES = np.array([0.9, 0.8, 0.8, 0.3])
POSITIVE = np.array([True, True, False, False])


def test_a_roc_curve_takes_equal_scores_together() -> None:
    false, true = roc_points(SCORES, POSITIVE)
    assert false.tolist() == [0, 0, 0.5, 1]
    assert true.tolist() == [0, 0.5, 1, 1]


def test_a_precision_recall_curve_has_the_points_counted_by_hand() -> None:
    recall, precision = pr_points(SCORES, POSITIVE)
    assert recall.tolist() == [0.5, 1, 1]
    assert precision.tolist() == pytest.approx([1, 2 / 3, 0.5])
    assert average_precision(SCORES, POSITIVE) == pytest.approx(0.5 + 0.5 * 2 / 3)


def test_average_precision_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    scores, positive = rng.integers(20, size=200) / 20, rng.random(200) < 0.3
    assert average_precision(scores, positive) == pytest.approx(metrics.average_precision_score(positive, scores))
    false, true = roc_points(scores, positive)
    assert metrics.auc(false, true) == pytest.approx(metrics.roc_auc_score(positive, scores))


def test_a_curve_without_one_of_the_kinds_is_refused() -> None:
    with pytest.raises(ValueError, match="ROC"):
        roc_points(SCORES, np.ones(4, bool))
    with pytest.raises(ValueError, match="recall"):
        pr_points(SCORES, np.zeros(4, bool))


def test_reliability_counts_pages_in_their_bins() -> None:
    bins = reliability(np.array([0.51, 0.59, 1.0]), np.array([True, False, True]))
    assert [found.pages for found in bins] == [0, 0, 0, 0, 0, 2, 0, 0, 0, 1]
    assert (bins[5].confidence, bins[5].accuracy) == (pytest.approx(0.55), 0.5)
    assert bins[0].accuracy is None


def test_risk_grows_with_coverage_where_confidence_is_earned() -> None:
    coverage, risk = risk_coverage(np.array([0.9, 0.8, 0.7, 0.6]), np.array([True, True, False, False]))
    assert coverage.tolist() == [0.25, 0.5, 0.75, 1]
    assert risk.tolist() == pytest.approx([0, 0, 1 / 3, 0.5])

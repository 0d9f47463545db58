"""The figures, held against an independent implementation and against what is known."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from ml.evaluation import (
    Answers,
    accuracy,
    auroc,
    balanced_accuracy,
    bootstrap,
    brier,
    confusion,
    evaluate,
    expected_calibration_error,
    macro_auroc,
    macro_f1,
)

CLASSES = ("normal", "abnormal_heartbeat", "history_mi", "mi")


@pytest.fixture(scope="module")
def answers() -> Answers:
    rng = np.random.default_rng(4)
    labels = rng.choice(4, size=300, p=[0.6, 0.25, 0.1, 0.05])
    scores = rng.normal(size=(300, 4))
    scores[np.arange(300), labels] += 1.2
    probabilities = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    return Answers(probabilities, labels, np.array([f"g{page // 3}" for page in range(300)]))


def test_the_figures_agree_with_scikit_learn(answers: Answers) -> None:
    answered = answers.probabilities.argmax(axis=1)
    assert accuracy(answers) == pytest.approx(metrics.accuracy_score(answers.labels, answered))
    assert balanced_accuracy(answers) == pytest.approx(metrics.balanced_accuracy_score(answers.labels, answered))
    assert macro_f1(answers) == pytest.approx(metrics.f1_score(answers.labels, answered, average="macro"))
    assert macro_auroc(answers) == pytest.approx(
        metrics.roc_auc_score(answers.labels, answers.probabilities, multi_class="ovr", average="macro")
    )
    assert np.array_equal(confusion(answers), metrics.confusion_matrix(answers.labels, answered))


def test_auroc_counts_ties_half_and_is_unknown_without_both_kinds() -> None:
    assert auroc(np.array([0.5, 0.5]), np.array([True, False])) == 0.5
    assert np.isnan(auroc(np.array([0.1, 0.9]), np.array([True, True])))


def test_a_perfect_and_a_boastful_answer() -> None:
    truth = np.eye(2)[[0, 1, 0, 1]]
    groups = np.array(list("abcd"))
    perfect = Answers(truth, np.array([0, 1, 0, 1]), groups)
    boastful = Answers(truth, np.array([1, 0, 0, 1]), groups)
    assert (brier(perfect), expected_calibration_error(perfect)) == (0.0, 0.0)
    assert brier(boastful) == pytest.approx(1.0)
    assert expected_calibration_error(boastful) == pytest.approx(0.5)


def test_groups_are_resampled_whole_so_repeated_pages_do_not_narrow_the_interval() -> None:
    rng = np.random.default_rng(5)
    labels = rng.integers(0, 2, 40)
    probabilities = rng.dirichlet([1, 1], 40)
    once = Answers(probabilities, labels, np.array([f"g{page}" for page in range(40)]))
    copied = once.at(np.repeat(np.arange(40), 8))
    widths = [high - low for low, high in (bootstrap(some, [accuracy], seed=1)[0] for some in (once, copied))]
    assert widths[1] == pytest.approx(widths[0], rel=0.15)


def test_the_report_counts_what_it_was_given(answers: Answers) -> None:
    report = evaluate(answers, CLASSES, threshold=0.6)
    assert (report["pages"], report["groups"]) == (300, 100)
    assert sum(row["pages"] for row in report["per_class"].values()) == 300
    for figure in report["headline"].values():
        assert figure["low"] <= figure["value"] <= figure["high"]
    assert 0 < report["headline"]["coverage"]["value"] < 1
    assert report["headline"]["accuracy_when_answered"]["value"] > report["headline"]["accuracy"]["value"]


def test_a_class_without_pages_has_no_figures_rather_than_zero(answers: Answers) -> None:
    without = answers.at(np.flatnonzero(answers.labels != 3))
    row = evaluate(without, CLASSES, threshold=0.5)["per_class"]["mi"]
    assert row["sensitivity"] is None
    assert row["auroc"] is None

"""A search over pipelines keeps groups together, stays within the training pages, goes on where it stopped."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ml.automl.classical import SPACE, Pages, search

if TYPE_CHECKING:
    from pathlib import Path


def _pages(*, told_by_group: bool) -> Pages:
    """Forty groups of four pages. What a page shows is either its class, or only which group it is of."""
    rng = np.random.default_rng(4)
    groups = np.repeat(np.arange(40), 4)
    labels = rng.permutation(np.arange(40) % 4)[groups]
    own = rng.normal(size=(40, 24))[groups] if told_by_group else np.eye(4)[labels].repeat(6, axis=1)
    described = (own + rng.normal(scale=0.05, size=(160, 24))).astype(np.float32)
    return Pages(described, labels, np.array([f"g{group}" for group in groups]), np.ones(160, bool))


def test_what_only_tells_groups_apart_is_worth_nothing_since_none_is_on_both_sides(tmp_path: Path) -> None:
    pages = _pages(told_by_group=True)
    found = search(pages, ["svm"], tmp_path / "log", minutes=2, seed=1, trials=3, say=lambda line: None)
    # With pages of one group on both sides, every page would have three near-twins to be known by.
    assert found.figure < 0.75
    found = search(
        _pages(told_by_group=False), ["svm"], tmp_path / "other", minutes=2, seed=1, trials=3, say=lambda line: None
    )
    assert found.figure > 0.95


def test_a_search_goes_on_from_its_log_and_takes_the_best_of_both(tmp_path: Path) -> None:
    log, said = tmp_path / "study" / "log", list[str]()
    pages = _pages(told_by_group=False)
    first = search(pages, ["svm", "logistic_regression"], log, minutes=2, seed=1, trials=2, say=said.append)
    second = search(pages, ["svm", "logistic_regression"], log, minutes=2, seed=1, trials=2, say=said.append)
    assert (first.tried, second.tried) == (2, 4)
    assert second.figure >= first.figure
    assert set(second.settings) == set(SPACE[second.architecture])
    assert json.loads(json.dumps(second.settings)) == second.settings
    assert len(said) == 4
    assert search(pages, ["svm"], log, minutes=0, seed=1) == second, "without minutes the log alone is read"
    assert "macro AUROC" in said[0]
    assert "min left" in said[0]


def test_settings_that_cannot_be_fitted_cost_one_try(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ml.automl.classical import Knob

    # More than all features in each split: scikit-learn refuses the start of the search.
    knobs = {
        "randomforestclassifier__n_estimators": Knob(5, 9, 6, whole=True),
        "randomforestclassifier__max_features": Knob(0.1, 3.0, 2.9),
    }
    monkeypatch.setitem(SPACE, "random_forest", knobs)
    said: list[str] = []
    pages = _pages(told_by_group=False)
    found = search(pages, ["random_forest"], tmp_path / "log", minutes=2, seed=1, trials=5, say=said.append)
    assert "failed: InvalidParameterError" in said[0]
    assert found.settings["randomforestclassifier__max_features"] <= 1.0


def test_too_few_groups_are_said_in_a_sentence(tmp_path: Path) -> None:
    pages = _pages(told_by_group=False)
    few = Pages(pages.described[:12], pages.labels[:12], pages.groups[:12], pages.strict[:12])
    with pytest.raises(ValueError, match="recording groups"):
        search(few, ["svm"], tmp_path / "log", minutes=1, seed=1)

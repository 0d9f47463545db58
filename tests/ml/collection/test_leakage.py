"""The figures of leakage, on cases that can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from ml.collection.duplicates import joined
from ml.collection.leakage import cell_rule, cramers_v, random_split_leak


def test_no_file_leaks_where_each_is_one_of_a_kind() -> None:
    (share,) = random_split_leak([np.arange(50)], np.ones(50, int), seeds=20)
    assert share == {"mean": 0, "sd": 0, "low": 0, "high": 0}


def test_files_that_are_all_the_same_leak_wholly() -> None:
    (share,) = random_split_leak([np.zeros(5, int)], np.full(5, 10), seeds=20)
    assert share["low"] == 1


def test_a_set_of_pairs_leaks_as_chance_has_it() -> None:
    # The twin of a test file is among the 160 of 199 other files that are trained on.
    (share,) = random_split_leak([np.arange(100)], np.full(100, 2), seeds=3000)
    assert share["mean"] == pytest.approx(160 / 199, abs=0.01)
    assert share["sd"] > 0


def test_cramers_v_runs_from_independence_to_identity() -> None:
    labels = ["a", "a", "b", "b"] * 10
    assert cramers_v(labels, ["x", "x", "y", "y"] * 10) == pytest.approx(1)
    assert cramers_v(labels, ["x", "y", "x", "y"] * 10) == pytest.approx(0)
    assert cramers_v(labels, ["x"] * 40) == 0


def test_print_style_that_tells_the_class_is_seen_to_tell_it() -> None:
    labels = ["normal"] * 30 + ["mi"] * 20
    told = cell_rule(["4x2.5"] * 30 + ["2x5"] * 20, labels, np.arange(50))
    silent = cell_rule(["4x2.5"] * 50, labels, np.arange(50))
    assert told is not None
    assert silent is not None
    assert told["accuracy"] == 1
    assert silent["accuracy"] == silent["always_majority"] == pytest.approx(0.6)


def test_too_few_groups_give_no_figure() -> None:
    assert cell_rule(["x"] * 6, ["a", "b"] * 3, np.zeros(6, int)) is None


def test_links_join_what_they_reach() -> None:
    assert joined(6, [(4, 1), (1, 3), (0, 5)]).tolist() == [0, 1, 2, 1, 1, 0]
    assert joined(3, [(1, 2), (0, 2)]).tolist() == [0, 0, 0]

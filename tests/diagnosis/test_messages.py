"""Every code that can reach a user has its sentence."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from diagnosis import messages
from ml.page import GRID_NOT_FOUND

ML = Path(__file__).resolve().parents[2] / "ml"


def codes_raised_in_ml() -> list[str]:
    calls = (
        node
        for file in sorted(ML.rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "PageRejected"
    )
    return sorted({call.args[0].value for call in calls if isinstance(call.args[0], ast.Constant)})  # type: ignore[misc]


@pytest.mark.parametrize("code", codes_raised_in_ml())
def test_a_refusal_of_the_reader_has_words_of_ours(code: str) -> None:
    assert code in messages.REFUSALS | messages.REFUSALS_NAMING | messages.REJECTIONS


def test_the_codes_were_found() -> None:
    assert {"empty_file", "damaged_file", "not_an_ecg_page"} <= set(codes_raised_in_ml())


def test_a_warning_has_words() -> None:
    assert messages.warning(GRID_NOT_FOUND) != GRID_NOT_FOUND.replace("_", " ")


def test_unknown_codes_still_make_a_sentence() -> None:
    assert messages.refusal("new_code").endswith(".")
    assert messages.reason("new_code").endswith(".")
    assert messages.reason("new_code", "Turn the page.") == "Turn the page."

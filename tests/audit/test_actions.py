"""Every action that is recorded has its words in the table."""

from __future__ import annotations

import re
from pathlib import Path

from accounts.audit.actions import Action

REPOSITORY = Path(__file__).resolve().parents[2]


def test_a_name_written_in_the_code_stands_in_the_table():
    known = {*Action.values}
    used = {
        (path.name, name)
        for room in ("accounts", "diagnosis", "ecgsite")
        for path in (REPOSITORY / room).rglob("*.py")
        for name in re.findall(r'\brecord\(\s*"([^"]+)"', path.read_text())
    }

    assert {(file, name) for file, name in used if name not in known} == set()


def test_every_action_of_the_table_is_recorded_somewhere():
    code = "".join(
        path.read_text()
        for room in ("accounts", "diagnosis")
        for path in (REPOSITORY / room).rglob("*.py")
        if path.name != "actions.py"
    )

    assert [action.name for action in Action if f"Action.{action.name}" not in code and action.value not in code] == []


def test_names_say_the_thing_and_what_happened_to_it():
    assert [name for name in Action.values if not re.fullmatch(r"[a-z_]+\.[a-z_]+", name)] == []

"""``verify_audit`` finds whatever was done to the log behind its back."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.audit import triggers, verification
from accounts.audit.chain import hash_of
from accounts.audit.log import record
from accounts.audit.models import Entry
from tests.audit.conftest import Tamper


def verify(**options: Any) -> str:
    out = io.StringIO()
    call_command("verify_audit", stdout=out, **options)
    return out.getvalue()


def test_a_log_that_nobody_touched_is_right(log: list[Entry]):
    assert verify() == f"5 entries are as they were written.\nhead 5:{log[-1].hash}\n"


def test_an_empty_log_is_right(db: None):
    assert verify() == "0 entries are as they were written.\n"


COPY = (
    "INSERT INTO audit_entry (id, at, action, actor_id, actor_name, site_id, target_type, target_id, address,"
    " request_id, details, previous_hash, hash) SELECT {id}, at, action, actor_id, actor_name, site_id, target_type,"
    " target_id, address, request_id, details, previous_hash, hash FROM audit_entry WHERE id = 5"
)


@pytest.mark.parametrize(
    ("statement", "right", "found"),
    [
        ("UPDATE audit_entry SET actor_name = 'mallory' WHERE id = 3", 2, "entry 3 was changed"),
        ("UPDATE audit_entry SET details = '{\"number\": 7}' WHERE id = 1", 0, "entry 1 was changed"),
        ("UPDATE audit_entry SET at = '2026-01-01 00:00:00+00:00' WHERE id = 4", 3, "entry 4 was changed"),
        ("UPDATE audit_entry SET address = '203.0.113.9' WHERE id = 5", 4, "entry 5 was changed"),
        ("UPDATE audit_entry SET actor_id = NULL WHERE id = 2", 1, "entry 2 was changed"),
        ("UPDATE audit_entry SET site_id = 99 WHERE id = 2", 1, "entry 2 was changed"),
        ("DELETE FROM audit_entry WHERE id = 2", 1, "entry 2 is missing"),
        ("DELETE FROM audit_entry WHERE id IN (2, 3)", 1, "the entries 2 to 3 are missing"),
        ("DELETE FROM audit_entry WHERE id > 3", 3, "the entries 4 to 5 at the end are missing"),
        ("DELETE FROM audit_entry", 0, "the entries 1 to 5 at the end are missing"),
        (COPY.format(id=6), 5, "entry 6 stands behind the head"),
        (COPY.format(id=0), 0, "entry 0 was inserted"),
        ("DELETE FROM audit_head", 0, "entry 5 stands behind the head"),
        ("UPDATE audit_head SET position = 4", 4, "the head of the chain does not belong to the last entry, 4"),
        ("UPDATE audit_head SET hash = 'another'", 5, "the head of the chain does not belong to the last entry, 5"),
    ],
)
def test_the_first_thing_that_is_wrong_is_named(
    log: list[Entry], tamper: Tamper, statement: str, right: int, found: str
):
    tamper(statement)

    verdict = verification.verify()

    assert verdict.right == right
    assert verdict.broken.startswith(found)
    with pytest.raises(CommandError, match=re.escape(found)) as refused:
        verify()
    assert refused.value.returncode == 1


def test_an_entry_changed_with_a_new_hash_of_its_own_breaks_the_next(log: list[Entry], tamper: Tamper):
    forged = log[2]
    forged.actor_name = "mallory"
    tamper(f"UPDATE audit_entry SET actor_name = 'mallory', hash = '{hash_of(forged)}' WHERE id = 3")

    assert verification.verify().broken.startswith("entry 4 does not follow")


def forge_the_end(log: list[Entry], tamper: Tamper) -> None:
    """What somebody who owns the database and knows this program can do: write the whole end anew."""
    tamper("DELETE FROM audit_entry WHERE id > 3")
    tamper(f"UPDATE audit_head SET position = 3, hash = '{log[2].hash}'")
    record("page.viewed", actor=None)


def test_a_chain_written_anew_shows_only_against_a_head_kept_elsewhere(log: list[Entry], tamper: Tamper):
    kept = verify(head=True).strip()
    assert kept == f"5:{log[-1].hash}"
    record("page.viewed", actor=None)
    assert "6 entries" in verify(expect=kept)
    assert "6 entries" in verify(expect=log[-1].hash.upper())

    forge_the_end(log, tamper)

    assert "4 entries" in verify()
    with pytest.raises(CommandError, match="cut off or written anew"):
        verify(expect=kept)


def test_a_head_that_is_none_is_refused_before_anything_is_read(db: None):
    with pytest.raises(CommandError, match="POSITION:HASH"):
        verify(expect="yesterday's")


def test_a_log_that_the_database_no_longer_guards_is_not_called_right(log: list[Entry]):
    triggers.remove(connection)

    with pytest.raises(CommandError, match="audit_entry_follows, audit_entry_keeps"):
        verify()


def test_a_long_log_is_walked_in_chunks(log: list[Entry], tamper: Tamper, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(verification, "CHUNK", 2)
    assert verification.verify().right == 5

    tamper("UPDATE audit_entry SET action = 'nothing' WHERE id = 5")

    assert verification.verify().broken == "entry 5 was changed"

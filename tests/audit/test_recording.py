"""An entry: what it says, where it stands in the chain, and that nobody changes it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import IntegrityError, connection, transaction
from django.test import RequestFactory

from accounts.audit.actions import Action, word
from accounts.audit.chain import hash_of
from accounts.audit.log import record
from accounts.audit.models import GENESIS, AppendOnly, Entry, Head
from accounts.models import Site, User

pytestmark = pytest.mark.django_db


def test_an_entry_says_who_did_what_to_which_row_where(clinician: User, site: Site, rf: RequestFactory):
    request = rf.get("/", REMOTE_ADDR="203.0.113.5")
    before = datetime.now(UTC)

    record(Action.PAGE_VIEWED, actor=clinician, target=site, site=site, details={"by": "browser"}, request=request)

    entry = Entry.objects.get()
    assert (entry.pk, entry.action, entry.action_word) == (1, "page.viewed", "Viewed a page and its reading")
    assert (entry.actor, entry.actor_name) == (clinician, "carla")
    assert (entry.target_type, entry.target_id, entry.site) == ("accounts.site", str(site.pk), site)
    assert (entry.address, entry.details) == ("203.0.113.5", {"by": "browser"})
    assert before <= entry.at <= datetime.now(UTC)
    assert entry.request_id


def test_the_machine_itself_and_nobody_have_neither_name_nor_address(db: None):
    record("model.activated", actor=None)
    record("history.searched", actor=AnonymousUser())

    assert set(Entry.objects.values_list("actor", "actor_name", "address", "request_id")) == {(None, "", "", "")}


def test_each_entry_follows_the_one_before(clinician: User):
    first, second, third = (record(Action.LOGGED_IN, actor=clinician) for _ in range(3))

    assert [first.pk, second.pk, third.pk] == [1, 2, 3]
    assert first.previous_hash == GENESIS
    assert (second.previous_hash, third.previous_hash) == (first.hash, second.hash)
    assert len({first.hash, second.hash, third.hash}) == 3
    assert first.at <= second.at <= third.at
    assert str(Head.objects.get()) == f"3:{third.hash}"


@pytest.mark.parametrize(
    "details",
    [
        {},
        {"share": 0.1, "small": 1e-7, "big": 2**60, "none": None, "yes": True},
        {"words": ["ä", "☃", "\U0001f40d", 'quote " and \\'], "b": {"z": 1, "a": 2}},
        {"day": datetime(2026, 1, 31, 12, tzinfo=UTC), 7: "a key that is no text"},
    ],
)
def test_an_entry_read_back_has_the_hash_it_was_written_with(clinician: User, details: dict[Any, Any]):
    record(Action.PAGE_VIEWED, actor=clinician, details=details)

    entry = Entry.objects.get()

    assert hash_of(entry) == entry.hash


def test_an_entry_falls_with_the_change_it_speaks_of_and_leaves_no_gap(clinician: User):
    with transaction.atomic():
        record(Action.PAGE_DELETED, actor=clinician)
        transaction.set_rollback(True)

    assert not Entry.objects.exists()
    assert record(Action.PAGE_VIEWED, actor=clinician).pk == 1


@pytest.mark.parametrize(
    "attempt",
    [
        lambda entry: entry.save(),
        lambda entry: entry.delete(),
        lambda entry: Entry.objects.update(action="nothing"),
        lambda entry: Entry.objects.filter(pk=entry.pk).delete(),
        lambda entry: Entry.objects.bulk_update([entry], ["action"]),
        lambda entry: Entry.objects.bulk_create([Entry(pk=2, at=entry.at)]),
    ],
)
def test_the_model_neither_changes_nor_deletes(attempt: Any):
    entry = record("page.viewed", actor=None)

    with pytest.raises(AppendOnly):
        attempt(entry)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entry SET action = 'nothing'",
        "DELETE FROM audit_entry",
        "DELETE FROM audit_head",
        "UPDATE audit_head SET hash = 'another'",
        "UPDATE audit_head SET position = 0",
        # A second entry at the same place, and one that does not follow the last.
        "INSERT INTO audit_entry SELECT * FROM audit_entry WHERE id = 1",
    ],
)
def test_the_database_refuses_too(statement: str):
    record("page.viewed", actor=None)

    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)

    assert Entry.objects.get().action == "page.viewed"


def test_replacing_a_row_in_sqlite_is_refused_as_well():
    if connection.vendor != "sqlite":
        pytest.skip("only SQLite knows INSERT OR REPLACE")
    record("page.viewed", actor=None)

    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("INSERT OR REPLACE INTO audit_entry SELECT * FROM audit_entry WHERE id = 1")


def test_a_person_with_entries_cannot_be_deleted(clinician: User):
    record(Action.LOGGED_IN, actor=clinician)

    with pytest.raises(IntegrityError):
        clinician.delete()


def test_a_head_that_was_lost_is_found_again_at_the_last_entry():
    from accounts.audit import triggers

    record("page.viewed", actor=None)
    with triggers.lifted(connection):
        Head.objects.all().delete()

    assert record("page.viewed", actor=None).pk == 2


@pytest.mark.parametrize(
    ("given", "kept"), [("abc-1.2:3_4", True), ("no spaces", False), ("x" * 65, False), ("", False)]
)
def test_the_request_id_is_that_of_the_log_lines_if_it_can_be_one(rf: RequestFactory, given: str, kept: bool):
    request = rf.get("/", headers={"X-Request-ID": given})

    assert (record("page.viewed", actor=None, request=request).request_id == given) is kept


def test_an_action_that_the_table_does_not_know_reads_as_its_name():
    assert word("report.sealed_with_wax") == "report.sealed_with_wax"

"""``manage.py flush`` and tests that commit."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from accounts.audit import triggers
from accounts.audit.log import record
from accounts.audit.models import Entry


def test_a_database_with_a_log_is_not_flushed(db: None, settings: Any):
    settings.ISOLINE_AUDIT_FLUSH_ALLOWED = False
    record("page.viewed", actor=None)

    with pytest.raises(CommandError, match="only grows"):
        call_command("flush", interactive=False, verbosity=0)

    assert Entry.objects.count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("time", ["first", "second"])
def test_each_test_that_commits_finds_an_empty_log_that_is_guarded(time: str):
    assert record("page.viewed", actor=None).pk == 1
    assert not triggers.missing(connection)

    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM audit_entry")

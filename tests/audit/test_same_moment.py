"""Many who record at the same moment make one chain; the whole room on PostgreSQL."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.db import connection, transaction

from accounts.audit import verification
from accounts.audit.log import record
from accounts.audit.models import Entry

REPOSITORY = Path(__file__).resolve().parents[2]


def record_some(writer: int) -> None:
    try:
        for number in range(10):
            with transaction.atomic():
                record("page.viewed", actor=None, details={"writer": writer, "number": number})
                # Every third is taken back, as by a request that fails.
                transaction.set_rollback(number % 3 == 0)
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
def test_writers_at_the_same_moment_neither_fork_the_chain_nor_leave_gaps():
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(record_some, range(4)))

    assert Entry.objects.count() == 4 * 6
    verdict = verification.verify()
    assert (verdict.right, verdict.broken) == (24, "")
    for writer in range(4):
        numbers = Entry.objects.filter(details__writer=writer).order_by("pk").values_list("details__number", flat=True)
        assert list(numbers) == [1, 2, 4, 5, 7, 8]


@pytest.mark.services
def test_all_of_this_holds_on_postgresql(postgres_url: str):
    # A name of its own, so that it gets in the way of no other run; pytest-django makes and drops the database.
    private = urlunsplit(urlsplit(postgres_url)._replace(path=f"/audit_{os.getpid()}"))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not services", "tests/audit"]

    result = subprocess.run(
        command,
        cwd=REPOSITORY,
        env={**os.environ, "DATABASE_URL": private},
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )

    assert result.returncode == 0, result.stdout

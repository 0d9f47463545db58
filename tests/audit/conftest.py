"""A log with a few entries, and the means to tamper with it as somebody who owns the database could."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection

from accounts.audit import triggers
from accounts.audit.log import record
from accounts.audit.models import Entry
from accounts.models import User
from tests.views.conftest import (  # noqa: F401  (fixtures)
    browser,
    colleague,
    fail,
    model,
    nobody,
    read,
    reject,
    signed_in,
    start,
    take_in,
)

Tamper = Callable[[str], None]


@pytest.fixture
def log(clinician: User) -> list[Entry]:
    """Five entries."""
    return [record("page.viewed", actor=clinician, details={"number": number}) for number in range(5)]


@pytest.fixture
def tamper(db: None) -> Tamper:
    """Run a statement that the database would refuse, and leave no trace of how."""

    def run(statement: str) -> None:
        triggers.remove(connection)
        with connection.cursor() as cursor:
            cursor.execute(statement)
        triggers.install(connection)

    return run

"""Django's ``flush``, which empties every table, with the audit log in mind."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.core.management.commands import flush
from django.db import DEFAULT_DB_ALIAS, connections

from accounts.audit import triggers


class Command(flush.Command):
    """The triggers that guard the log are lifted for the one transaction that empties it.

    Only where the settings allow it, which are those of tests: Django runs this command after every test that commits.
    """

    def handle(self, **options: Any) -> None:
        if not settings.ISOLINE_AUDIT_FLUSH_ALLOWED:
            raise CommandError("This database keeps an audit log, which only grows; it is not emptied.")
        with triggers.lifted(connections[options.get("database") or DEFAULT_DB_ALIAS]):
            super().handle(**options)

"""``verify_audit``: is the audit log as it was written?"""

from __future__ import annotations

import re
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.audit import verification

_HEAD: Final = re.compile(r"(\d+:)?[0-9a-f]{64}")


class Command(BaseCommand):
    help = "Check the hash chain of the audit log. Ends with status 1 at the first entry that is not as it was written."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--expect",
            default="",
            metavar="HEAD",
            help="a head printed earlier and kept elsewhere; the log must still hold it",
        )
        parser.add_argument(
            "--head",
            action="store_true",
            help="print nothing but the verified head, POSITION:HASH, to be kept elsewhere",
        )

    def handle(self, *args: Any, expect: str, head: bool, **options: Any) -> None:
        expected = expect.strip().lower()
        if expected and not _HEAD.fullmatch(expected):
            raise CommandError("--expect takes a head as this command prints it: POSITION:HASH, or the 64-digit hash.")
        verdict = verification.verify(expected)
        if not head:
            self.stdout.write(f"{verdict.right} entries are as they were written.")
            if verdict.head:
                self.stdout.write(f"head {verdict.head}")
        problems = [f"The audit log is broken: {verdict.broken}."] if verdict.broken else []
        if verdict.unguarded:
            names = ", ".join(verdict.unguarded)
            problems.append(f"The database no longer refuses changes, triggers are missing: {names}.")
        if problems:
            raise CommandError("\n".join(problems), returncode=1)
        if head:
            self.stdout.write(verdict.head)

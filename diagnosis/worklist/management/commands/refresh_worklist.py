"""``manage.py refresh_worklist [--missing]``"""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from diagnosis.worklist import standing


class Command(BaseCommand):
    help = (
        "Work out anew where every page stands in the worklist. Needed only after rows were changed past Isoline, "
        "for example by SQL or by loading a part of a backup. Safe to repeat, and while Isoline runs."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--missing", action="store_true", help="only pages that the worklist does not know yet")

    def handle(self, *args: Any, missing: bool, **options: Any) -> None:
        count = standing.refresh_all(only_missing=missing)
        self.stdout.write(f"{count} page(s) worked out anew")

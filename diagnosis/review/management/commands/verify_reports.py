"""Look for signed reports that were changed behind Isoline's back."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from diagnosis.review import signing
from diagnosis.review.models import Report


class Command(BaseCommand):
    help = "Compute the fingerprint of every signed report anew; ends with an error if one does not fit its row."

    def handle(self, *args: Any, **options: Any) -> None:
        signed = Report.objects.exclude(state=Report.State.DRAFT).select_related(
            "diagnosis__upload", "diagnosis__model_version"
        )
        checked, broken = 0, 0
        for report in signed.order_by("signed_at", "pk").iterator(chunk_size=500):
            checked += 1
            if not signing.is_intact(report):
                broken += 1
                self.stderr.write(
                    f"Broken: report {report.pk}, version {report.version} of diagnosis {report.diagnosis_id}, "
                    f"code {report.printed_code}"
                )
        if broken:
            raise CommandError(f"{broken} of {checked} signed report(s) are not what was signed.")
        self.stdout.write(f"All {checked} signed report(s) are what was signed.")

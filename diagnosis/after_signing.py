"""What a signature sets off, in one place: each room that waits for signed reports has a line here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.urls import reverse

from diagnosis.documents.requests import request_at_signing
from diagnosis.fhir.deliveries import queue_at_signing
from diagnosis.webhooks.events import emit
from diagnosis.webhooks.models import Event

if TYPE_CHECKING:
    from diagnosis.review.models import Report


def report_signed(report: Report) -> None:
    """Have a report that has just become signed printed and sent, and tell the site's webhooks. Call it in the
    transaction that signs, after the row is saved as signed; the work itself begins once that is committed, and never
    makes signing fail."""
    request_at_signing(report)
    queue_at_signing(report)
    emit(
        Event.REPORT_AMENDED if report.version > 1 else Event.REPORT_SIGNED,
        site_id=report.diagnosis.upload.site_id,
        subject={"report": report.pk, "diagnosis": report.diagnosis_id},
        path=reverse("api:report-detail", kwargs={"pk": report.pk}),
    )

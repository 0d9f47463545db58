"""The way of a FhirDelivery: queue, claim, finish, fail, sweep. What is common to all jobs is in ``diagnosis.jobs``."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.audit.actions import Action
from accounts.audit.log import record
from diagnosis.fhir.models import FhirDelivery, FhirServer
from diagnosis.jobs import Line
from diagnosis.models import Diagnosis

if TYPE_CHECKING:
    from django.utils.functional import Promise

    from accounts.models import User
    from diagnosis.models import Job
    from diagnosis.review.models import Report

logger = logging.getLogger(__name__)

State = FhirDelivery.State

NOT_DELIVERED: Final[dict[str, str | Promise]] = {
    "unreachable": _("The FHIR server could not be reached. Check its address and whether it runs, then send again."),
    "server_error": _("The FHIR server answered with an error of its own. Ask who runs it, then send again."),
    "refused": _(
        "The FHIR server refused the report; what it said is under “technical error”. Correct that, then send again."
    ),
    "not_allowed": _("The FHIR server did not accept the token. Set a new one, then send again."),
    "token_unreadable": _(
        "The token can no longer be read, because SECRET_KEY has changed. Set it anew, then send again."
    ),
    "address_not_allowed": _(
        "The server's address is not allowed: it must begin with https://. Correct it, then send again."
    ),
    "server_inactive": _("The server was switched off before the report was sent."),
    "nothing_to_export": _("The page has no result that could be sent."),
    "upload_deleted": _("The page was deleted before its report was sent."),
    "page_missing": _(
        "A stored picture of this page is missing, so it could not be sent along. Tell an administrator."
    ),
    "worker_lost": _("Sending this report stopped the worker several times, so it was given up."),
    "timed_out": _("Sending this report took too long, so it was given up. Send it again later."),
    "internal_error": _("The report could not be sent because of an error on our side. Send it again later."),
}


def not_delivered(code: str, fallback: str = "") -> str:
    """Why a report has not arrived, as a sentence."""
    return str(NOT_DELIVERED.get(code) or fallback or NOT_DELIVERED["internal_error"])


LINE: Final = Line(
    FhirDelivery,
    task="diagnosis.fhir.tasks.push_fhir",
    lease_setting="ISOLINE_LEASE_S",
    sentence_of=not_delivered,
    upload_path="diagnosis__upload",
    attempts_setting="ISOLINE_FHIR_MAX_ATTEMPTS",
    retry_setting="ISOLINE_FHIR_RETRY_S",
)


def queue_at_signing(report: Report) -> FhirDelivery | None:
    """Send a report that has just been signed to its site's server, if it has one; call it in the transaction that
    signs."""
    signer = report.second_signed_by or report.signed_by
    server = FhirServer.objects.filter(site_id=report.diagnosis.upload.site_id, is_active=True).first()
    if server is None or signer is None:
        return None
    return queue(report, server, requested_by=signer)


def queue(report: Report, server: FhirServer, *, requested_by: User) -> FhirDelivery:
    """Send a report, unless it is under way already."""
    with transaction.atomic():
        # The lock on the reading makes two requests at the same moment agree on one row; who signs holds it already.
        Diagnosis.objects.select_for_update().get(pk=report.diagnosis_id)
        there = FhirDelivery.objects.filter(report=report, server=server).exclude(state__in=FhirDelivery.ENDED).first()
        if there is not None:
            return there
        delivery = FhirDelivery.objects.create(
            diagnosis=report.diagnosis, report=report, server=server, requested_by=requested_by
        )
        LINE.dispatch_on_commit([delivery.pk])
    return delivery


def send_again(delivery: FhirDelivery, *, requested_by: User) -> FhirDelivery:
    """For administrators: an ended one is sent anew, one that waits is sent at once."""
    if delivery.state == State.QUEUED:
        LINE.dispatch([delivery.pk])
    if not delivery.is_ended or delivery.report is None:
        return delivery
    return queue(delivery.report, delivery.server, requested_by=requested_by)


def finish(claimed: FhirDelivery, *, status: int, version: int | None) -> bool:
    """The server has it. False if the claim was lost meanwhile."""
    with transaction.atomic():
        delivery = LINE.still_held(claimed)
        if delivery is None:
            return False
        delivery.response_status = status
        delivery.sent_version = version
        delivery.error = ""
        LINE.end(delivery, State.DONE)
    return True


def fail(claimed: FhirDelivery, code: str, error: str, *, status: int | None = None, final: bool = False) -> bool:
    """It has not arrived: try again later, or give up. False if the claim was lost meanwhile."""
    LINE.held(claimed).update(response_status=status)
    return LINE.fail(claimed, code, error, final=final)


def note_end(sender: type[Job], row: Any, **_kwargs: Any) -> None:
    """Receiver of ``jobs.ended``: what left the house, or was to, stands in the audit log."""
    if sender is not FhirDelivery:
        return
    action = Action.FHIR_DELIVERED if row.state == State.DONE else Action.FHIR_NOT_DELIVERED
    details = {"diagnosis": row.diagnosis_id, "report": row.report_id, "server": row.server_id, "reason": row.reason}
    # Should this fail, only this is undone, not the end of the row.
    with transaction.atomic():
        record(action, actor=row.requested_by, target=row, site=row.upload.site, details=details)

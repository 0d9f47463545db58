"""The way of a Document: request, claim, finish, fail, sweep. What is common to all jobs is in ``diagnosis.jobs``."""

from __future__ import annotations

import hashlib
import logging
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.db import transaction
from django.utils.translation import get_language

from accounts.audit.actions import Action
from accounts.audit.log import record
from diagnosis.documents import messages
from diagnosis.documents.content import gather
from diagnosis.documents.models import Document
from diagnosis.documents.selectors import current_report
from diagnosis.heatmap_files import heatmap_folder
from diagnosis.jobs import Line
from diagnosis.models import Diagnosis
from diagnosis.review.models import Report
from diagnosis.stored_files import Batch

if TYPE_CHECKING:
    from accounts.models import User

logger = logging.getLogger(__name__)

State = Document.State

LINE: Final = Line(
    Document,
    task="diagnosis.documents.tasks.render_document",
    lease_setting="ISOLINE_LEASE_S",
    sentence_of=messages.no_document,
    upload_path="diagnosis__upload",
)

# What a reading must have come to for a document to say anything.
_READ: Final = (Diagnosis.State.DONE, Diagnosis.State.REJECTED)


class CannotMakeDocument(Exception):
    """The request is refused; ``code`` has its sentence in ``messages.NO_DOCUMENT``."""

    def __init__(self, code: str) -> None:
        super().__init__(messages.no_document(code))
        self.code = code


def request(
    diagnosis: Diagnosis, *, requested_by: User, report: Report | None = None, paper: str = "", language: str = ""
) -> Document:
    """Have a PDF made, once: who asks for the same again gets what is there or under way.

    Args:
        diagnosis: a reading that ended with a result or as not readable.
        requested_by: who asks.
        report: a signed version; default: the one in force, and where there is none, a preliminary document.
        paper: one of ``Document.Paper``; default: ``settings.ISOLINE_PAPER``.
        language: default: the one that is active.

    Raises:
        CannotMakeDocument: with its code.
    """
    with transaction.atomic():
        document, is_new = _requested(diagnosis, requested_by, report, paper, language)
        if is_new:
            details = {"diagnosis": diagnosis.pk, "report": document.report_id}
            site = diagnosis.upload.site
            record(Action.DOCUMENT_REQUESTED, actor=requested_by, target=document, site=site, details=details)
    return document


def _requested(
    diagnosis: Diagnosis, requested_by: User, report: Report | None, paper: str, language: str
) -> tuple[Document, bool]:
    paper = paper or settings.ISOLINE_PAPER
    if paper not in Document.Paper.values:
        raise CannotMakeDocument("unknown_paper")
    if diagnosis.state not in _READ or diagnosis.upload.deleted_at is not None:
        raise CannotMakeDocument("not_read")
    report = report or current_report(diagnosis)
    if report is not None and (not report.is_fixed or report.diagnosis_id != diagnosis.pk):
        raise CannotMakeDocument("not_signed")
    language = _known(language or get_language() or "")
    said = gather(diagnosis, report, language=language).fingerprint()
    keys: dict[str, Any] = {"diagnosis": diagnosis, "report": report, "paper": paper, "language": language}
    if report is None:
        keys["content_sha256"] = said
    with transaction.atomic():
        # The lock on the reading makes two requests at the same moment agree on one row.
        Diagnosis.objects.select_for_update().get(pk=diagnosis.pk)
        there = Document.objects.filter(**keys).exclude(state=State.FAILED).first()
        if there is not None:
            return there, False
        document = Document.objects.create(**(keys | {"content_sha256": said}), requested_by=requested_by)
        LINE.dispatch_on_commit([document.pk])
    return document, True


def request_at_signing(report: Report) -> Document | None:
    """The document that is made as soon as a report is signed; call it in the transaction that signs."""
    signer = report.second_signed_by or report.signed_by
    if signer is None:
        return None
    try:
        # Without an entry in the audit log: the signature leaves one, as the last thing of its transaction.
        return _requested(report.diagnosis, signer, report, "", "")[0]
    except CannotMakeDocument as refused:
        # Signing must not fail for want of a document, which can be asked for later.
        logger.warning("Report %s was signed, but no document of it is made: %s", report.pk, refused)
        return None


def send_again(document: Document, *, requested_by: User) -> Document:
    """For administrators: a failed one is asked for anew, a waiting one is sent to the queue once more."""
    if document.state == State.QUEUED:
        LINE.dispatch([document.pk])
    if document.state != State.FAILED:
        return document
    return request(
        document.diagnosis,
        report=document.report,
        paper=document.paper,
        language=document.language,
        requested_by=requested_by,
    )


def finish(claimed: Document, pdf: bytes) -> bool:
    """Store the PDF, then the row in one transaction.

    Returns:
        False if the claim was lost or the page deleted meanwhile; nothing is kept then.
    """
    batch = Batch()
    try:
        # Beside the pictures, so that erasing a page for good takes its documents along.
        name = batch.save(f"{heatmap_folder(claimed.diagnosis)}/document-{claimed.pk}-{claimed.attempts}.pdf", pdf)
        with transaction.atomic(durable=True):
            document = LINE.still_held(claimed)
            if document is None:
                return False
            if document.upload.deleted_at is not None:
                LINE.end(document, State.FAILED, "upload_deleted")
                return False
            transaction.on_commit(batch.keep)
            document.file = name
            document.sha256 = hashlib.sha256(pdf).hexdigest()
            document.byte_size = len(pdf)
            LINE.end(document, State.DONE)
        batch.keep()
    finally:
        batch.close()
    return True


def _known(language: str) -> str:
    known = dict(settings.LANGUAGES)
    if language in known:
        return language
    base = language.partition("-")[0]
    return base if base in known else str(settings.LANGUAGE_CODE)

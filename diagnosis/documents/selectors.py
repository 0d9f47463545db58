"""Which documents and signed reports a user may see: those of the readings that ``diagnosis.selectors`` shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import QuerySet

from diagnosis import selectors
from diagnosis.documents.models import Document
from diagnosis.models import Diagnosis
from diagnosis.review.models import Report

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from accounts.models import User


def documents_visible_to(user: User | AnonymousUser) -> QuerySet[Document]:
    """The documents of the readings the user sees, newest first."""
    visible = Document.objects.filter(diagnosis__in=selectors.diagnoses_visible_to(user).order_by().values("pk"))
    return visible.select_related("diagnosis__upload__site", "report")


def documents_administered_by(user: User | AnonymousUser) -> QuerySet[Document]:
    """Every document, those of deleted pages included, for administrators; nothing for anybody else."""
    readings = selectors.diagnoses_administered_by(user).order_by().values("pk")
    return Document.objects.filter(diagnosis__in=readings).select_related(
        "diagnosis__upload__site", "report", "requested_by"
    )


def fixed_reports_visible_to(user: User | AnonymousUser) -> QuerySet[Report]:
    """The signed reports, replaced versions included, on the readings the user sees."""
    readings = selectors.diagnoses_visible_to(user).order_by().values("pk")
    return Report.objects.filter(diagnosis__in=readings, state__in=Report.FIXED).select_related(
        "diagnosis__upload__site", "diagnosis__model_version", "signed_by", "second_signed_by"
    )


def current_report(diagnosis: Diagnosis) -> Report | None:
    """The report that is in force on a reading; None as long as nothing is signed."""
    return (
        Report.objects.filter(diagnosis=diagnosis, state=Report.State.SIGNED)
        .select_related("signed_by", "second_signed_by")
        .first()
    )

"""Patients as far as Isoline knows them: a site's pseudonymous reference, and the pages that carry it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import Count, F, Max, Min, Prefetch, QuerySet
from django.db.models.functions import Coalesce

from accounts.models import Site
from diagnosis.models import Diagnosis, Upload
from diagnosis.review.models import Report
from diagnosis.selectors import diagnoses_visible_to, uploads_visible_to

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from accounts.models import User


def patients(user: User | AnonymousUser, *, search: str = "") -> QuerySet[Upload, Any]:
    """Every reference the user sees with its site and number of pages, and when the first and last were recorded.

    The same reference at two sites is two patients: each site gives its own.

    Args:
        search: words that must all occur in the reference.
    """
    found = uploads_visible_to(user).order_by().select_related(None).exclude(patient_reference="")
    for word in search.replace("\x00", "").split():
        found = found.filter(patient_reference__icontains=word)
    taken_at = Coalesce("recorded_at", "created_at")
    return (
        found.values("site_id", "patient_reference", site_name=F("site__name"))
        .annotate(pages=Count("pk"), first=Min(taken_at), last=Max(taken_at))
        .order_by("-last", "site_id", "patient_reference")
    )


def readings_of(user: User | AnonymousUser, *, site_id: int, reference: str) -> QuerySet[Diagnosis]:
    """The newest reading of each page of a patient, oldest page first, with measurements and signed reports."""
    signed = Report.objects.filter(state=Report.State.SIGNED).select_related("signed_by")
    return (
        diagnoses_visible_to(user)
        # By the site's own key: a number that no key can be finds nothing there, and breaks a foreign key's comparison.
        .filter(
            upload__site__in=Site.objects.filter(pk=site_id),
            upload__patient_reference=reference,
            standing__isnull=False,
        )
        .exclude(upload__patient_reference="")
        .select_related("upload__site", "tracing")
        .prefetch_related(Prefetch("reports", signed, to_attr="signed_reports"))
        .order_by(Coalesce("upload__recorded_at", "upload__created_at"), "upload__page_number", "pk")
    )


def readings_to_compare(user: User | AnonymousUser) -> QuerySet[Diagnosis]:
    """The readings the user sees, with what a comparison shows of them."""
    signed = Report.objects.filter(state=Report.State.SIGNED).select_related("signed_by")
    return (
        diagnoses_visible_to(user)
        .select_related("upload__site", "tracing")
        .prefetch_related("heatmaps", Prefetch("reports", signed, to_attr="signed_reports"))
    )

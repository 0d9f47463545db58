"""Servers and deliveries, for administrators; nothing for anybody else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import QuerySet

from diagnosis import selectors
from diagnosis.fhir.models import FhirDelivery

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from accounts.models import User


def deliveries_administered_by(user: User | AnonymousUser) -> QuerySet[FhirDelivery]:
    """Every delivery, those of deleted pages included."""
    readings = selectors.diagnoses_administered_by(user).order_by().values("pk")
    return FhirDelivery.objects.filter(diagnosis__in=readings).select_related(
        "diagnosis__upload__site", "report", "server__site", "requested_by"
    )

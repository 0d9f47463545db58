"""The Django app of the FHIR export."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class FhirConfig(AppConfig):
    name = "diagnosis.fhir"
    label = "fhir"
    verbose_name = _("FHIR export")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from diagnosis import housekeeping, jobs
        from diagnosis.fhir import deliveries

        jobs.ended.connect(deliveries.note_end, dispatch_uid="fhir")
        housekeeping.have_swept("fhir", deliveries.LINE.sweep)

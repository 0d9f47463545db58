"""The Django app of PDF reports."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class DocumentsConfig(AppConfig):
    name = "diagnosis.documents"
    label = "documents"
    verbose_name = _("PDF reports")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from diagnosis import housekeeping
        from diagnosis.documents import requests

        housekeeping.have_swept("documents", requests.LINE.sweep)

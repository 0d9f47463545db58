"""The Django app of the worklist."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class WorklistConfig(AppConfig):
    name = "diagnosis.worklist"
    label = "worklist"
    verbose_name = _("Worklist")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from diagnosis.worklist import standing

        standing.connect()

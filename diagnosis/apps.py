"""The Django app that takes a page from upload to diagnosis."""

from __future__ import annotations

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class DiagnosisConfig(AppConfig):
    name = "diagnosis"
    verbose_name = _("Diagnosis")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from diagnosis.search_index import install_after_migrate

        post_migrate.connect(install_after_migrate, sender=self, dispatch_uid="diagnosis.search_index")

"""The Django app of candidate models."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ShadowConfig(AppConfig):
    name = "diagnosis.shadow"
    label = "shadow"
    verbose_name = _("Candidate models")
    default_auto_field = "django.db.models.BigAutoField"

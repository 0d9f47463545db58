"""The Django app of saved filters."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SavedFiltersConfig(AppConfig):
    name = "diagnosis.saved_filters"
    label = "saved_filters"
    verbose_name = _("Saved filters")
    default_auto_field = "django.db.models.BigAutoField"

"""The Django app of second factors."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SecondFactorConfig(AppConfig):
    name = "accounts.second_factor"
    label = "second_factor"
    verbose_name = _("Log-in rules")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import fresh  # noqa: F401  (listens to log-ins)

"""The Django app of the list of sessions. Django's own has the label ``sessions``."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class LoginSessionsConfig(AppConfig):
    name = "accounts.sessions"
    label = "login_sessions"
    verbose_name = _("Sessions")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import records  # noqa: F401  (listens to log-ins and log-outs)

"""The Django app of the password policy."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PasswordsConfig(AppConfig):
    name = "accounts.passwords"
    label = "passwords"
    verbose_name = _("Passwords")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import expiry, history  # noqa: F401  (they listen to log-ins and to new accounts)

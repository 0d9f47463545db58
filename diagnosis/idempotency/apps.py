"""The Django app of requests that may be sent again."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class IdempotencyConfig(AppConfig):
    name = "diagnosis.idempotency"
    label = "idempotency"
    verbose_name = _("Repeated requests")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from diagnosis import housekeeping
        from diagnosis.idempotency import keys

        housekeeping.have_swept("idempotency keys", keys.sweep)

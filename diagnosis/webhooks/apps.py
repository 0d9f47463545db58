"""The Django app of webhooks."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class WebhooksConfig(AppConfig):
    name = "diagnosis.webhooks"
    label = "webhooks"
    verbose_name = _("Webhooks")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from diagnosis import housekeeping, jobs
        from diagnosis.webhooks import deliveries, events

        jobs.ended.connect(events.tell_of_end, dispatch_uid="webhooks")
        housekeeping.have_swept("webhooks", deliveries.sweep)

"""Who wants to be told of what, and everything that was or is to be told."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Site


class Event(models.TextChoices):
    DIAGNOSIS_DONE = "diagnosis.done", _("A page was read")
    DIAGNOSIS_REJECTED = "diagnosis.rejected", _("A page cannot be read")
    DIAGNOSIS_FAILED = "diagnosis.failed", _("Reading a page failed")
    EXPLANATION_DONE = "explanation.done", _("An explanation is there")
    REPORT_SIGNED = "report.signed", _("A report was signed")
    REPORT_AMENDED = "report.amended", _("A report was amended")


# What "send test" sends; nobody subscribes to it.
TEST_EVENT = "test"


class Webhook(models.Model):
    """An address that is told of one site's events."""

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="webhooks", verbose_name=_("site"))
    name = models.CharField(_("name"), max_length=80, help_text=_("Who listens there."))
    url = models.CharField(_("address"), max_length=400, help_text=_("https://…"))
    events = models.JSONField(_("events"), default=list)
    # Fernet, with a key derived from SECRET_KEY: a hash could not sign.
    sealed_secret = models.TextField(_("secret, encrypted"))
    is_active = models.BooleanField(_("active"), default=True)
    note = models.CharField(_("why it was turned off"), max_length=400, blank=True)

    failures_in_a_row = models.PositiveIntegerField(_("failures in a row"), default=0)
    failing_since = models.DateTimeField(_("failing since"), null=True, blank=True)
    # While the receiver is away, no message goes out before this.
    asleep_until = models.DateTimeField(_("not tried again before"), null=True, blank=True)
    last_success_at = models.DateTimeField(_("last success"), null=True, blank=True)

    created_at = models.DateTimeField(_("made"), auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("made by"),
    )

    class Meta:
        ordering = ("site__name", "name", "pk")
        verbose_name = _("webhook")
        verbose_name_plural = _("webhooks")

    def __str__(self) -> str:
        return f"{self.name} · {self.site}"


class Delivery(models.Model):
    """One message to one address. Written in the transaction of what it tells of, so that none is lost."""

    class State(models.TextChoices):
        PENDING = "pending", _("To be sent")
        DONE = "done", _("Received")
        FAILED = "failed", _("Given up")

    ENDED: ClassVar[tuple[str, ...]] = (State.DONE, State.FAILED)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries", verbose_name=_("webhook"))
    event = models.CharField(_("event"), max_length=40)
    body = models.TextField(_("body, as it is signed"))
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.PENDING)
    created_at = models.DateTimeField(_("made"), auto_now_add=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)

    # `attempts` fences off a worker that was presumed dead, as it does for every job of the house.
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    due_at = models.DateTimeField(_("next attempt"))
    sent_to_queue_at = models.DateTimeField(_("last sent to the queue"), null=True, blank=True)
    leased_until = models.DateTimeField(_("claim expires"), null=True, blank=True)

    # Of the last attempt.
    response_code = models.PositiveSmallIntegerField(_("response code"), null=True, blank=True)
    answer = models.CharField(_("answer"), max_length=500, blank=True)
    error = models.CharField(_("error"), max_length=300, blank=True)
    duration_ms = models.PositiveIntegerField(_("milliseconds"), null=True, blank=True)

    class Meta:
        ordering = ("-created_at", "-pk")
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        indexes = (
            models.Index(fields=("state", "due_at"), name="delivery_due"),
            models.Index(fields=("webhook", "-created_at"), name="delivery_newest"),
        )

    def __str__(self) -> str:
        return f"{self.event} · {self.get_state_display()}"

"""One request that may be sent again, and its answer."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class KeptAnswer(models.Model):
    """What a user's key stands for. ``status`` is empty while the first request is being worked on."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(_("key"), max_length=80)
    fingerprint = models.CharField(_("SHA-256 of the request"), max_length=64)
    created_at = models.DateTimeField(_("first sent"), auto_now_add=True)
    # Also the fence: who took the key later has another moment here.
    started_at = models.DateTimeField(_("work begun"))
    status = models.PositiveSmallIntegerField(_("status code"), null=True, blank=True)
    body = models.TextField(_("answer"), blank=True)
    location = models.CharField(_("Location"), max_length=400, blank=True)

    class Meta:
        verbose_name = _("kept answer")
        verbose_name_plural = _("kept answers")
        constraints = (models.UniqueConstraint(fields=("user", "key"), name="one_answer_per_user_and_key"),)
        indexes = (models.Index(fields=("created_at",), name="kept_answer_age"),)

    def __str__(self) -> str:
        return f"{self.key} · {self.status or '…'}"

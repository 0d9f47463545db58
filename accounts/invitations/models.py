"""An invitation, from the mail to the account it became."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Role, Site

VALID_FOR: Final = timedelta(days=7)


def end_of_validity() -> datetime:
    return timezone.now() + VALID_FOR


class Invitation(models.Model):
    """Somebody is invited to a role at sites. The link in the mail holds a secret; the row only its SHA-256."""

    email = models.EmailField(_("e-mail"))
    role = models.CharField(_("role"), max_length=20, choices=Role, default=Role.CLINICIAN)
    sites = models.ManyToManyField(Site, verbose_name=_("sites"), related_name="+", blank=True)
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="invitations", verbose_name=_("invited by")
    )
    created_at = models.DateTimeField(_("invited"), default=timezone.now)
    sent_at = models.DateTimeField(_("mail sent"), null=True, blank=True)
    expires_at = models.DateTimeField(_("works until"), default=end_of_validity)
    secret_sha256 = models.CharField(max_length=64, unique=True, editable=False)
    accepted_at = models.DateTimeField(_("accepted"), null=True, blank=True)
    accepted_by = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="invitation",
        verbose_name=_("account"),
    )
    withdrawn_at = models.DateTimeField(_("withdrawn"), null=True, blank=True)

    class Meta:
        ordering = ("-created_at",)
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")

    def __str__(self) -> str:
        return f"{self.email} ({self.get_role_display()})"

    @property
    def is_open(self) -> bool:
        """Neither accepted nor withdrawn; it may have expired, and works again when it is sent again."""
        return self.accepted_at is None and self.withdrawn_at is None

    @property
    def has_expired(self) -> bool:
        return timezone.now() > self.expires_at

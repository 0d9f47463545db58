"""What is known of a session beyond Django's own row."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from .user_agents import described


class SessionRecord(models.Model):
    """One browser in which somebody is logged in. Deleting the row ends the session."""

    session_key = models.CharField(max_length=40, unique=True, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="session_records", verbose_name=_("user")
    )
    address = models.GenericIPAddressField(_("address"), null=True)
    user_agent = models.CharField(_("user agent"), max_length=300, blank=True)
    began_at = models.DateTimeField(_("began"), default=timezone.now)
    seen_at = models.DateTimeField(_("last seen"), default=timezone.now)

    class Meta:
        ordering = ("-seen_at",)
        verbose_name = _("session")
        verbose_name_plural = _("sessions")
        indexes = (models.Index(fields=("user", "-seen_at"), name="session_user_newest"),)

    def __str__(self) -> str:
        return f"{self.user}, {self.browser}"

    @property
    def browser(self) -> str:
        """Browser and system in words."""
        return described(self.user_agent)

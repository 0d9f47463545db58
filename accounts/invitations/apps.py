"""The Django app of invitations."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class InvitationsConfig(AppConfig):
    name = "accounts.invitations"
    label = "invitations"
    verbose_name = _("Invitations")
    default_auto_field = "django.db.models.BigAutoField"

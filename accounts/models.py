"""Users, the sites they belong to and the roles they hold."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from knox.models import AbstractAuthToken
from knox.settings import CONSTANTS


class Site(models.Model):
    """A hospital or department; the boundary of what a clinician may see."""

    name = models.CharField(_("name"), max_length=120, unique=True)
    is_active = models.BooleanField(
        _("active"), default=True, help_text=_("An inactive site keeps its pages but accepts no new ones.")
    )
    four_eyes = models.BooleanField(
        _("four eyes"), default=False, help_text=_("A report of this site needs the signatures of two people.")
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        ordering = ("name",)
        verbose_name = _("site")
        verbose_name_plural = _("sites")

    def __str__(self) -> str:
        return self.name


class Role(models.TextChoices):
    CLINICIAN = "clinician", _("Clinician")
    REVIEWER = "reviewer", _("Reviewer")
    SITE_ADMINISTRATOR = "site_administrator", _("Site administrator")
    ADMINISTRATOR = "administrator", _("Administrator")
    API_CLIENT = "api_client", _("API client")


class User(AbstractUser):  # type: ignore[django-manager-missing]  # of knox, which has no types
    """A person or a machine that signs in.

    ``role`` says what the user may do, ``sites`` whose pages the user may see. Administrators see every site.
    ``is_staff``, Django's key to its admin, follows the role and is not set by hand.
    """

    role = models.CharField(_("role"), max_length=20, choices=Role, default=Role.CLINICIAN)
    sites = models.ManyToManyField(Site, verbose_name=_("sites"), related_name="users", blank=True)

    class Meta(AbstractUser.Meta):
        pass

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.is_staff = self.is_administrator or self.role == Role.SITE_ADMINISTRATOR
        if (fields := kwargs.get("update_fields")) is not None:
            kwargs["update_fields"] = {*fields, "is_staff"}
        super().save(*args, **kwargs)

    @property
    def is_administrator(self) -> bool:
        return self.is_superuser or self.role == Role.ADMINISTRATOR


class ApiToken(AbstractAuthToken):
    """The key of a program. Only its hash is stored; ``scopes`` says what it may do, and it always ends."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    digest = models.CharField(_("hash"), max_length=CONSTANTS.DIGEST_LENGTH, unique=True)
    name = models.CharField(_("name"), max_length=80, blank=True)
    scopes = models.JSONField(_("scopes"), default=list)
    created_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("made by")
    )
    expiry = models.DateTimeField(_("expires"))
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True)

    class Meta:
        ordering = ("-created",)
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")

    def __str__(self) -> str:
        return f"{self.name or self.prefix} · {self.user}"

    @property
    def prefix(self) -> str:
        """Its first characters, by which its owner knows it again."""
        return f"{self.token_key[:8]}…"

    @property
    def is_expired(self) -> bool:
        return bool(self.expiry <= timezone.now())

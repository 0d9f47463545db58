"""Users, the sites they belong to and the roles they hold."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils.translation import gettext_lazy as _


class Site(models.Model):
    """A hospital or department; the boundary of what a clinician may see."""

    name = models.CharField(_("name"), max_length=120, unique=True)
    is_active = models.BooleanField(
        _("active"), default=True, help_text=_("An inactive site keeps its pages but accepts no new ones.")
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
    ADMINISTRATOR = "administrator", _("Administrator")
    API_CLIENT = "api_client", _("API client")


class User(AbstractUser):
    """A person or a machine that signs in.

    ``role`` says what the user may do, ``sites`` whose pages the user may see. Administrators see every site.
    ``is_staff``, Django's key to its admin, follows the role and is not set by hand.
    """

    role = models.CharField(_("role"), max_length=20, choices=Role, default=Role.CLINICIAN)
    sites = models.ManyToManyField(Site, verbose_name=_("sites"), related_name="users", blank=True)

    class Meta(AbstractUser.Meta):
        pass

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.is_staff = self.is_administrator
        if (fields := kwargs.get("update_fields")) is not None:
            kwargs["update_fields"] = {*fields, "is_staff"}
        super().save(*args, **kwargs)

    @property
    def is_administrator(self) -> bool:
        return self.is_superuser or self.role == Role.ADMINISTRATOR

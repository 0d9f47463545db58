"""A search of the history under a name."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _


class SavedFilter(models.Model):
    """What one person searches for again and again: the filters as they stand in the history's address."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_filters")
    name = models.CharField(_("name"), max_length=60)
    query = models.CharField(_("filters"), max_length=2000)
    created_at = models.DateTimeField(_("saved"), auto_now_add=True)

    class Meta:
        ordering = ("name",)
        verbose_name = _("saved filter")
        verbose_name_plural = _("saved filters")
        constraints = (models.UniqueConstraint(fields=("user", "name"), name="one_saved_filter_per_user_and_name"),)

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return f"{reverse('diagnosis:history')}?{self.query}"

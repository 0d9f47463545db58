"""Signs of life that workers leave, and rules for how long pages are kept."""

from __future__ import annotations

from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Site


class WorkerSign(models.Model):
    """When a worker was last alive, and which queues it takes messages from; old rows are cleared away."""

    name = models.CharField(_("worker"), max_length=120, primary_key=True)
    queues = models.JSONField(_("queues"), default=list)
    seen_at = models.DateTimeField(_("last seen"), db_index=True)

    class Meta:
        ordering = ("name",)
        verbose_name = _("worker")
        verbose_name_plural = _("workers")

    def __str__(self) -> str:
        return self.name


class RetentionRule(models.Model):
    """How long a site keeps its pages. Without a rule, or with an empty field, nothing goes by itself."""

    site = models.OneToOneField(Site, on_delete=models.CASCADE, related_name="retention", verbose_name=_("site"))
    erase_deleted_after_days = models.PositiveIntegerField(
        _("erase deleted pages after days"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("Pages that somebody deleted can be restored until then. Empty: they are kept."),
    )
    delete_unreported_after_days = models.PositiveIntegerField(
        _("delete pages without a signed report after days"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("Counted from the upload. Pages with a signed report stay, whatever the rule."),
    )
    changed_at = models.DateTimeField(_("last changed"), auto_now=True)

    class Meta:
        ordering = ("site__name",)
        verbose_name = _("retention rule")
        verbose_name_plural = _("retention rules")

    def __str__(self) -> str:
        return str(self.site)

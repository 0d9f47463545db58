"""A candidate model's trial, and what it said of pages that another model has answered."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from diagnosis.models import Diagnosis, Job, ModelVersion, Upload


class Trial(models.Model):
    """A candidate model that reads along. Nobody but administrators sees what it says."""

    model_version = models.OneToOneField(
        ModelVersion, on_delete=models.CASCADE, related_name="trial", verbose_name=_("candidate model")
    )
    follows_live_pages = models.BooleanField(
        _("reads along"),
        default=True,
        help_text=_("Every page that the active model has read from now on is read by this one as well, unseen."),
    )
    reviewed_pages = models.PositiveSmallIntegerField(
        _("reviewed pages to read"),
        default=100,
        help_text=_("So many of the pages that clinicians signed last are read by this model."),
    )
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("started by")
    )
    started_at = models.DateTimeField(_("started"), auto_now_add=True)

    class Meta:
        ordering = ("-started_at",)
        verbose_name = _("trial")
        verbose_name_plural = _("trials")

    def __str__(self) -> str:
        return str(self.model_version)


class ShadowReading(Job):
    """What the candidate says of the page of one diagnosis."""

    diagnosis = models.ForeignKey(Diagnosis, on_delete=models.CASCADE, related_name="shadow_readings")
    trial = models.ForeignKey(Trial, on_delete=models.CASCADE, related_name="readings")
    label = models.CharField(_("result"), max_length=24, choices=Diagnosis.Label, blank=True)
    confidence = models.FloatField(_("confidence"), null=True, blank=True)
    abstained = models.BooleanField(_("not sure"), default=False)
    probabilities = models.JSONField(_("probabilities"), default=dict, blank=True)

    class Meta:
        ordering = ("-created_at", "-pk")
        verbose_name = _("candidate's reading")
        verbose_name_plural = _("candidates' readings")
        constraints = (
            models.UniqueConstraint(fields=("diagnosis", "trial"), name="one_shadow_reading_per_diagnosis_and_trial"),
        )
        indexes = (models.Index(fields=("state", "resend_at"), name="shadow_sweep"),)

    def __str__(self) -> str:
        return f"{self.trial} · {self.get_state_display()}"

    @property
    def upload(self) -> Upload:
        return self.diagnosis.upload

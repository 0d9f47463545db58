"""Who takes which page, and batches of many files with what became of each."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts.models import Site
from diagnosis.models import Diagnosis, Job, Upload


class Assignment(models.Model):
    """The person who is to report on a page. One at a time; assigning anew replaces it."""

    upload = models.OneToOneField(Upload, on_delete=models.CASCADE, related_name="assignment", primary_key=True)
    reviewer = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="assignments", verbose_name=_("assigned to")
    )
    assigned_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("assigned by")
    )
    assigned_at = models.DateTimeField(_("assigned"), auto_now=True)

    class Meta:
        ordering = ("-assigned_at",)
        verbose_name = _("assignment")
        verbose_name_plural = _("assignments")

    def __str__(self) -> str:
        return f"{self.upload} → {self.reviewer}"


class Batch(Job):
    """Many files taken in by a worker: the members of one ZIP archive, or files sent together.

    A worker takes it file by file and gives it back between stretches, so that pages are read meanwhile. What failed
    can be tried again; for that the files are kept until nothing is left to try, or for some days.
    """

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="batches")
    name = models.CharField(_("name"), max_length=200)
    archive = models.FileField(_("ZIP archive, while it is needed"), max_length=200, blank=True)
    patient_reference = models.CharField(_("patient reference"), max_length=64, blank=True)
    note = models.TextField(_("note"), max_length=2000, blank=True)
    # The last attempt that got a file done. Attempts are counted from there: a long batch takes many stretches.
    advanced_at_attempt = models.PositiveSmallIntegerField(_("attempt that last got on"), default=0)

    class Meta:
        ordering = ("-created_at", "-pk")
        verbose_name = _("batch")
        verbose_name_plural = _("batches")
        indexes = (
            models.Index(fields=("state", "resend_at"), name="batch_sweep"),
            models.Index(fields=("site", "-created_at"), name="batch_site_newest"),
        )

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("diagnosis:worklist:batch", kwargs={"pk": self.pk})

    @property
    def attempts_without_progress(self) -> int:
        return self.attempts - self.advanced_at_attempt


class BatchFile(models.Model):
    """One file of a batch and what became of it."""

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        STORED = "stored", _("Stored")
        DUPLICATE = "duplicate", _("Already here")
        REFUSED = "refused", _("Not accepted")
        FAILED = "failed", _("Failed")

    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="files")
    # In an archive the place in its directory: names may repeat there, places do not.
    position = models.PositiveIntegerField(_("position"))
    name = models.CharField(_("file name"), max_length=200)
    byte_size = models.PositiveBigIntegerField(_("bytes"))
    source = models.FileField(_("file as sent, while it is needed"), max_length=200, blank=True)

    state = models.CharField(_("state"), max_length=10, choices=State, default=State.WAITING)
    reason = models.CharField(_("reason code"), max_length=40, blank=True)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    upload = models.ForeignKey(
        Upload, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("first page")
    )
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)

    class Meta:
        ordering = ("position",)
        verbose_name = _("file of a batch")
        verbose_name_plural = _("files of batches")
        constraints = (models.UniqueConstraint(fields=("batch", "position"), name="one_file_per_batch_and_position"),)
        indexes = (models.Index(fields=("batch", "state"), name="batch_file_state"),)

    def __str__(self) -> str:
        return self.name


class Standing(models.Model):
    """Where a page stands: its newest reading, and what has been reported on that.

    Follows from other rows and is kept by ``standing`` in the same transaction that changes them, so that the worklist
    finds its pages by an index, however many pages there are. Nothing else writes it.
    """

    class Stage(models.TextChoices):
        UNDER_WAY = "under_way", _("Being read")
        READ = "read", _("To be reviewed")
        SECOND = "second", _("Second signature")
        SIGNED = "signed", _("Signed")
        REJECTED = "rejected", _("Rejected")
        FAILED = "failed", _("Failed")

    upload = models.OneToOneField(Upload, on_delete=models.CASCADE, related_name="standing", primary_key=True)
    diagnosis = models.OneToOneField(Diagnosis, on_delete=models.CASCADE, related_name="standing")
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="+")
    came_in = models.DateTimeField(_("page uploaded"))
    is_deleted = models.BooleanField(_("page deleted"), default=False)

    stage = models.CharField(_("stage"), max_length=10, choices=Stage)
    urgency = models.PositiveSmallIntegerField(_("urgency, 0 is most urgent"))
    has_report = models.BooleanField(_("a report was begun"), default=False)
    drafted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+", verbose_name=_("draft by")
    )
    first_signed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+", verbose_name=_("signed by")
    )

    class Meta:
        verbose_name = _("standing of a page")
        verbose_name_plural = _("standings of pages")
        indexes = (
            models.Index(fields=("site", "stage", "came_in"), name="standing_site_stage_came_in"),
            models.Index(fields=("stage", "came_in"), name="standing_stage_came_in"),
            models.Index(fields=("stage", "urgency", "came_in"), name="standing_stage_urgency"),
        )

    def __str__(self) -> str:
        return f"{self.upload_id} {self.stage}"

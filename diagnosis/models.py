"""The rows a page leaves behind: Upload → Diagnosis → Tracing, Explanation, Heatmap; the ModelVersion that read it."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts.models import Site


class Upload(models.Model):
    """One page as it came in: the untouched bytes and the normalised image made of them.

    A PDF of n pages makes n uploads with the same ``sha256`` and ``page_number`` 1…n. Of a DICOM file the original is
    not the untouched bytes but a copy that names nobody; ``sha256`` and ``byte_size`` are still of what was sent.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="uploads")
    uploaded_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="uploads")
    created_at = models.DateTimeField(_("uploaded"), auto_now_add=True)

    original_name = models.CharField(_("file name"), max_length=200)
    media_type = models.CharField(_("media type"), max_length=40)
    byte_size = models.PositiveIntegerField(_("bytes"))
    sha256 = models.CharField("SHA-256", max_length=64)
    page_number = models.PositiveSmallIntegerField(_("page"), default=1)

    original = models.FileField(_("original"), max_length=200)
    page = models.FileField(_("page image"), max_length=200)
    thumbnail = models.FileField(_("thumbnail"), max_length=200)
    width = models.PositiveIntegerField(_("width in pixels"))
    height = models.PositiveIntegerField(_("height in pixels"))

    patient_reference = models.CharField(_("patient reference"), max_length=64, blank=True, db_index=True)
    note = models.TextField(_("note"), max_length=2000, blank=True)
    recorded_at = models.DateTimeField(_("recorded"), null=True, blank=True)
    warnings = models.JSONField(_("what to know of where the page comes from"), default=list, blank=True)

    deleted_at = models.DateTimeField(_("deleted"), null=True, blank=True)
    deleted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ("-created_at", "-pk")
        verbose_name = _("upload")
        verbose_name_plural = _("uploads")
        constraints = (
            models.UniqueConstraint(
                fields=("site", "sha256", "page_number"),
                condition=models.Q(deleted_at__isnull=True),
                name="one_live_upload_per_site_and_page",
            ),
        )
        indexes = (
            models.Index(fields=("-created_at", "-id"), name="upload_newest"),
            models.Index(fields=("site", "-created_at", "-id"), name="upload_site_newest"),
        )

    def __str__(self) -> str:
        return f"{self.original_name} ({self.sha256[:8]})"

    @property
    def taken_at(self) -> datetime:
        """By what a patient's pages are put in order: when the ECG was recorded, as far as anybody said."""
        return self.recorded_at or self.created_at


class ModelVersion(models.Model):
    """A bundle that this installation knows, identified by its checksum."""

    name = models.CharField(_("name"), max_length=80)
    version = models.CharField(_("version"), max_length=40)
    sha256 = models.CharField("SHA-256", max_length=64, unique=True)
    path = models.CharField(_("bundle folder"), max_length=300)
    classes = models.JSONField(_("classes"), default=list)
    architecture = models.CharField(_("architecture"), max_length=80, blank=True)
    explanations = models.JSONField(_("how far each explanation may be believed"), default=dict, blank=True)
    card = models.TextField(_("model card"), blank=True)
    is_active = models.BooleanField(_("active"), default=False)
    registered_at = models.DateTimeField(_("registered"), auto_now_add=True)
    activated_at = models.DateTimeField(_("activated"), null=True, blank=True)
    activated_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ("-registered_at",)
        verbose_name = _("model version")
        verbose_name_plural = _("model versions")
        constraints = (
            models.UniqueConstraint(
                fields=("is_active",), condition=models.Q(is_active=True), name="one_active_model_version"
            ),
        )

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


class Job(models.Model):
    """A row that a worker has to work on; ``jobs`` is its state machine."""

    class State(models.TextChoices):
        QUEUED = "queued", _("Waiting")
        RUNNING = "running", _("Under way")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")

    ENDED: ClassVar[tuple[str, ...]] = (State.DONE, State.FAILED)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.QUEUED)

    created_at = models.DateTimeField(_("requested"), auto_now_add=True)
    dispatched_at = models.DateTimeField(_("last sent to the queue"), null=True, blank=True)
    sent_count = models.PositiveIntegerField(_("times sent to the queue"), default=0)
    resend_at = models.DateTimeField(_("to be sent again if still waiting at"), null=True, blank=True)
    started_at = models.DateTimeField(_("started"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)

    # The claim: `attempts` fences off a worker that was presumed dead and comes back.
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    claimed_by = models.CharField(_("task that claimed it"), max_length=64, blank=True)
    leased_until = models.DateTimeField(_("claim expires"), null=True, blank=True)

    reason = models.CharField(_("reason code"), max_length=40, blank=True)
    message = models.TextField(_("message"), blank=True)
    error = models.TextField(_("technical error"), blank=True)

    class Meta:
        abstract = True

    @property
    def is_ended(self) -> bool:
        return self.state in self.ENDED

    @property
    def attempts_without_progress(self) -> int:
        """What is held against the limit of attempts."""
        return self.attempts


class Diagnosis(Job):
    """One reading of one page by one model. Never edited once ended; a re-run makes a new row."""

    class State(models.TextChoices):
        QUEUED = "queued", _("Waiting")
        RUNNING = "running", _("Being read")
        DONE = "done", _("Done")
        REJECTED = "rejected", _("Not readable")
        FAILED = "failed", _("Failed")

    class Label(models.TextChoices):
        NORMAL = "normal", _("Normal")
        ABNORMAL_HEARTBEAT = "abnormal_heartbeat", _("Abnormal heartbeat")
        HISTORY_MI = "history_mi", _("History of MI")
        MI = "mi", _("Myocardial infarction")
        COVID19 = "covid19", _("COVID-19")

    class Source(models.TextChoices):
        TRACES = "traces", _("Traces read as signals")
        PICTURE = "picture", _("Picture of the page")

    ENDED: ClassVar[tuple[str, ...]] = (State.DONE, State.REJECTED, State.FAILED)

    upload = models.ForeignKey(Upload, on_delete=models.CASCADE, related_name="diagnoses")
    # The page's, once more, so that the newest of a site are found without looking at the pages of all others.
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="+", editable=False, db_index=False)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.QUEUED)

    model_version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, null=True, blank=True)
    label = models.CharField(_("result"), max_length=24, choices=Label, blank=True)
    confidence = models.FloatField(_("confidence"), null=True, blank=True)
    abstained = models.BooleanField(_("not sure"), default=False)
    probabilities = models.JSONField(_("probabilities"), default=dict, blank=True)
    possible = models.JSONField(_("classes that remain possible"), default=list, blank=True)
    answered_by = models.CharField(_("answer taken from"), max_length=10, choices=Source, blank=True)
    second_opinion = models.JSONField(_("probabilities from the picture alone"), null=True, blank=True)
    distance = models.FloatField(_("distance from the training pages, usual = 1"), null=True, blank=True)
    warnings = models.JSONField(_("warnings"), default=list, blank=True)
    crop = models.JSONField(_("crop in page pixels (x, y, width, height)"), null=True, blank=True)

    class Meta:
        ordering = ("-created_at", "-pk")
        verbose_name = _("diagnosis")
        verbose_name_plural = _("diagnoses")
        indexes = (
            models.Index(fields=("state", "resend_at"), name="diagnosis_sweep"),
            # The history's filters; each in the order in which it is shown. See `searching`.
            models.Index(fields=("-created_at", "-id"), name="diagnosis_newest"),
            models.Index(fields=("site", "-created_at", "-id"), name="diagnosis_site_newest"),
            models.Index(fields=("label", "-created_at", "-id"), name="diagnosis_label_newest"),
            models.Index(fields=("state", "-created_at", "-id"), name="diagnosis_state_newest"),
            models.Index(fields=("model_version", "-created_at", "-id"), name="diagnosis_model_newest"),
            models.Index(
                fields=("-created_at", "-id"), condition=models.Q(abstained=True), name="diagnosis_unsure_newest"
            ),
            models.Index(fields=("confidence",), name="diagnosis_confidence"),
        )

    def __str__(self) -> str:
        return f"{self.get_state_display()} {self.get_label_display()}".strip()

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self.site_id:
            self.site_id = self.upload.site_id
        super().save(*args, **kwargs)

    def get_absolute_url(self) -> str:
        return reverse("diagnosis:result", kwargs={"pk": self.pk})


class Heatmap(models.Model):
    """Where the model looked, drawn in page coordinates."""

    diagnosis = models.ForeignKey(Diagnosis, on_delete=models.CASCADE, related_name="heatmaps")
    method = models.CharField(_("method"), max_length=40)
    label = models.CharField(_("class explained"), max_length=24, choices=Diagnosis.Label)
    layer = models.FileField(_("transparent heat layer, same aspect as the page"), max_length=200)
    overlay = models.FileField(_("page with the heat drawn on it"), max_length=200)

    class Meta:
        # The one that came with the reading is first.
        ordering = ("pk",)
        verbose_name = _("heatmap")
        verbose_name_plural = _("heatmaps")
        constraints = (
            models.UniqueConstraint(
                fields=("diagnosis", "method", "label"), name="one_heatmap_per_diagnosis_method_label"
            ),
        )

    def __str__(self) -> str:
        return f"{self.method} · {self.get_label_display()}"


class Explanation(Job):
    """One map of where the evidence lies, by one method for one class, asked for after the reading.

    It is made with the model that made the diagnosis. One that failed stays as it is; asking again makes a new row.
    """

    diagnosis = models.ForeignKey(Diagnosis, on_delete=models.CASCADE, related_name="explanations")
    method = models.CharField(_("method"), max_length=40)
    label = models.CharField(_("class explained"), max_length=24, choices=Diagnosis.Label)
    progress = models.PositiveSmallIntegerField(_("per cent done"), default=0)
    details = models.JSONField(_("what the method says of itself"), default=dict, blank=True)
    heatmap = models.OneToOneField(Heatmap, on_delete=models.CASCADE, null=True, blank=True, related_name="+")

    class Meta:
        ordering = ("-created_at", "-pk")
        verbose_name = _("explanation")
        verbose_name_plural = _("explanations")
        constraints = (
            models.UniqueConstraint(
                fields=("diagnosis", "method", "label"),
                condition=~models.Q(state="failed"),
                name="one_live_explanation_per_diagnosis_method_label",
            ),
        )
        indexes = (models.Index(fields=("state", "resend_at"), name="explanation_sweep"),)

    def __str__(self) -> str:
        return f"{self.method} · {self.get_label_display()} · {self.get_state_display()}"

    @property
    def upload(self) -> Upload:
        return self.diagnosis.upload


class Tracing(models.Model):
    """The traces of a page as signals, what was measured on them, and that in words; or why they cannot be read."""

    diagnosis = models.OneToOneField(Diagnosis, on_delete=models.CASCADE, related_name="tracing")
    reason = models.CharField(_("reason code"), max_length=40, blank=True)

    layout = models.CharField(_("layout"), max_length=20, blank=True)
    px_per_mm = models.FloatField(_("page pixels per millimetre"), null=True, blank=True)
    scale_source = models.CharField(_("scale taken from"), max_length=10, blank=True)
    rotation_deg = models.FloatField(_("rotation in degrees"), null=True, blank=True)
    quality = models.FloatField(_("share that was read well"), null=True, blank=True)
    poor_leads = models.JSONField(_("leads read badly"), default=list, blank=True)
    measurements = models.JSONField(_("measurements"), default=dict, blank=True)
    sentences = models.JSONField(_("in words"), default=list, blank=True)

    leads = models.FileField(_("signals, JSON compressed by gzip"), max_length=200, blank=True)
    layer = models.FileField(_("drawing in page coordinates, SVG compressed by gzip"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("tracing")
        verbose_name_plural = _("tracings")

    def __str__(self) -> str:
        return self.layout or self.reason

    @property
    def is_read(self) -> bool:
        return not self.reason

"""A report as a PDF on its way through the worker."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from diagnosis.models import Diagnosis, Job, Upload
from diagnosis.review.models import Report


class Document(Job):
    """One PDF: a signed version of a report on one paper size in one language, or a preliminary one without a report.

    A signed version always gives the same bytes. A preliminary document says what was known when it was asked for;
    ``content_sha256`` tells whether that is still so.
    """

    class Paper(models.TextChoices):
        A4 = "a4", _("A4")
        LETTER = "letter", _("Letter")

    diagnosis = models.ForeignKey(Diagnosis, on_delete=models.CASCADE, related_name="documents")
    report = models.ForeignKey(
        Report,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="documents",
        verbose_name=_("report, none if preliminary"),
    )
    paper = models.CharField(_("paper size"), max_length=8, choices=Paper)
    language = models.CharField(_("language"), max_length=16)
    content_sha256 = models.CharField(_("SHA-256 of what it says"), max_length=64)
    file = models.FileField(_("PDF"), max_length=200, blank=True)
    sha256 = models.CharField(_("SHA-256 of the PDF"), max_length=64, blank=True)
    byte_size = models.PositiveIntegerField(_("bytes"), null=True, blank=True)

    class Meta:
        ordering = ("-created_at", "-pk")
        verbose_name = _("PDF report")
        verbose_name_plural = _("PDF reports")
        constraints = (
            models.UniqueConstraint(
                fields=("report", "paper", "language"),
                condition=~models.Q(state="failed"),
                name="one_live_document_per_report_paper_and_language",
            ),
            models.UniqueConstraint(
                fields=("diagnosis", "paper", "language", "content_sha256"),
                condition=models.Q(report__isnull=True) & ~models.Q(state="failed"),
                name="one_live_preliminary_document_per_content",
            ),
        )
        indexes = (models.Index(fields=("state", "resend_at"), name="document_sweep"),)

    def __str__(self) -> str:
        version = f"v{self.report.version}" if self.report else _("preliminary")
        return f"{version} · {self.get_paper_display()} · {self.get_state_display()}"

    @property
    def upload(self) -> Upload:
        return self.diagnosis.upload

    @property
    def is_preliminary(self) -> bool:
        return self.report_id is None

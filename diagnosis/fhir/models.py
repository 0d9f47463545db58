"""A site's FHIR server, and what was sent to it."""

from __future__ import annotations

import uuid
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts import sealing
from accounts.models import Site
from diagnosis.models import Diagnosis, Job, Upload
from diagnosis.review.models import Report

# What a bearer token is sealed for.
_SEALED_FOR: Final = "isoline.fhir.token"


class Installation(models.Model):
    """One row: by what this installation is told from others that send to the same server."""

    key = models.UUIDField(default=uuid.uuid4, editable=False)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.key)


def check_address(address: str) -> None:
    """Refuse what is no address of a FHIR server, or would carry patients' data in the open.

    Raises:
        ValidationError: with a sentence.
    """
    parts = urlsplit(address)
    if not parts.hostname or parts.query or parts.fragment or parts.username or parts.password:
        raise ValidationError(_("Give the server's base address alone, such as https://fhir.example.org/r4."))
    if parts.scheme != "https" and not (parts.scheme == "http" and settings.ISOLINE_FHIR_ALLOW_HTTP):
        raise ValidationError(_("Only https:// is allowed: deliveries carry patients' data and a password."))


class FhirServer(models.Model):
    """Where the reports of a site go as soon as they are signed.

    The token is stored encrypted with a key made from SECRET_KEY, and shown to nobody.
    """

    site = models.OneToOneField(Site, on_delete=models.PROTECT, related_name="fhir_server", verbose_name=_("site"))
    base_url = models.CharField(
        _("base address"),
        max_length=300,
        help_text=_("The address that takes transactions, without a slash at its end."),
    )
    encrypted_token = models.TextField(_("encrypted bearer token"), blank=True, editable=False)
    is_active = models.BooleanField(
        _("active"),
        default=True,
        help_text=_("Reports are sent when they are signed or amended, as long as this is on."),
    )
    embed_images = models.BooleanField(
        _("send pictures along"),
        default=False,
        help_text=_("As Binary. Otherwise the pictures stay here, and their addresses are sent."),
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        ordering = ("site__name",)
        verbose_name = _("FHIR server")
        verbose_name_plural = _("FHIR servers")

    def __str__(self) -> str:
        return f"{self.site} → {self.base_url}"

    def clean(self) -> None:
        self.base_url = self.base_url.strip().rstrip("/")
        try:
            check_address(self.base_url)
        except ValidationError as refused:
            raise ValidationError({"base_url": refused}) from refused

    @property
    def token(self) -> str:
        """The bearer token; empty if there is none.

        Raises:
            sealing.Unreadable: it was sealed under with another SECRET_KEY.
        """
        return sealing.unseal(self.encrypted_token, purpose=_SEALED_FOR) if self.encrypted_token else ""

    @token.setter
    def token(self, plain: str) -> None:
        self.encrypted_token = sealing.seal(plain, purpose=_SEALED_FOR) if plain else ""


class FhirDelivery(Job):
    """One report on its way to a site's server. What is sent is what stands when it is sent."""

    diagnosis = models.ForeignKey(Diagnosis, on_delete=models.CASCADE, related_name="fhir_deliveries")
    report = models.ForeignKey(
        Report,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="fhir_deliveries",
        verbose_name=_("report whose signature set it off"),
    )
    server = models.ForeignKey(FhirServer, on_delete=models.CASCADE, related_name="deliveries")
    response_status = models.PositiveSmallIntegerField(_("last answer of the server"), null=True, blank=True)
    sent_version = models.PositiveSmallIntegerField(_("version that arrived"), null=True, blank=True)

    class Meta:
        ordering = ("-created_at", "-pk")
        verbose_name = _("FHIR delivery")
        verbose_name_plural = _("FHIR deliveries")
        constraints = (
            models.UniqueConstraint(
                fields=("report", "server"),
                condition=models.Q(state__in=("queued", "running")),
                name="one_open_fhir_delivery_per_report_and_server",
            ),
        )
        indexes = (models.Index(fields=("state", "resend_at"), name="fhir_delivery_sweep"),)

    def __str__(self) -> str:
        return f"{self.server} · {self.get_state_display()}"

    @property
    def upload(self) -> Upload:
        return self.diagnosis.upload

"""A clinician's report on one reading, in versions: draft → (second reader) → signed → amended."""

from __future__ import annotations

import secrets
import uuid
from typing import Any, ClassVar, Final

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from diagnosis.models import Diagnosis

# Crockford's base 32: no letter that is read as a digit. 12 of them are 60 bits; https://www.crockford.com/base32.html
_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_CODE_LENGTH: Final = 12


def new_code() -> str:
    """A code that nobody guesses, printed on the report and typed in to find it again."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(_CODE_LENGTH))


class ReportIsFixed(Exception):
    """A signed report was to be changed or removed."""


class Report(models.Model):
    """One version of what a clinician says about one reading.

    Only a draft can be changed. Once signed, a row changes in its state alone: when a later version of the same
    report is signed, the earlier one is called amended. ``save`` and ``delete`` hold to that; what goes past them
    breaks the fingerprint.
    """

    class State(models.TextChoices):
        DRAFT = "draft", _("Draft")
        AWAITING_SECOND = "awaiting_second", _("Waiting for a second signature")
        SIGNED = "signed", _("Signed")
        AMENDED = "amended", _("Replaced by an amendment")

    class Verdict(models.TextChoices):
        AGREE = "agree", _("Agrees with the model")
        OVERRIDE = "override", _("Overrules the model")
        UNREADABLE = "unreadable", _("Page unreadable")

    class Proof(models.TextChoices):
        PASSWORD = "password", _("Password")
        TOTP = "totp", _("One-time code")
        PASSKEY = "passkey", _("Passkey")

    # Nobody may change what stands in these.
    FIXED: ClassVar[tuple[str, ...]] = (State.SIGNED, State.AMENDED)
    # Of these a reading has one at most.
    OPEN: ClassVar[tuple[str, ...]] = (State.DRAFT, State.AWAITING_SECOND)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    diagnosis = models.ForeignKey(Diagnosis, on_delete=models.CASCADE, related_name="reports")
    version = models.PositiveSmallIntegerField(_("version"), default=1)
    state = models.CharField(_("state"), max_length=16, choices=State, default=State.DRAFT)

    # A draft may still be without one.
    verdict = models.CharField(_("verdict"), max_length=12, choices=Verdict, blank=True)
    label = models.CharField(_("the clinician's class"), max_length=24, choices=Diagnosis.Label, blank=True)
    comment = models.TextField(_("comment"), max_length=4000, blank=True)
    findings = models.JSONField(_("coded findings"), default=list, blank=True)
    amendment_reason = models.CharField(_("reason of the amendment"), max_length=400, blank=True)
    # Goes up with every change, so that two people who write at once notice each other.
    revision = models.PositiveIntegerField(_("revision"), default=1)
    sent_back_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("sent back by"),
    )
    sent_back_because = models.CharField(_("why it was sent back"), max_length=400, blank=True)

    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("author")
    )
    created_at = models.DateTimeField(_("begun"), auto_now_add=True)
    updated_at = models.DateTimeField(_("last changed"), auto_now=True)
    signed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("signed by"),
    )
    signed_at = models.DateTimeField(_("signed"), null=True, blank=True)
    signed_with = models.CharField(_("signed with"), max_length=10, choices=Proof, blank=True)
    second_signed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("second signature by"),
    )
    second_signed_at = models.DateTimeField(_("second signature"), null=True, blank=True)
    second_signed_with = models.CharField(_("second signature with"), max_length=10, choices=Proof, blank=True)
    # Of what was signed, so that a later change of the row shows; see `signing.fingerprint`.
    fingerprint = models.CharField(_("SHA-256 of what was signed"), max_length=64, blank=True)
    code = models.CharField(_("verification code"), max_length=_CODE_LENGTH, unique=True, default=new_code)

    class Meta:
        ordering = ("-version",)
        verbose_name = _("report")
        verbose_name_plural = _("reports")
        constraints = (
            models.UniqueConstraint(fields=("diagnosis", "version"), name="one_report_per_diagnosis_and_version"),
            models.UniqueConstraint(
                fields=("diagnosis",),
                condition=models.Q(state__in=("draft", "awaiting_second")),
                name="one_open_report_per_diagnosis",
            ),
            models.UniqueConstraint(
                fields=("diagnosis",), condition=models.Q(state="signed"), name="one_signed_report_per_diagnosis"
            ),
        )
        indexes = (
            models.Index(fields=("state", "-updated_at"), name="report_state_newest"),
            models.Index(fields=("signed_by", "-signed_at"), name="report_signer_newest"),
        )

    def __str__(self) -> str:
        return f"{self.get_verdict_display()} · {self.get_state_display()}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        self._refuse_if_fixed(only_called_amended=self.state == self.State.AMENDED, kwargs=kwargs)
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        self._refuse_if_fixed(only_called_amended=False, kwargs=kwargs)
        return super().delete(*args, **kwargs)

    def _refuse_if_fixed(self, *, only_called_amended: bool, kwargs: dict[str, Any]) -> None:
        # What counts is what stands in the database, not what this object says of itself.
        stored = Report.objects.filter(pk=self.pk).values_list("state", flat=True).first()
        if stored not in self.FIXED:
            return
        if stored == self.State.SIGNED and only_called_amended and set(kwargs.get("update_fields") or ()) == {"state"}:
            return
        raise ReportIsFixed(str(self.pk))

    @property
    def is_fixed(self) -> bool:
        return self.state in self.FIXED

    @property
    def token(self) -> str:
        """What somebody who saw this report as it is now can show for it."""
        return f"{self.pk.hex}-{self.revision}"

    @property
    def printed_code(self) -> str:
        """The verification code in groups of four, as it is printed."""
        return "-".join(self.code[start : start + 4] for start in range(0, _CODE_LENGTH, 4))

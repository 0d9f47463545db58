"""What goes in and comes out of API v1 about reports."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from diagnosis.models import Diagnosis
from diagnosis.review import findings, reporting, signing
from diagnosis.review.models import Report

LABEL = serializers.ChoiceField(
    choices=Diagnosis.Label.choices,
    allow_null=True,
    read_only=True,
    help_text=_("The class that the report names. Null where it names none."),
)
VERDICT = serializers.ChoiceField(
    choices=Report.Verdict.choices, allow_null=True, read_only=True, help_text=_("Null in a draft that has none yet.")
)


class ReportFindingSerializer(serializers.Serializer[Any]):
    """A finding of the table."""

    code = serializers.CharField(help_text=_("Stable, our own, e.g. “atrial_fibrillation”."))
    name = serializers.CharField()
    snomed = serializers.CharField(help_text=_("SNOMED CT concept; may be empty."))


class ReportSignatureSerializer(serializers.Serializer[Any]):
    user = serializers.CharField(help_text=_("User name of the signer."))
    at = serializers.DateTimeField()
    proof = serializers.ChoiceField(choices=Report.Proof.choices, help_text=_("How the signer proved who they are."))


class ReportBriefSerializer(serializers.ModelSerializer[Report]):
    """The report on a diagnosis in short: the version that holds, else the open one."""

    url = serializers.HyperlinkedIdentityField(view_name="api:report-detail")
    verdict = serializers.SerializerMethodField()
    label = serializers.SerializerMethodField()  # type: ignore[assignment]

    class Meta:
        model = Report
        fields: tuple[str, ...] = ("id", "url", "version", "state", "verdict", "label", "signed_at")
        read_only_fields = fields

    @extend_schema_field(VERDICT)
    def get_verdict(self, report: Report) -> str | None:
        return report.verdict or None

    @extend_schema_field(LABEL)
    def get_label(self, report: Report) -> str | None:
        return report.label or None


class ReportSerializer(ReportBriefSerializer):
    """One version of what a clinician says about one reading."""

    diagnosis = serializers.UUIDField(source="diagnosis_id", read_only=True)
    diagnosis_url: serializers.HyperlinkedRelatedField[Diagnosis] = serializers.HyperlinkedRelatedField(
        view_name="api:diagnosis-detail", source="diagnosis", read_only=True
    )
    findings = serializers.SerializerMethodField()
    author = serializers.CharField(source="author.username", read_only=True, help_text=_("Who wrote it last."))
    signatures = serializers.SerializerMethodField(help_text=_("One, or two where the site asks for four eyes."))
    intact = serializers.SerializerMethodField(
        help_text=_("False where the row is no longer what was signed: do not rely on it.")
    )
    token = serializers.CharField(
        read_only=True, help_text=_("Send it back with a change or signature, as proof that you saw this state.")
    )

    class Meta(ReportBriefSerializer.Meta):
        fields = (
            *("id", "url", "diagnosis", "diagnosis_url", "version", "state", "verdict", "label", "findings", "comment"),
            *("amendment_reason", "sent_back_because", "author", "created_at", "updated_at"),
            *("signed_at", "signatures", "fingerprint", "intact", "code", "token"),
        )
        read_only_fields = fields

    @extend_schema_field(ReportFindingSerializer(many=True))
    def get_findings(self, report: Report) -> list[dict[str, Any]]:
        return list(ReportFindingSerializer(findings.named(report.findings), many=True).data)

    @extend_schema_field(ReportSignatureSerializer(many=True))
    def get_signatures(self, report: Report) -> list[dict[str, Any]]:
        signatures = (
            (report.signed_by, report.signed_at, report.signed_with),
            (report.second_signed_by, report.second_signed_at, report.second_signed_with),
        )
        rows = [{"user": user.username, "at": at, "proof": proof} for user, at, proof in signatures if user]
        return list(ReportSignatureSerializer(rows, many=True).data)

    def get_intact(self, report: Report) -> bool:
        return signing.is_intact(report)


class StandingSerializer(serializers.Serializer[Any]):
    """Every version of the report on one diagnosis."""

    open = ReportSerializer(allow_null=True, help_text=_("The draft, or what waits for its second signature."))
    signed = ReportSerializer(allow_null=True, help_text=_("The version that holds."))
    earlier = ReportSerializer(many=True, help_text=_("Versions that an amendment replaced, newest first."))


class DraftSerializer(serializers.Serializer[Any]):
    """A draft as it is to be saved."""

    verdict = serializers.ChoiceField(choices=Report.Verdict.choices, required=False, allow_blank=True, default="")
    label = serializers.ChoiceField(  # type: ignore[assignment]
        choices=Diagnosis.Label.choices,
        required=False,
        allow_blank=True,
        default="",
        help_text=_("With “override”; with “agree” it is the model's and may be left out."),
    )
    findings = serializers.ListField(
        child=serializers.ChoiceField(choices=[(one.code, one.name) for one in findings.FINDINGS]),
        required=False,
        default=list,
    )
    comment = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=reporting.MAX_COMMENT_LENGTH
    )
    token = serializers.CharField(
        required=False,
        allow_blank=True,
        default="",
        max_length=60,
        help_text=_("Of the draft that this changes; empty or left out to begin one."),
    )


class SignSerializer(serializers.Serializer[Any]):
    token = serializers.CharField(max_length=60, help_text=_("Of the report as it was read before signing."))
    password = serializers.CharField(
        required=False,
        allow_blank=True,
        default="",
        trim_whitespace=False,
        max_length=4096,
        style={"input_type": "password"},
        help_text=_("Of a signer without a second factor."),
    )
    otp = serializers.CharField(
        required=False,
        allow_blank=True,
        default="",
        max_length=40,
        help_text=_("Of a signer with a second factor: the code of the app, or a recovery code."),
    )


class ReasonSerializer(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=reporting.MAX_REASON_LENGTH)


class TokenQuerySerializer(serializers.Serializer[Any]):
    token = serializers.CharField(max_length=60, help_text=_("Of the draft as it was read before it is discarded."))


class ReportFilterSerializer(serializers.Serializer[Any]):
    """The filters of the reports, all optional."""

    state = serializers.ChoiceField(required=False, allow_blank=True, choices=Report.State.choices)
    signer = serializers.CharField(
        required=False, allow_blank=True, max_length=150, help_text=_("User name of the first or second signer.")
    )
    since = serializers.DateField(
        required=False, help_text=_("First day of the signature, or for drafts of the last change.")
    )

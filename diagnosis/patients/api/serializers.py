"""What comes out of the API's patients."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.reverse import reverse

from diagnosis.api.serializers import LinkField, SiteSerializer
from diagnosis.models import Diagnosis
from diagnosis.patients import trends
from diagnosis.review.models import Report


class PatientSerializer(serializers.Serializer[Any]):
    """A reference of one of your sites."""

    url = serializers.SerializerMethodField()
    site = serializers.SerializerMethodField()
    patient_reference = serializers.CharField()
    pages = serializers.IntegerField(help_text=_("How many pages carry it."))
    first = serializers.DateTimeField(help_text=_("When the first page was uploaded."))
    last = serializers.DateTimeField(help_text=_("When the last page was uploaded."))

    @extend_schema_field(serializers.URLField())
    def get_url(self, row: dict[str, Any]) -> str:
        keys = {"site": row["site_id"], "reference": row["patient_reference"]}
        return str(reverse("api:patient-detail", kwargs=keys, request=self.context.get("request")))

    @extend_schema_field(SiteSerializer)
    def get_site(self, row: dict[str, Any]) -> dict[str, Any]:
        return {"id": row["site_id"], "name": row["site_name"]}


class SignedReportSerializer(serializers.ModelSerializer[Report]):
    """What was signed on a page."""

    signed_by = serializers.CharField(source="signed_by.username", allow_null=True, default=None)

    class Meta:
        model = Report
        fields = ("verdict", "label", "signed_by", "signed_at")


class PatientPageSerializer(serializers.ModelSerializer[Diagnosis]):
    """One page of a patient with its newest diagnosis."""

    diagnosis = serializers.UUIDField(source="pk", read_only=True)
    url = LinkField(view_name="api:diagnosis-detail")
    upload = serializers.UUIDField(source="upload_id", read_only=True)
    uploaded_at = serializers.DateTimeField(source="upload.created_at", read_only=True)
    recorded_at = serializers.DateTimeField(
        source="upload.recorded_at", read_only=True, allow_null=True, help_text=_("Null if nobody said when.")
    )
    status = serializers.ChoiceField(choices=Diagnosis.State.choices, source="state", read_only=True)
    report = serializers.SerializerMethodField(help_text=_("The signed one; null where there is none."))
    measurements = serializers.SerializerMethodField(
        help_text=_("Those that are followed over time, by name; what was not measured is absent.")
    )

    class Meta:
        model = Diagnosis
        fields = (
            *("diagnosis", "url", "upload", "uploaded_at", "recorded_at", "status", "label", "abstained", "confidence"),
            *("report", "measurements"),
        )

    @extend_schema_field(SignedReportSerializer(allow_null=True))
    def get_report(self, diagnosis: Diagnosis) -> Any:
        signed = next(iter(getattr(diagnosis, "signed_reports", ())), None)
        return SignedReportSerializer(signed).data if signed is not None else None

    @extend_schema_field(serializers.DictField(child=serializers.FloatField()))
    def get_measurements(self, diagnosis: Diagnosis) -> dict[str, float]:
        measured = trends.raw(diagnosis)
        return {name: measured[name]["value"] for name in trends.FOLLOWED if name in measured}


class PatientFilterSerializer(serializers.Serializer[Any]):
    search = serializers.CharField(
        required=False, allow_blank=True, max_length=200, help_text=_("Words that all occur in the reference.")
    )

"""What goes in and comes out of API v1."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.reverse import reverse

from accounts.models import Site
from accounts.scopes import Scope, scopes_of
from diagnosis import explanations, messages, wording
from diagnosis.intake import MAX_NOTE_LENGTH, MAX_REFERENCE_LENGTH
from diagnosis.models import Diagnosis, Explanation, Heatmap, ModelVersion, Tracing, Upload
from diagnosis.review.api.serializers import ReportBriefSerializer
from diagnosis.review.models import Report
from diagnosis.review.selectors import standing
from diagnosis.searching import NO_REPORT, NOT_SURE
from diagnosis.selectors import tracing_of

RANDOMISATION_CHECK = serializers.ChoiceField(
    choices=[
        (explanations.PASSED, _("Its maps depend on what the network learned.")),
        (explanations.FAILED, _("Its maps stay partly the same without what the network learned.")),
        (explanations.NOT_TESTED, _("Not yet tested for this model.")),
    ],
    read_only=True,
    help_text=_("Whether its maps change when the network's learned weights are replaced by random ones."),
)
UPLOAD_WARNINGS = serializers.ListField(
    child=serializers.CharField(),
    read_only=True,
    help_text=_("Stable codes of where the page comes from, e.g. “rendered_from_waveform” or “may_show_names”."),
)
METHOD_STATES = [(explanations.NOT_REQUESTED, _("Not requested")), *Explanation.State.choices]


class LinkField(serializers.HyperlinkedIdentityField):
    """An absolute address; whoever follows it needs the same token."""


class SiteSerializer(serializers.ModelSerializer[Site]):
    class Meta:
        model = Site
        fields = ("id", "name")


class DiagnosisBriefSerializer(serializers.ModelSerializer[Diagnosis]):
    status = serializers.ChoiceField(choices=Diagnosis.State.choices, source="state", read_only=True)
    url = LinkField(view_name="api:diagnosis-detail")
    upload = serializers.UUIDField(source="upload_id", read_only=True)
    page_number = serializers.IntegerField(source="upload.page_number", read_only=True)

    class Meta:
        model = Diagnosis
        fields = ("id", "status", "url", "upload", "page_number")


class DetailsSerializer(serializers.Serializer[Any]):
    """What is noted of a page. What is left out stays as it is."""

    patient_reference = serializers.CharField(required=False, allow_blank=True, max_length=MAX_REFERENCE_LENGTH)
    note = serializers.CharField(required=False, allow_blank=True, max_length=MAX_NOTE_LENGTH)
    recorded_at = serializers.DateTimeField(
        required=False,
        allow_null=True,
        help_text=_("When the ECG was taken; without an offset in the server’s time zone."),
    )


class UploadInSerializer(DetailsSerializer):
    """The form fields of an upload."""

    # Empty files and long names are left to the intake, which has a sentence for each.
    file = serializers.FileField(
        allow_empty_file=True, help_text=_("JPEG, PNG, TIFF, WebP, PDF or DICOM, up to 25 MB.")
    )
    site = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=120,
        help_text=_("Number or name of one of your sites; default: your first one."),
    )


class UploadSerializer(serializers.ModelSerializer[Upload]):
    """One page. A PDF of n pages is n of these."""

    site = SiteSerializer(read_only=True)
    uploaded_by = serializers.CharField(source="uploaded_by.username", read_only=True)
    page_url = LinkField(view_name="diagnosis:page_image")
    thumbnail_url = LinkField(view_name="diagnosis:thumbnail")
    original_url = LinkField(
        view_name="diagnosis:original", help_text=_("The file as it was sent; of DICOM, a copy that names nobody.")
    )
    diagnoses = DiagnosisBriefSerializer(many=True, read_only=True)
    warnings = UPLOAD_WARNINGS

    class Meta:
        model = Upload
        fields: tuple[str, ...] = (
            "id",
            "sha256",
            "diagnoses",
            "site",
            "uploaded_by",
            "created_at",
            "original_name",
            "media_type",
            "byte_size",
            "page_number",
            "width",
            "height",
            "patient_reference",
            "note",
            "recorded_at",
            "warnings",
            "page_url",
            "thumbnail_url",
            "original_url",
        )
        read_only_fields = fields


class AcceptedSerializer(serializers.Serializer[Any]):
    """What became of an uploaded file."""

    id = serializers.UUIDField(help_text=_("The upload; of a PDF, its first page. For a duplicate the earlier upload."))
    sha256 = serializers.CharField(help_text=_("Of the file as it was sent."))
    duplicate_of = serializers.UUIDField(
        allow_null=True, help_text=_("The earlier upload of the same file at the same site, if there is one.")
    )
    url = serializers.URLField()
    diagnoses = DiagnosisBriefSerializer(many=True, help_text=_("Of every page of the file."))
    uploads = serializers.ListField(child=serializers.UUIDField(), help_text=_("One for each page of the file."))


class ModelVersionSerializer(serializers.ModelSerializer[ModelVersion]):
    class Meta:
        model = ModelVersion
        fields = ("name", "version", "sha256")


class HeatmapSerializer(serializers.ModelSerializer[Heatmap]):
    url = LinkField(view_name="diagnosis:overlay", help_text=_("The page with the heat drawn on it, JPEG."))
    layer_url = LinkField(
        view_name="diagnosis:heat_layer",
        help_text=_("The heat alone, transparent PNG to be stretched over the page image edge to edge."),
    )

    class Meta:
        model = Heatmap
        fields = ("method", "label", "url", "layer_url")


class CropSerializer(serializers.Serializer[Any]):
    """The part of the page that was read, in pixels of the page image."""

    x = serializers.IntegerField()
    y = serializers.IntegerField()
    width = serializers.IntegerField()
    height = serializers.IntegerField()


class PageSerializer(serializers.ModelSerializer[Upload]):
    """The page a diagnosis is about."""

    site = SiteSerializer(read_only=True)
    url = LinkField(view_name="api:upload-detail")
    page_url = LinkField(view_name="diagnosis:page_image")
    warnings = UPLOAD_WARNINGS

    class Meta:
        model = Upload
        fields = (
            *("id", "url", "page_url", "sha256", "site", "created_at"),
            *(
                "original_name",
                "page_number",
                "width",
                "height",
                "patient_reference",
                "note",
                "recorded_at",
                "warnings",
            ),
        )


class MeasurementSerializer(serializers.Serializer[Any]):
    """One value; what could not be measured is absent."""

    name = serializers.CharField(help_text=_("Stable, e.g. “qrs_duration”."))
    value = serializers.FloatField()
    unit = serializers.CharField(help_text=_("UCUM symbol."))
    confidence = serializers.FloatField(help_text=_("0…1."))
    lead = serializers.CharField(allow_null=True, help_text=_("Of values of a single lead."))
    unusual = serializers.BooleanField(help_text=_("Outside of what is usual in adults."))


class MeasurementsSerializer(serializers.Serializer[Any]):
    regular = serializers.BooleanField(allow_null=True, help_text=_("Whether the ventricles beat regularly."))
    beats_s = serializers.ListField(child=serializers.FloatField(), help_text=_("Times of the beats in seconds."))
    values = MeasurementSerializer(many=True)
    per_lead = MeasurementSerializer(many=True)


class FindingSerializer(serializers.Serializer[Any]):
    """A sentence, and the numbers it was made from."""

    code = serializers.CharField(help_text=_("Stable, e.g. “st_elevation”."))
    text = serializers.CharField()
    values = serializers.DictField(child=serializers.FloatField())
    unusual = serializers.BooleanField()


class QualitySerializer(serializers.ModelSerializer[Tracing]):
    """How well the traces of the page were read."""

    reason = serializers.CharField(help_text=_("Why they were not read, as a stable code; else empty."))
    message = serializers.SerializerMethodField(help_text=_("The same as a sentence."))
    poor_leads = serializers.ListField(child=serializers.CharField(), help_text=_("Leads that were read badly."))

    class Meta:
        model = Tracing
        fields = (
            *("reason", "message", "layout", "px_per_mm", "scale_source", "rotation_deg"),
            *("quality", "poor_leads"),
        )

    def get_message(self, tracing: Tracing) -> str:
        return messages.unread_traces(tracing.reason) if tracing.reason else ""


class DiagnosisSerializer(serializers.ModelSerializer[Diagnosis]):
    """One reading of one page by one model."""

    url = LinkField(view_name="api:diagnosis-detail")
    status = serializers.ChoiceField(choices=Diagnosis.State.choices, source="state", read_only=True)
    reason = serializers.SerializerMethodField(help_text=_("Why there is no result, as a stable code; else empty."))
    message = serializers.SerializerMethodField(help_text=_("The same as a sentence a person can act on."))
    label = serializers.SerializerMethodField(  # type: ignore[assignment]
        help_text=_("The most probable class; not an answer where “abstained” is true. Null without a result.")
    )
    abstained = serializers.BooleanField(
        read_only=True, help_text=_("The model is not sure: no class reaches its threshold.")
    )
    probabilities = serializers.DictField(
        child=serializers.FloatField(), read_only=True, help_text=_("Calibrated, by class.")
    )
    possible = serializers.ListField(
        child=serializers.CharField(),
        read_only=True,
        help_text=_(
            "Classes that remain possible; of each class's pages, nine in ten have theirs among them. May be empty."
        ),
    )
    answered_by = serializers.SerializerMethodField(
        help_text=_("What the answer was taken from. Null without a result.")
    )
    second_opinion = serializers.DictField(
        child=serializers.FloatField(),
        read_only=True,
        allow_null=True,
        help_text=_("Probabilities from the picture alone, where the answer was taken from the traces."),
    )
    distance = serializers.FloatField(
        read_only=True, allow_null=True, help_text=_("How unlike the training pages the traces are; 1 is usual.")
    )
    warnings = serializers.ListField(
        child=serializers.CharField(), read_only=True, help_text=_("Stable codes, e.g. “grid_not_found”.")
    )
    crop = CropSerializer(read_only=True, allow_null=True)
    model = ModelVersionSerializer(source="model_version", read_only=True, allow_null=True)
    heatmaps = HeatmapSerializer(many=True, read_only=True)
    explanations_url = LinkField(view_name="api:diagnosis-explanations", help_text=_("How it can be explained."))
    quality = QualitySerializer(
        source="tracing",
        read_only=True,
        allow_null=True,
        default=None,
        help_text=_("How well the traces were read. Null until they are, a moment after the answer."),
    )
    measurements = serializers.SerializerMethodField(
        help_text=_("On the traces; null until a moment after the answer, and where they were not read.")
    )
    text = serializers.SerializerMethodField(help_text=_("The findings in words; empty where nothing was measured."))
    leads_url = LinkField(view_name="api:diagnosis-leads", help_text=_("The traces as signals, JSON or CSV."))
    report = serializers.SerializerMethodField(
        help_text=_(
            "The clinician's report: the signed version, else the open one. Null without any, and without the scope."
        )
    )
    report_url = LinkField(view_name="api:diagnosis-report", help_text=_("Every version of it."))
    upload = PageSerializer(read_only=True)
    page_url = serializers.SerializerMethodField(help_text=_("The page image, JPEG or PNG."))
    result_url = LinkField(view_name="diagnosis:result", help_text=_("The result for people, in a browser."))

    class Meta:
        model = Diagnosis
        fields: tuple[str, ...] = (
            *("id", "url", "status", "reason", "message"),
            *("label", "abstained", "confidence", "probabilities", "possible"),
            *("answered_by", "second_opinion", "distance", "warnings", "crop"),
            *("quality", "measurements", "text", "leads_url"),
            *("model", "heatmaps", "explanations_url", "report", "report_url"),
            *("upload", "page_url", "result_url"),
            *("created_at", "started_at", "finished_at"),
        )
        read_only_fields = fields

    def get_reason(self, diagnosis: Diagnosis) -> str:
        # While another attempt is to come, the reason of the last one is the administrators' business.
        return diagnosis.reason if diagnosis.is_ended else ""

    def get_message(self, diagnosis: Diagnosis) -> str:
        return messages.describe(diagnosis)

    @extend_schema_field(serializers.ChoiceField(choices=Diagnosis.Label.choices, allow_null=True))
    def get_label(self, diagnosis: Diagnosis) -> str | None:
        return diagnosis.label or None

    @extend_schema_field(serializers.ChoiceField(choices=Diagnosis.Source.choices, allow_null=True))
    def get_answered_by(self, diagnosis: Diagnosis) -> str | None:
        return diagnosis.answered_by or None

    @extend_schema_field(MeasurementsSerializer(allow_null=True))
    def get_measurements(self, diagnosis: Diagnosis) -> dict[str, Any] | None:
        tracing = tracing_of(diagnosis)
        return tracing.measurements or None if tracing else None

    @extend_schema_field(FindingSerializer(many=True))
    def get_text(self, diagnosis: Diagnosis) -> list[dict[str, Any]]:
        tracing = tracing_of(diagnosis)
        return wording.sentences(tracing) if tracing else []

    @extend_schema_field(ReportBriefSerializer(allow_null=True))
    def get_report(self, diagnosis: Diagnosis) -> dict[str, Any] | None:
        if Scope.REPORTS_READ not in scopes_of(self.context.get("request")):
            return None
        foremost = standing(diagnosis.reports.all()).foremost
        return dict(ReportBriefSerializer(foremost, context=self.context).data) if foremost else None

    @extend_schema_field(serializers.URLField())
    def get_page_url(self, diagnosis: Diagnosis) -> str:
        return _absolute("diagnosis:page_image", diagnosis.upload_id, self.context)


class DiagnosisRowSerializer(DiagnosisSerializer):
    """A reading in a list: all but the measurements, which are many."""

    measurements = None  # type: ignore[assignment]

    class Meta(DiagnosisSerializer.Meta):
        fields = tuple(name for name in DiagnosisSerializer.Meta.fields if name != "measurements")
        read_only_fields = fields


class ExplanationSerializer(serializers.ModelSerializer[Explanation]):
    """One map of where the evidence lies, asked for after the reading."""

    url = LinkField(view_name="api:explanation-detail")
    diagnosis = serializers.UUIDField(source="diagnosis_id", read_only=True)
    status = serializers.ChoiceField(choices=Explanation.State.choices, source="state", read_only=True)
    progress = serializers.IntegerField(read_only=True, min_value=0, max_value=100, help_text=_("Per cent."))
    reason = serializers.SerializerMethodField(help_text=_("Stable code of a failure."))
    message = serializers.SerializerMethodField(help_text=_("The same as a sentence."))
    randomisation_check = serializers.SerializerMethodField()
    details = serializers.DictField(
        read_only=True, help_text=_("Figures that the method gives about itself, e.g. “local_r2” of LIME.")
    )
    heatmap = HeatmapSerializer(read_only=True, allow_null=True)

    class Meta:
        model = Explanation
        fields = (
            *("id", "url", "diagnosis", "method", "label", "status", "progress", "reason", "message"),
            *("randomisation_check", "details", "heatmap", "created_at", "started_at", "finished_at"),
        )
        read_only_fields = fields

    def get_reason(self, explanation: Explanation) -> str:
        return explanation.reason if explanation.is_ended else ""

    def get_message(self, explanation: Explanation) -> str:
        return messages.describe_explanation(explanation)

    @extend_schema_field(RANDOMISATION_CHECK)
    def get_randomisation_check(self, explanation: Explanation) -> str:
        return explanations.randomisation_check(explanation.diagnosis.model_version, explanation.method)


class MethodSerializer(serializers.Serializer[Any]):
    """A method that can explain the answer, and how far it has come for one class."""

    name = serializers.CharField(source="method.name")
    title = serializers.SerializerMethodField()
    summary = serializers.SerializerMethodField(help_text=_("What its map shows, and what not."))
    source = serializers.CharField(source="method.source", help_text=_("Paper or library."))  # type: ignore[assignment]
    randomisation_check = RANDOMISATION_CHECK
    label = serializers.ChoiceField(choices=Diagnosis.Label.choices)  # type: ignore[assignment]
    status = serializers.ChoiceField(choices=METHOD_STATES, source="state")
    explanation = ExplanationSerializer(allow_null=True, help_text=_("What was asked for; null: nothing."))
    heatmap = HeatmapSerializer(allow_null=True, help_text=_("Its picture; one comes with the reading."))

    def get_title(self, choice: explanations.Choice) -> str:
        return wording.method_title(choice.method)

    def get_summary(self, choice: explanations.Choice) -> str:
        return wording.method_summary(choice.method)


class WantedExplanationSerializer(serializers.Serializer[Any]):
    method = serializers.CharField(max_length=40, help_text=_("Name of one of the methods of this diagnosis."))
    label = serializers.ChoiceField(  # type: ignore[assignment]
        required=False, choices=Diagnosis.Label.choices, help_text=_("The class to explain; default: the answer given.")
    )


class MethodFilterSerializer(serializers.Serializer[Any]):
    label = serializers.ChoiceField(  # type: ignore[assignment]
        required=False, choices=Diagnosis.Label.choices, help_text=_("The class to explain; default: the answer given.")
    )
    status = serializers.ChoiceField(
        required=False,
        choices=Explanation.State.choices,
        help_text=_("Only methods whose explanation is in this state."),
    )


class HistoryFilterSerializer(serializers.Serializer[Any]):
    """The filters of the history, all optional."""

    search = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=200,
        help_text=_("Words in the patient reference, file name or note, or the start of the SHA-256."),
    )
    label = serializers.ChoiceField(  # type: ignore[assignment]
        required=False,
        allow_blank=True,
        choices=[*Diagnosis.Label.choices, (NOT_SURE, _("Not sure"))],
        help_text=_("The answer given; “not_sure” for abstentions."),
    )
    state = serializers.ChoiceField(required=False, allow_blank=True, choices=Diagnosis.State.choices)
    site = serializers.CharField(
        required=False, allow_blank=True, max_length=120, help_text=_("Number or name of a site.")
    )
    reviewer = serializers.CharField(
        required=False, allow_blank=True, max_length=150, help_text=_("User name of somebody who signed the report.")
    )
    agreement = serializers.ChoiceField(
        required=False,
        allow_blank=True,
        choices=[*Report.Verdict.choices, (NO_REPORT, _("No signed report"))],
        help_text=_("What the signed report says of the model's answer; “none” where there is no signed report."),
    )
    model = serializers.RegexField(
        "^[0-9a-fA-F]{4,64}$",
        required=False,
        allow_blank=True,
        help_text=_("The SHA-256 of the model's bundle, or its start."),
    )
    confidence_min = serializers.FloatField(required=False, min_value=0, max_value=1, help_text=_("0…1, included."))
    confidence_max = serializers.FloatField(required=False, min_value=0, max_value=1, help_text=_("0…1, included."))
    since = serializers.DateField(required=False, help_text=_("First day."))
    until = serializers.DateField(required=False, help_text=_("Last day, included."))


class StretchSerializer(serializers.Serializer[Any]):
    """One stretch of one lead."""

    name = serializers.CharField()
    rhythm = serializers.BooleanField(help_text=_("Whether it is a rhythm strip."))
    start_s = serializers.FloatField(help_text=_("Seconds after the left edge of the traces."))
    sampling_rate_hz = serializers.FloatField(help_text=_("One sample a column of pixels."))
    quality = serializers.FloatField(help_text=_("0…1."))
    label_agrees = serializers.BooleanField(allow_null=True, help_text=_("Whether the printed name says the same."))
    signal_mv = serializers.ListField(child=serializers.FloatField(allow_null=True), help_text=_("Null in gaps."))


class LeadsSerializer(serializers.Serializer[Any]):
    """The traces of a page as signals."""

    layout = serializers.CharField()
    px_per_mm = serializers.FloatField()
    scale_source = serializers.ChoiceField(choices=["grid", "pulse", "layout"])
    rotation_deg = serializers.FloatField()
    gain_mm_per_mv = serializers.FloatField()
    warnings = serializers.ListField(child=serializers.CharField())
    leads = StretchSerializer(many=True)


class FieldProblemSerializer(serializers.Serializer[Any]):
    field = serializers.CharField()
    code = serializers.CharField()
    message = serializers.CharField()


class ProblemSerializer(serializers.Serializer[Any]):
    """Problem details (RFC 9457)."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.CharField(help_text=_("Stable, for machines."))
    detail = serializers.CharField(help_text=_("A sentence a person can act on."))
    errors = FieldProblemSerializer(  # type: ignore[assignment]
        many=True, required=False, help_text=_("With “validation_error”: by field.")
    )


def _absolute(view_name: str, pk: uuid.UUID, context: Mapping[str, Any]) -> str:
    return str(reverse(view_name, kwargs={"pk": pk}, request=context.get("request")))

"""What goes in and comes out of the API's batches."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from diagnosis.api.serializers import LinkField, SiteSerializer, UploadInSerializer
from diagnosis.worklist.batch_views import Progress, ShownFile, progress_of, with_readings
from diagnosis.worklist.messages import describe_batch, describe_file
from diagnosis.worklist.models import Batch, BatchFile


class BatchInSerializer(UploadInSerializer):
    """The form fields of a batch."""

    file = serializers.ListField(  # type: ignore[assignment]
        child=serializers.FileField(allow_empty_file=True),
        allow_empty=True,
        help_text=_("One ZIP archive, or up to 100 files of which none is one; the field may be repeated."),
    )
    # Of many pages at once there is no one time.
    recorded_at = None  # type: ignore[assignment]


class BatchFileSerializer(serializers.Serializer[Any]):
    """What became of one file."""

    name = serializers.CharField()
    status = serializers.ChoiceField(choices=BatchFile.State.choices, source="state")
    reason = serializers.CharField(help_text=_("Why it was not taken in, as a stable code; else empty."))
    message = serializers.SerializerMethodField(help_text=_("The same as a sentence."))
    upload = serializers.UUIDField(
        source="upload_id",
        allow_null=True,
        help_text=_("The page, of a PDF the first; of a duplicate the earlier one."),
    )
    diagnoses = serializers.SerializerMethodField(help_text=_("The newest diagnosis of each of its pages."))

    def get_message(self, file: ShownFile) -> str:
        return describe_file(file.file)

    @extend_schema_field(serializers.ListField(child=serializers.UUIDField()))
    def get_diagnoses(self, file: ShownFile) -> list[str]:
        return [str(reading.pk) for reading in file.readings]


class ProgressSerializer(serializers.Serializer[Any]):
    """How far a batch has come, in files; “being_read” in pages."""

    total = serializers.IntegerField()
    waiting = serializers.IntegerField()
    stored = serializers.IntegerField()
    duplicate = serializers.IntegerField()
    refused = serializers.IntegerField()
    failed = serializers.IntegerField()
    being_read = serializers.IntegerField()


class BatchSerializer(serializers.ModelSerializer[Batch]):
    """Many files taken in together."""

    url = LinkField(view_name="api:batch-detail")
    page_url = LinkField(view_name="diagnosis:worklist:batch", help_text=_("The batch for people, in a browser."))
    status = serializers.ChoiceField(choices=Batch.State.choices, source="state", read_only=True)
    message = serializers.SerializerMethodField(help_text=_("Why it was given up; else empty."))
    site = SiteSerializer(read_only=True)
    progress = serializers.SerializerMethodField()
    files = serializers.SerializerMethodField()

    class Meta:
        model = Batch
        fields = (
            *("id", "url", "page_url", "status", "reason", "message", "name", "site", "patient_reference", "note"),
            *("progress", "files", "created_at", "started_at", "finished_at"),
        )
        read_only_fields = fields

    def get_message(self, batch: Batch) -> str:
        return describe_batch(batch)

    @extend_schema_field(ProgressSerializer)
    def get_progress(self, batch: Batch) -> Any:
        progress: Progress = progress_of(batch)
        return ProgressSerializer(progress).data

    @extend_schema_field(BatchFileSerializer(many=True))
    def get_files(self, batch: Batch) -> Any:
        return BatchFileSerializer(with_readings(batch, batch.files.all()), many=True).data

"""API v1: the models that read pages."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_field, extend_schema_view
from rest_framework import generics, serializers

from accounts.scopes import Scope
from diagnosis import explanations, selectors, wording
from diagnosis.api.serializers import RANDOMISATION_CHECK, LinkField
from diagnosis.models import ModelVersion
from ml.explain import METHODS

_A_MODEL = {
    "id": 1,
    "url": "https://ecg.example.org/api/v1/models/1/",
    "name": "hybrid",
    "version": "1.1.0",
    "sha256": "9b1c0c5f4a2e6d7788990a1b2c3d4e5f60718293a4b5c6d7e8f90123456789ab",
    "architecture": "custom_cnn",
    "classes": ["normal", "abnormal_heartbeat", "history_mi", "mi"],
    "is_active": True,
    "registered_at": "2026-10-01T07:00:00Z",
    "activated_at": "2026-10-01T07:05:00Z",
}


class KnownModelSerializer(serializers.ModelSerializer[ModelVersion]):
    """A model as it was registered."""

    url = LinkField(view_name="api:model-detail")
    classes = serializers.ListField(child=serializers.CharField(), read_only=True, help_text=_("What it tells apart."))

    class Meta:
        model = ModelVersion
        fields: tuple[str, ...] = (
            *("id", "url", "name", "version", "sha256", "architecture", "classes"),
            *("is_active", "registered_at", "activated_at"),
        )
        read_only_fields = fields


class JudgedMethodSerializer(serializers.Serializer[Any]):
    """A way of explaining this model's answers."""

    name = serializers.CharField()
    title = serializers.CharField()
    randomisation_check = RANDOMISATION_CHECK


class ModelDetailSerializer(KnownModelSerializer):
    """With its card, and the methods that explain what it saw in the picture."""

    card = serializers.CharField(
        read_only=True, help_text=_("Markdown: what it is, how it was made, how well it does.")
    )
    explanations = serializers.SerializerMethodField()

    class Meta(KnownModelSerializer.Meta):
        fields = (*KnownModelSerializer.Meta.fields, "card", "explanations")
        read_only_fields = fields

    @extend_schema_field(JudgedMethodSerializer(many=True))
    def get_explanations(self, version: ModelVersion) -> list[dict[str, str]]:
        return [
            {
                "name": method.name,
                "title": wording.method_title(method),
                "randomisation_check": explanations.randomisation_check(version, method.name),
            }
            for method in METHODS.values()
            if method.applies_to(version.architecture)
        ]


@extend_schema_view(
    get=extend_schema(
        operation_id="models_list",
        summary="The models",
        description=_("All of them at once, newest first. One at most is active: it reads every new page."),
        tags=["models"],
        examples=[OpenApiExample("The active one", value=_A_MODEL, response_only=True, status_codes=["200"])],
    )
)
class ModelsView(generics.ListAPIView[ModelVersion]):
    """What reads pages, or did."""

    required_scopes = Scope.DIAGNOSES_READ
    serializer_class = KnownModelSerializer
    pagination_class = None

    def get_queryset(self) -> QuerySet[ModelVersion]:
        return selectors.model_versions_visible_to(self.request.user)


@extend_schema_view(
    get=extend_schema(
        operation_id="models_retrieve",
        summary="One model",
        tags=["models"],
        examples=[
            OpenApiExample(
                "With its card",
                value={
                    **_A_MODEL,
                    "card": "# hybrid 1.1.0\n\nReads signals where it can…",
                    "explanations": [
                        {"name": "grad_cam", "title": "Grad-CAM", "randomisation_check": "passed"},
                    ],
                },
                response_only=True,
                status_codes=["200"],
            )
        ],
    )
)
class ModelDetailView(generics.RetrieveAPIView[ModelVersion]):
    """One model with its card."""

    required_scopes = Scope.DIAGNOSES_READ
    serializer_class = ModelDetailSerializer

    def get_queryset(self) -> QuerySet[ModelVersion]:
        return selectors.model_versions_visible_to(self.request.user)

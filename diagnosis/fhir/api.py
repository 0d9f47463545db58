"""API v1: one diagnosis with its report as FHIR R4."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.scopes import Scope
from diagnosis import disclosure, selectors
from diagnosis.api import examples
from diagnosis.api.views import problems_of, user_of
from diagnosis.fhir import bundles
from diagnosis.fhir.views import exported

REFERENCED: Final = "referenced"
EMBEDDED: Final = "embedded"


class NotRead(APIException):
    """The page has no result yet, or none will come."""

    status_code = HTTPStatus.CONFLICT
    default_code = "not_read"
    default_detail = _("There is nothing to export yet. Wait until the page has been read.")


class _WantedSerializer(serializers.Serializer[Any]):
    images = serializers.ChoiceField(choices=[REFERENCED, EMBEDDED], default=REFERENCED)


class FhirView(APIView):
    """One reading, its report and its measurements as a FHIR R4 bundle."""

    required_scopes = (Scope.DIAGNOSES_READ, Scope.PAGES_READ, Scope.REPORTS_READ)

    @extend_schema(
        operation_id="diagnoses_fhir",
        summary="A diagnosis as FHIR R4",
        description=_(
            "A Bundle of type `collection`: DiagnosticReport with Observations, Device, Provenance and Media. "
            "The report is `preliminary` until a clinician has signed, then `final`, and `amended` from the second "
            "version on."
        ),
        tags=["diagnoses"],
        parameters=[
            OpenApiParameter(
                "images",
                OpenApiTypes.STR,
                enum=[REFERENCED, EMBEDDED],
                description=_("Pictures as addresses (default), or inside as Binary."),
            )
        ],
        responses={
            (200, bundles.MEDIA_TYPE): OpenApiResponse(OpenApiTypes.OBJECT),
            **problems_of(400, 401, 404, 409, 429),
        },
        examples=[examples.FHIR],
    )
    def get(self, request: Request, pk: Any) -> HttpResponse:
        wanted = _WantedSerializer(data=request.query_params)
        wanted.is_valid(raise_exception=True)
        diagnosis = get_object_or_404(selectors.diagnoses_visible_to(request.user), pk=pk)
        try:
            bundle = bundles.collection(diagnosis, embed_images=wanted.validated_data["images"] == EMBEDDED)
        except bundles.NothingToExport:
            raise NotRead from None
        disclosure.file_sent(user_of(request), diagnosis.upload, "fhir", downloaded=False)
        return exported(diagnosis, bundle)

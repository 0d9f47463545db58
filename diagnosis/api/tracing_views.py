"""API v1: the traces of a page as signals."""

from __future__ import annotations

from typing import Any, Final

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from diagnosis import selectors, tracing_files
from diagnosis.api.serializers import LeadsSerializer
from diagnosis.api.views import problems_of
from ml.leads import formats

CSV: Final = "csv"


class _WantedSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=["json", CSV], default="json")


class LeadsView(APIView):
    """The leads of one diagnosis' page."""

    @extend_schema(
        operation_id="diagnoses_leads",
        summary="The traces as signals",
        description=_("404 as long as the page has not been read, and where its traces could not be."),
        tags=["diagnoses"],
        parameters=[
            OpenApiParameter("kind", OpenApiTypes.STR, enum=["json", CSV], description=_("CSV: a row a sample."))
        ],
        responses={
            (200, "application/json"): LeadsSerializer,
            (200, "text/csv"): OpenApiResponse(OpenApiTypes.STR),
            **problems_of(400, 401, 404, 429),
        },
    )
    def get(self, request: Request, pk: Any) -> Response | HttpResponse:
        wanted = _WantedSerializer(data=request.query_params)
        wanted.is_valid(raise_exception=True)
        tracing = get_object_or_404(selectors.tracings_visible_to(request.user), diagnosis_id=pk)
        try:
            found = tracing_files.signals(tracing)
        except FileNotFoundError:
            raise Http404 from None
        if wanted.validated_data["kind"] != CSV:
            return Response(found)
        headers = {"Content-Disposition": f'attachment; filename="leads-{pk}.csv"'}
        return HttpResponse(formats.to_csv(found), content_type="text/csv; charset=utf-8", headers=headers)

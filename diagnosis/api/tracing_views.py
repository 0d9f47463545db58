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

from accounts.scopes import Scope
from diagnosis import disclosure, selectors, tracing_files
from diagnosis.api import examples
from diagnosis.api.serializers import LeadsSerializer
from diagnosis.api.views import problems_of, user_of
from ml.leads import formats

CSV: Final = "csv"


class _WantedSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=["json", CSV], default="json")


class LeadsView(APIView):
    """The leads of one diagnosis' page."""

    required_scopes = Scope.DIAGNOSES_READ

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
        examples=[examples.LEADS, examples.LEADS_CSV],
    )
    def get(self, request: Request, pk: Any) -> Response | HttpResponse:
        wanted = _WantedSerializer(data=request.query_params)
        wanted.is_valid(raise_exception=True)
        tracings = selectors.tracings_visible_to(request.user).select_related("diagnosis__upload__site")
        tracing = get_object_or_404(tracings, diagnosis_id=pk)
        try:
            found = tracing_files.signals(tracing)
        except FileNotFoundError:
            raise Http404 from None
        as_csv = wanted.validated_data["kind"] == CSV
        if as_csv or request.auth is not None:
            upload, what = tracing.diagnosis.upload, "leads_csv" if as_csv else "leads"
            disclosure.file_sent(user_of(request), upload, what, downloaded=as_csv)
        if not as_csv:
            return Response(found)
        headers = {"Content-Disposition": f'attachment; filename="leads-{pk}.csv"'}
        return HttpResponse(formats.to_csv(found), content_type="text/csv; charset=utf-8", headers=headers)

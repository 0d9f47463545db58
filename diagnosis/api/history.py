"""Long lists of API v1: pages by place instead of by number, and the history as a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django.utils.encoding import force_str
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import exceptions
from rest_framework.pagination import BasePagination, PageNumberPagination
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.permissions import sites_visible_to
from accounts.scopes import Scope
from diagnosis import disclosure, export, keyset, selectors
from diagnosis.api import examples
from diagnosis.api.serializers import HistoryFilterSerializer, ProblemSerializer
from diagnosis.models import Diagnosis

if TYPE_CHECKING:
    from accounts.models import User

PAGE_SIZE: Final = 25
MAX_PAGE_SIZE: Final = 100


def history_of(request: Request) -> QuerySet[Diagnosis]:
    """The readings that the query parameters leave of those the user sees."""
    wanted = HistoryFilterSerializer(data=request.query_params)
    wanted.is_valid(raise_exception=True)
    filters = {name: value for name, value in wanted.validated_data.items() if value not in (None, "")}
    if site := filters.pop("site", ""):
        visible = sites_visible_to(request.user)
        found = (
            visible.filter(pk=int(site)) if site.isdecimal() and len(site) < 10 else visible.filter(name__iexact=site)
        )
        # A site that one does not see has no readings.
        filters["site"] = found.values_list("pk", flat=True).first() or 0
    return selectors.history(request.user, **filters)


class HistoryPagination(BasePagination):
    """``next`` and ``previous`` are addresses; how many there are in all is not counted.

    A view whose rows need others beside them has a method ``with_related``.
    """

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        asked = request.query_params
        try:
            self.page = keyset.page(
                queryset, size=_page_size(asked), before=asked.get("before", ""), after=asked.get("after", "")
            )
        except keyset.InvalidPlace as error:
            raise exceptions.NotFound(_("The list has no such page. Begin at the first one again.")) from error
        self.request = request
        rows = queryset.model.objects.all()
        return keyset.in_order(view.with_related(rows) if hasattr(view, "with_related") else rows, self.page.keys)

    def get_paginated_response(self, data: Any) -> Response:
        return Response(
            {
                "next": self._link(before=self.page.older),
                "previous": self._link(after=self.page.newer),
                "results": data,
            }
        )

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        def link(place: str) -> dict[str, Any]:
            example = f"https://ecg.example.org/api/v1/diagnoses/?{place}=MjAyNi0xMS0wMlQwODoyMDoyOCswMDowMCA3YjBj"
            return {"type": "string", "format": "uri", "nullable": True, "example": example}

        return {
            "type": "object",
            "required": ["next", "previous", "results"],
            "properties": {"next": link("before"), "previous": link("after"), "results": schema},
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        described = {
            "page_size": (_("Rows a page, up to 100."), {"type": "integer", "minimum": 1, "maximum": MAX_PAGE_SIZE}),
            "before": (_("Rows older than this place; take it from “next”."), {"type": "string"}),
            "after": (_("Rows newer than this place; take it from “previous”."), {"type": "string"}),
        }
        return [
            {"name": name, "required": False, "in": "query", "description": force_str(text), "schema": schema}
            for name, (text, schema) in described.items()
        ]

    def _link(self, **place: keyset.Place | None) -> str | None:
        ((name, where),) = place.items()
        if where is None:
            return None
        asked = {key: value for key, value in self.request.query_params.items() if key not in ("before", "after")}
        return self.request.build_absolute_uri(f"{self.request.path}?{urlencode(asked | {name: str(where)})}")


class NumberedPagination(PageNumberPagination):
    """For lists in an order of their own, which are short enough to be counted."""

    page_size = PAGE_SIZE
    page_size_query_param = "page_size"
    max_page_size = MAX_PAGE_SIZE


class CsvRenderer(BaseRenderer):
    """Named so that who asks for ``text/csv`` is not turned away; what is sent is made elsewhere."""

    media_type = "text/csv"
    format = "csv"
    charset = "utf-8"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        # Only errors come by here.
        return JSONRenderer().render(data, accepted_media_type, renderer_context)


class HistoryExportView(APIView):
    """The readings of your sites' pages as a table."""

    required_scopes = Scope.DIAGNOSES_READ
    renderer_classes = (CsvRenderer, JSONRenderer)

    @extend_schema(
        operation_id="diagnoses_export",
        summary="Export the history as CSV",
        description=_(
            "Everything that the filters leave, newest first: UTF-8 with a byte order mark, a header, a line for each "
            "reading with probabilities, measurements and the signed report. Sent while it is made. Texts that a "
            "spreadsheet would take for a formula begin with an apostrophe."
        ),
        tags=["diagnoses"],
        parameters=[HistoryFilterSerializer],
        responses={
            (200, "text/csv"): OpenApiResponse(OpenApiTypes.STR),
            (404, "application/problem+json"): OpenApiResponse(ProblemSerializer),
        },
        examples=[examples.HISTORY_CSV],
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        found = history_of(request)
        wanted = {name: request.query_params.get(name) for name in HistoryFilterSerializer().get_fields()}
        disclosure.history_exported(cast("User", request.user), wanted, by=disclosure.API)
        return export.response(found)


def _page_size(asked: Mapping[str, str]) -> int:
    wanted = asked.get("page_size", "")
    return min(max(int(wanted), 1), MAX_PAGE_SIZE) if wanted.isdecimal() and len(wanted) < 6 else PAGE_SIZE

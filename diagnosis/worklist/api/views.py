"""API v1: send a ZIP archive or several files, follow what becomes of each."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import TooManyFilesSent
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import generics, status
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.scopes import Scope
from diagnosis.api.views import chosen_site, problems_of, user_of
from diagnosis.idempotency.replay import idempotent
from diagnosis.worklist import batches, selectors
from diagnosis.worklist.api import examples
from diagnosis.worklist.api.serializers import BatchInSerializer, BatchSerializer
from diagnosis.worklist.models import Batch
from diagnosis.worklist.upload_limit import accept_archives


class BatchesView(APIView):
    """Many files in one request."""

    parser_classes = (MultiPartParser,)
    throttle_scope = "upload"
    required_scopes = Scope.UPLOADS_WRITE

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        # Before anything reads the body; a session's check against forgery does.
        accept_archives(request)
        return super().initialize_request(request, *args, **kwargs)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        length = request.META.get("CONTENT_LENGTH") or "0"
        if length.isdigit() and int(length) > batches.max_archive_bytes() + batches.MEGABYTE:
            raise batches.BatchRefused("archive_too_large")
        try:
            # Here, because whoever asks for the data next would not know how to refuse them.
            _ = request.data
        except TooManyFilesSent as error:
            raise batches.BatchRefused("too_many_parts") from error

    @extend_schema(
        operation_id="batches_create",
        summary="Upload many files",
        description=_(
            "Send one ZIP archive, or several files, as `multipart/form-data`. A worker takes the files in one by one; "
            "follow `url` until `status` is `done` or `failed`. What one file is refused for stops no other. A file "
            "that the site already has makes nothing new."
        ),
        tags=["batches"],
        examples=[examples.BATCH_REQUEST, examples.BATCH_QUEUED],
        request={"multipart/form-data": BatchInSerializer},
        responses={202: BatchSerializer, **problems_of(400, 401, 403, 413, 415, 422, 429)},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        form = BatchInSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        fields = form.validated_data
        batch = batches.begin(
            files=fields["file"],
            user=user_of(request),
            site=chosen_site(user_of(request), fields.get("site", "")),
            patient_reference=fields.get("patient_reference", ""),
            note=fields.get("note", ""),
        )
        body = BatchSerializer(batch, context={"request": request}).data
        return Response(body, status=status.HTTP_202_ACCEPTED, headers={"Location": body["url"]})


@extend_schema_view(
    get=extend_schema(
        operation_id="batches_retrieve",
        summary="One batch",
        tags=["batches"],
        examples=[examples.BATCH_DONE],
        responses={200: BatchSerializer, **problems_of(401, 404, 429)},
    )
)
class BatchDetailView(generics.RetrieveAPIView[Batch]):
    """One batch of your sites: its progress and what became of each file."""

    serializer_class = BatchSerializer
    required_scopes = Scope.UPLOADS_WRITE

    def get_queryset(self) -> QuerySet[Batch]:
        return selectors.batches_visible_to(self.request.user)

"""API v1: upload a page, follow its diagnosis, look through the history."""

from __future__ import annotations

from typing import Any, cast

from django.db.models import Prefetch, QuerySet
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import exceptions, generics, status
from rest_framework.pagination import PageNumberPagination
from rest_framework.parsers import MultiPartParser
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView

from accounts.models import Site, User
from accounts.permissions import sites_open_to, sites_visible_to
from diagnosis import intake, selectors
from diagnosis.api.serializers import (
    AcceptedSerializer,
    DiagnosisRowSerializer,
    DiagnosisSerializer,
    HistoryFilterSerializer,
    ProblemSerializer,
    UploadInSerializer,
    UploadSerializer,
)
from diagnosis.models import Diagnosis, Upload
from ml.decode import MAX_BYTES

# The form around the file.
MAX_REQUEST_BYTES = MAX_BYTES + 2**20


def problems_of(*statuses: int) -> dict[tuple[int, str], OpenApiResponse]:
    return {(number, "application/problem+json"): OpenApiResponse(ProblemSerializer) for number in statuses}


class HistoryPagination(PageNumberPagination):
    page_size = 25
    page_size_query_param = "page_size"
    max_page_size = 100


class UploadsView(generics.ListAPIView[Upload]):
    """Pages of your sites."""

    serializer_class = UploadSerializer
    pagination_class = HistoryPagination
    parser_classes = (MultiPartParser,)

    @property
    def throttle_scope(self) -> str:
        # Sending pages has a limit of its own, looking at them has not.
        return "upload" if self.request.method == "POST" else ""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        length = request.META.get("CONTENT_LENGTH") or "0"
        # Before the body is read: nobody should have to send two gigabytes to learn that they are too many.
        if request.method == "POST" and length.isdigit() and int(length) > MAX_REQUEST_BYTES:
            raise intake.UploadRefused("file_too_large")

    def get_queryset(self) -> QuerySet[Upload]:
        return _with_diagnoses(selectors.uploads_visible_to(self.request.user))

    @extend_schema(
        operation_id="uploads_list",
        summary="List pages",
        tags=["uploads"],
        responses={200: UploadSerializer(many=True), **problems_of(401, 429)},
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.list(request, *args, **kwargs)

    @extend_schema(
        operation_id="uploads_create",
        summary="Upload a file",
        description=_(
            "Send a scan, photo or PDF as `multipart/form-data`. Each page is read on its own; follow "
            "`diagnoses[].url` until `status` is `done`, `rejected` or `failed`. A file that the site already has "
            "makes nothing new: `duplicate_of` names the earlier upload."
        ),
        tags=["uploads"],
        request={"multipart/form-data": UploadInSerializer},
        responses={201: AcceptedSerializer, **problems_of(400, 401, 403, 413, 415, 422, 429)},
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        form = UploadInSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        fields = form.validated_data
        accepted = intake.accept(
            data=intake.read_bytes(fields["file"]),
            original_name=fields["file"].name or "",
            user=user_of(request),
            site=_chosen_site(user_of(request), fields.get("site", "")),
            patient_reference=fields.get("patient_reference", ""),
            note=fields.get("note", ""),
        )
        first = accepted.uploads[0]
        url = reverse("api:upload-detail", kwargs={"pk": first.pk}, request=request)
        diagnoses = Diagnosis.objects.filter(upload__in=accepted.uploads).select_related("upload")
        body = AcceptedSerializer(
            {
                "id": first.pk,
                "sha256": first.sha256,
                "duplicate_of": accepted.duplicate_of.pk if accepted.duplicate_of else None,
                "url": url,
                "diagnoses": diagnoses.order_by("upload__page_number", "-created_at"),
                "uploads": [upload.pk for upload in accepted.uploads],
            },
            context={"request": request},
        )
        return Response(body.data, status=status.HTTP_201_CREATED, headers={"Location": url})


@extend_schema_view(
    get=extend_schema(
        operation_id="uploads_retrieve",
        summary="One page",
        tags=["uploads"],
        responses={200: UploadSerializer, **problems_of(401, 404, 429)},
    )
)
class UploadDetailView(generics.RetrieveAPIView[Upload]):
    """One page of your sites."""

    serializer_class = UploadSerializer

    def get_queryset(self) -> QuerySet[Upload]:
        return _with_diagnoses(selectors.uploads_visible_to(self.request.user))


@extend_schema_view(
    get=extend_schema(
        operation_id="diagnoses_list",
        summary="Search the history",
        tags=["diagnoses"],
        parameters=[HistoryFilterSerializer],
        responses={200: DiagnosisRowSerializer(many=True), **problems_of(400, 401, 429)},
    )
)
class DiagnosisListView(generics.ListAPIView[Diagnosis]):
    """The readings of your sites' pages, newest first."""

    serializer_class = DiagnosisRowSerializer
    pagination_class = HistoryPagination

    def get_queryset(self) -> QuerySet[Diagnosis]:
        wanted = HistoryFilterSerializer(data=self.request.query_params)
        wanted.is_valid(raise_exception=True)
        found = selectors.history(self.request.user, **wanted.validated_data)
        return found.select_related("upload__site", "upload__uploaded_by", "model_version", "tracing").defer(
            "tracing__measurements"
        )


@extend_schema_view(
    get=extend_schema(
        operation_id="diagnoses_retrieve",
        summary="One diagnosis",
        tags=["diagnoses"],
        responses={200: DiagnosisSerializer, **problems_of(401, 404, 429)},
    )
)
class DiagnosisDetailView(generics.RetrieveAPIView[Diagnosis]):
    """One reading: its status and, once done, its result."""

    serializer_class = DiagnosisSerializer

    def get_queryset(self) -> QuerySet[Diagnosis]:
        return selectors.diagnoses_visible_to(self.request.user).select_related("tracing").prefetch_related("heatmaps")


@extend_schema(exclude=True)
class NothingHereView(APIView):
    """An address that does not exist answers as a problem, not as a page for people."""

    permission_classes = (AllowAny,)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise exceptions.NotFound


def user_of(request: Request) -> User:
    # The default permission lets nobody in who is not signed in.
    return cast("User", request.user)


def _with_diagnoses(uploads: QuerySet[Upload]) -> QuerySet[Upload]:
    return uploads.prefetch_related(Prefetch("diagnoses", Diagnosis.objects.select_related("upload")))


def _chosen_site(user: User, wanted: str) -> Site:
    """The site that the client names by number or name, else the user's first one."""
    visible = sites_visible_to(user)
    if wanted:
        named = visible.filter(pk=int(wanted)) if wanted.isdecimal() and len(wanted) < 10 else visible.none()
        site = named.first() or visible.filter(name__iexact=wanted).first()
        if site is None:
            raise intake.UploadRefused("site_not_allowed")
        return site
    # An administrator sees every site but works at one.
    site = sites_open_to(user).filter(users=user).first() or sites_open_to(user).first()
    if site is None:
        raise intake.UploadRefused("no_site")
    return site

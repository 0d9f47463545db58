"""API v1: upload a page, follow its diagnosis, look through the history."""

from __future__ import annotations

from typing import Any, cast

from django.db.models import Prefetch, QuerySet
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import exceptions, generics, status
from rest_framework.parsers import MultiPartParser
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView

from accounts.models import Site, User
from accounts.permissions import sites_open_to, sites_visible_to
from accounts.scopes import NO_SCOPE, Scope
from diagnosis import details, disclosure, intake, selectors
from diagnosis.api import examples
from diagnosis.api.history import HistoryPagination, history_of
from diagnosis.api.serializers import (
    AcceptedSerializer,
    DetailsSerializer,
    DiagnosisRowSerializer,
    DiagnosisSerializer,
    HistoryFilterSerializer,
    ProblemSerializer,
    UploadInSerializer,
    UploadSerializer,
)
from diagnosis.idempotency.replay import idempotent
from diagnosis.models import Diagnosis, Upload
from ml.decode import MAX_BYTES

# The form around the file.
MAX_REQUEST_BYTES = MAX_BYTES + 2**20


def problems_of(*statuses: int) -> dict[tuple[int, str], OpenApiResponse]:
    return {(number, "application/problem+json"): OpenApiResponse(ProblemSerializer) for number in statuses}


class UploadsView(generics.ListAPIView[Upload]):
    """Pages of your sites."""

    required_scopes = {"GET": Scope.PAGES_READ, "POST": Scope.UPLOADS_WRITE}  # noqa: RUF012
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
        return selectors.uploads_visible_to(self.request.user)

    def with_related(self, uploads: QuerySet[Upload]) -> QuerySet[Upload]:
        return _with_diagnoses(uploads.select_related("site", "uploaded_by"))

    @extend_schema(
        operation_id="uploads_list",
        summary="List pages",
        tags=["uploads"],
        responses={200: UploadSerializer(many=True), **problems_of(401, 404, 429)},
        examples=[examples.A_PAGE],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.list(request, *args, **kwargs)

    @extend_schema(
        operation_id="uploads_create",
        summary="Upload a file",
        description=_(
            "Send a scan, photo, PDF or DICOM object as `multipart/form-data`. Each page is read on its own; follow "
            "`diagnoses[].url` until `status` is `done`, `rejected` or `failed`. A file that the site already has "
            "makes nothing new: `duplicate_of` names the earlier upload. Of DICOM, a copy without names, dates and "
            "private elements is kept; its patient ID does not become `patient_reference`."
        ),
        tags=["uploads"],
        request={"multipart/form-data": UploadInSerializer},
        responses={201: AcceptedSerializer, **problems_of(400, 401, 403, 413, 415, 422, 429)},
        examples=[examples.UPLOAD_REQUEST, examples.ACCEPTED],
    )
    @idempotent
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        form = UploadInSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        fields = form.validated_data
        accepted = intake.accept(
            data=intake.read_bytes(fields["file"]),
            original_name=fields["file"].name or "",
            user=user_of(request),
            site=chosen_site(user_of(request), fields.get("site", "")),
            patient_reference=fields.get("patient_reference", ""),
            note=fields.get("note", ""),
            recorded_at=fields.get("recorded_at"),
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
        examples=[examples.A_PAGE],
    )
)
class UploadDetailView(generics.RetrieveAPIView[Upload]):
    """One page of your sites."""

    required_scopes = {"GET": Scope.PAGES_READ, "PATCH": Scope.PATIENTS_WRITE}  # noqa: RUF012
    serializer_class = UploadSerializer

    def get_queryset(self) -> QuerySet[Upload]:
        return _with_diagnoses(selectors.uploads_visible_to(self.request.user))

    @extend_schema(
        operation_id="uploads_change",
        summary="Correct what is noted of a page",
        description=_("Patient reference, time of recording and note. Once a report on the page is signed, they stay."),
        tags=["uploads"],
        request=DetailsSerializer,
        responses={200: UploadSerializer, **problems_of(400, 401, 403, 404, 409, 415, 429)},
        examples=[examples.DETAILS_REQUEST, examples.A_PAGE],
    )
    def patch(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        upload = self.get_object()
        form = DetailsSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        details.change(upload, user_of(request), **(details.noted(upload) | form.validated_data))
        return Response(self.get_serializer(self.get_object()).data)


@extend_schema_view(
    get=extend_schema(
        operation_id="diagnoses_list",
        summary="Search the history",
        tags=["diagnoses"],
        parameters=[HistoryFilterSerializer],
        responses={200: DiagnosisRowSerializer(many=True), **problems_of(400, 401, 404, 429)},
        examples=[examples.A_ROW],
    )
)
class DiagnosisListView(generics.ListAPIView[Diagnosis]):
    """The readings of your sites' pages, newest first."""

    required_scopes = Scope.DIAGNOSES_READ
    serializer_class = DiagnosisRowSerializer
    pagination_class = HistoryPagination

    def get_queryset(self) -> QuerySet[Diagnosis]:
        return history_of(self.request)

    def with_related(self, readings: QuerySet[Diagnosis]) -> QuerySet[Diagnosis]:
        shown = selectors.with_everything_shown(readings).select_related("tracing")
        return shown.prefetch_related("heatmaps", "reports").defer("tracing__measurements")

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        found = super().list(request, *args, **kwargs)
        wanted = {name: request.query_params.get(name) for name in HistoryFilterSerializer().get_fields()}
        disclosure.history_searched(user_of(request), wanted, by=disclosure.API)
        return found


@extend_schema_view(
    get=extend_schema(
        operation_id="diagnoses_retrieve",
        summary="One diagnosis",
        tags=["diagnoses"],
        responses={200: DiagnosisSerializer, **problems_of(401, 404, 429)},
        examples=[examples.A_DIAGNOSIS],
    )
)
class DiagnosisDetailView(generics.RetrieveAPIView[Diagnosis]):
    """One reading: its status and, once done, its result."""

    required_scopes = Scope.DIAGNOSES_READ
    serializer_class = DiagnosisSerializer

    def get_queryset(self) -> QuerySet[Diagnosis]:
        return (
            selectors.diagnoses_visible_to(self.request.user)
            .select_related("tracing")
            .prefetch_related("heatmaps", "reports")
        )

    def get_object(self) -> Diagnosis:
        diagnosis = super().get_object()
        # A program asks again and again until there is something to see.
        if diagnosis.is_ended:
            disclosure.page_viewed(user_of(self.request), diagnosis, diagnosis.upload, by=disclosure.API)
        return diagnosis


@extend_schema(exclude=True)
class NothingHereView(APIView):
    """An address that does not exist answers as a problem, not as a page for people."""

    permission_classes = (AllowAny,)
    required_scopes = NO_SCOPE

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise exceptions.NotFound


def user_of(request: Request) -> User:
    # The default permission lets nobody in who is not signed in.
    return cast("User", request.user)


def _with_diagnoses(uploads: QuerySet[Upload]) -> QuerySet[Upload]:
    return uploads.prefetch_related(Prefetch("diagnoses", Diagnosis.objects.select_related("upload")))


def chosen_site(user: User, wanted: str) -> Site:
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

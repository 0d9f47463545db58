"""API v1: patients by reference, and one patient's pages in time order."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import generics
from rest_framework.pagination import PageNumberPagination

from accounts.scopes import Scope
from diagnosis import disclosure
from diagnosis.api.views import problems_of, user_of
from diagnosis.models import Diagnosis
from diagnosis.patients import selectors
from diagnosis.patients.api import examples
from diagnosis.patients.api.serializers import PatientFilterSerializer, PatientPageSerializer, PatientSerializer


class PatientPagination(PageNumberPagination):
    page_size = 25
    page_size_query_param = "page_size"
    max_page_size = 100


@extend_schema_view(
    get=extend_schema(
        operation_id="patients_list",
        summary="Search patients",
        tags=["patients"],
        parameters=[PatientFilterSerializer],
        examples=[examples.A_PATIENT],
        responses={200: PatientSerializer(many=True), **problems_of(400, 401, 429)},
    )
)
class PatientsView(generics.ListAPIView[Any]):
    """The references of your sites, last seen first."""

    serializer_class = PatientSerializer
    required_scopes = Scope.PATIENTS_READ
    pagination_class = PatientPagination
    filter_backends = ()

    def get_queryset(self) -> QuerySet[Any, Any]:
        wanted = PatientFilterSerializer(data=self.request.query_params)
        wanted.is_valid(raise_exception=True)
        disclosure.history_searched(user_of(self.request), wanted.validated_data, by=disclosure.API)
        return selectors.patients(self.request.user, **wanted.validated_data)


@extend_schema_view(
    get=extend_schema(
        operation_id="patients_retrieve",
        summary="One patient's pages",
        tags=["patients"],
        examples=[examples.A_PATIENTS_PAGE],
        responses={200: PatientPageSerializer(many=True), **problems_of(401, 404, 429)},
    )
)
class PatientView(generics.ListAPIView[Diagnosis]):
    """The pages that carry a reference at a site, oldest first."""

    serializer_class = PatientPageSerializer
    required_scopes = (Scope.PATIENTS_READ, Scope.DIAGNOSES_READ)
    pagination_class = PatientPagination
    filter_backends = ()

    def get_queryset(self) -> QuerySet[Diagnosis]:
        if getattr(self, "swagger_fake_view", False):
            return Diagnosis.objects.none()
        found = selectors.readings_of(
            self.request.user, site_id=self.kwargs["site"], reference=self.kwargs["reference"]
        )
        if not found.exists():
            raise Http404
        return found

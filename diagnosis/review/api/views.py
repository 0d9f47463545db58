"""API v1: reports. Machines may read them; people write and sign."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import generics, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.scopes import Scope
from diagnosis import selectors
from diagnosis.api.history import NumberedPagination
from diagnosis.api.views import problems_of, user_of
from diagnosis.models import Diagnosis
from diagnosis.review import reporting, signing
from diagnosis.review import selectors as reports
from diagnosis.review.api import examples
from diagnosis.review.api.serializers import (
    DraftSerializer,
    ReasonSerializer,
    ReportFilterSerializer,
    ReportSerializer,
    SignSerializer,
    StandingSerializer,
    TokenQuerySerializer,
)
from diagnosis.review.models import Report
from diagnosis.review.refusals import CannotReport


class _OfDiagnosisView(APIView):
    required_scopes: Any = Scope.REPORTS_WRITE

    def diagnosis(self, pk: Any) -> Diagnosis:
        return get_object_or_404(selectors.diagnoses_visible_to(self.request.user), pk=pk)

    def open_report(self, diagnosis: Diagnosis) -> Report:
        report = reports.reports_on(diagnosis).open
        if report is None:
            raise CannotReport("no_draft")
        return report

    def answer(self, report: Report, *, status: int = 200) -> Response:
        fresh = reports.reports_visible_to(self.request.user).get(pk=report.pk)
        body = ReportSerializer(fresh, context={"request": self.request}).data
        headers = {"Location": body["url"]} if status == 201 else None
        return Response(body, status=status, headers=headers)


class ReportOfDiagnosisView(_OfDiagnosisView):
    """The report on one diagnosis."""

    required_scopes = {  # noqa: RUF012
        "GET": Scope.REPORTS_READ,
        "PUT": Scope.REPORTS_WRITE,
        "DELETE": Scope.REPORTS_WRITE,
    }

    @extend_schema(
        operation_id="diagnoses_report",
        summary="The report on a diagnosis",
        description=_("The open version, the signed one and those that were replaced; all may be absent."),
        tags=["reports"],
        examples=[examples.STANDING],
        responses={200: StandingSerializer, **problems_of(401, 404, 429)},
    )
    def get(self, request: Request, pk: Any) -> Response:
        standing = reports.reports_on(self.diagnosis(pk))
        return Response(StandingSerializer(standing, context={"request": request}).data)

    @extend_schema(
        operation_id="diagnoses_report_save",
        summary="Save the draft",
        description=_(
            "Begins the draft or changes it. With `token` of the draft as you read it: if somebody changed it "
            "meanwhile, nothing is saved and the answer is 409 `changed_meanwhile`. A draft may be incomplete."
        ),
        tags=["reports"],
        request=DraftSerializer,
        examples=[examples.DRAFT_REQUEST, examples.DRAFT_CHANGED, examples.DRAFT_BEGUN],
        responses={200: ReportSerializer, 201: ReportSerializer, **problems_of(400, 401, 403, 404, 409, 415, 429)},
    )
    def put(self, request: Request, pk: Any) -> Response:
        diagnosis = self.diagnosis(pk)
        draft = DraftSerializer(data=request.data)
        draft.is_valid(raise_exception=True)
        content = dict(draft.validated_data)
        seen = content.pop("token")
        is_new = reports.reports_on(diagnosis).open is None
        saved = reporting.save_draft(diagnosis=diagnosis, author=user_of(request), seen=seen, **content)
        return self.answer(saved, status=status.HTTP_201_CREATED if is_new else status.HTTP_200_OK)

    @extend_schema(
        operation_id="diagnoses_report_discard",
        summary="Discard the draft",
        description=_("A signed version stays as it is."),
        tags=["reports"],
        parameters=[TokenQuerySerializer],
        responses={204: None, **problems_of(400, 401, 403, 404, 409, 429)},
    )
    def delete(self, request: Request, pk: Any) -> Response:
        diagnosis = self.diagnosis(pk)
        query = TokenQuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        reporting.discard(report=self.open_report(diagnosis), user=user_of(request), seen=query.validated_data["token"])
        return Response(status=status.HTTP_204_NO_CONTENT)


class SignReportView(_OfDiagnosisView):
    """The first and the second signature."""

    # A password or code is asked for here as well.
    throttle_scope = "token"

    @extend_schema(
        operation_id="diagnoses_report_sign",
        summary="Sign the report",
        description=_(
            "The draft or, where the site asks for four eyes, second what a colleague signed. A token alone signs "
            "nothing: each signature takes the signer's `password` or, with a second factor, a new `otp`. Wrong ones "
            "count towards the lock-out of the account. Accounts of programs never sign."
        ),
        tags=["reports"],
        request=SignSerializer,
        examples=[examples.SIGN_REQUEST, examples.SIGN_REQUEST_OTP, examples.SIGNED],
        responses={200: ReportSerializer, **problems_of(400, 401, 403, 404, 409, 415, 429)},
    )
    def post(self, request: Request, pk: Any) -> Response:
        diagnosis = self.diagnosis(pk)
        sent = SignSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        report = self.open_report(diagnosis)
        fields = sent.validated_data
        proof = signing.prove(request, password=fields["password"], code=fields["otp"])
        signed = reporting.sign(report=report, user=user_of(request), proof=proof, seen=fields["token"])
        return self.answer(signed)


class SendBackReportView(_OfDiagnosisView):
    """Instead of the second signature."""

    @extend_schema(
        operation_id="diagnoses_report_send_back",
        summary="Send the report back",
        description=_("What waits for its second signature becomes a draft again; the first signature is void."),
        tags=["reports"],
        request=ReasonSerializer,
        examples=[examples.SEND_BACK_REQUEST, examples.SENT_BACK],
        responses={200: ReportSerializer, **problems_of(400, 401, 403, 404, 409, 415, 429)},
    )
    def post(self, request: Request, pk: Any) -> Response:
        diagnosis = self.diagnosis(pk)
        sent = ReasonSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        report = self.open_report(diagnosis)
        return self.answer(reporting.send_back(report=report, user=user_of(request), **sent.validated_data))


class AmendReportView(_OfDiagnosisView):
    """A new version of a signed report."""

    @extend_schema(
        operation_id="diagnoses_report_amend",
        summary="Amend the signed report",
        description=_("Begins a draft with the content of the signed version, which holds until that is signed."),
        tags=["reports"],
        request=ReasonSerializer,
        examples=[examples.AMEND_REQUEST, examples.AMENDMENT],
        responses={201: ReportSerializer, **problems_of(400, 401, 403, 404, 409, 415, 429)},
    )
    def post(self, request: Request, pk: Any) -> Response:
        diagnosis = self.diagnosis(pk)
        sent = ReasonSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        signed = reports.reports_on(diagnosis).signed
        if signed is None:
            raise CannotReport("not_signed")
        draft = reporting.amend(report=signed, author=user_of(request), **sent.validated_data)
        return self.answer(draft, status=status.HTTP_201_CREATED)


@extend_schema_view(
    get=extend_schema(
        operation_id="reports_list",
        summary="List reports",
        tags=["reports"],
        parameters=[ReportFilterSerializer],
        examples=[examples.SIGNED],
        responses={200: ReportSerializer(many=True), **problems_of(400, 401, 429)},
    )
)
class ReportListView(generics.ListAPIView[Report]):
    """The reports of your sites, last changed first."""

    required_scopes = Scope.REPORTS_READ
    serializer_class = ReportSerializer
    pagination_class = NumberedPagination

    def get_queryset(self) -> QuerySet[Report]:
        wanted = ReportFilterSerializer(data=self.request.query_params)
        wanted.is_valid(raise_exception=True)
        return reports.search(self.request.user, **wanted.validated_data)


@extend_schema_view(
    get=extend_schema(
        operation_id="reports_retrieve",
        summary="One report",
        tags=["reports"],
        examples=[examples.SIGNED],
        responses={200: ReportSerializer, **problems_of(401, 404, 429)},
    )
)
class ReportDetailView(generics.RetrieveAPIView[Report]):
    """One version of a report."""

    required_scopes = Scope.REPORTS_READ
    serializer_class = ReportSerializer

    def get_queryset(self) -> QuerySet[Report]:
        return reports.reports_visible_to(self.request.user)

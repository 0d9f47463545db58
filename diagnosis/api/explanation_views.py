"""API v1: how a diagnosis can be explained, and explanations on request."""

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
from diagnosis import explanations, selectors
from diagnosis.api import examples
from diagnosis.api.serializers import (
    ExplanationSerializer,
    MethodFilterSerializer,
    MethodSerializer,
    WantedExplanationSerializer,
)
from diagnosis.api.views import problems_of, user_of
from diagnosis.idempotency.replay import idempotent
from diagnosis.models import Diagnosis, Explanation


class MethodsView(APIView):
    """The methods that can explain one diagnosis."""

    required_scopes = {"GET": Scope.DIAGNOSES_READ, "POST": Scope.EXPLANATIONS_WRITE}  # noqa: RUF012

    @property
    def throttle_scope(self) -> str:
        # Asking for work has a limit of its own, looking has not.
        return "explain" if self.request.method == "POST" else ""

    @extend_schema(
        operation_id="explanations_list",
        summary="How a diagnosis can be explained",
        description=_("Every method that suits the model, with what was asked of it for one class."),
        tags=["explanations"],
        parameters=[MethodFilterSerializer],
        responses={200: MethodSerializer(many=True), **problems_of(400, 401, 404, 409, 429)},
        examples=[examples.A_METHOD],
    )
    def get(self, request: Request, pk: Any) -> Response:
        diagnosis = self._diagnosis(pk)
        if diagnosis.state != Diagnosis.State.DONE:
            raise explanations.CannotExplain("not_done")
        wanted = MethodFilterSerializer(data=request.query_params)
        wanted.is_valid(raise_exception=True)
        choices = explanations.choices(diagnosis, wanted.validated_data.get("label") or diagnosis.label)
        if asked := wanted.validated_data.get("status"):
            choices = [choice for choice in choices if choice.state == asked]
        return Response(MethodSerializer(choices, many=True, context={"request": request}).data)

    @extend_schema(
        operation_id="explanations_create",
        summary="Ask for an explanation",
        description=_(
            "Made by a worker with the model that made the diagnosis; follow `url` until `status` is `done` or "
            "`failed`. Asking again answers 200 with what is there; a failed one is made anew."
        ),
        tags=["explanations"],
        request=WantedExplanationSerializer,
        responses={
            200: ExplanationSerializer,
            202: ExplanationSerializer,
            **problems_of(400, 401, 404, 409, 415, 429),
        },
        examples=[examples.WANTED_EXPLANATION, examples.EXPLANATION_DONE, examples.EXPLANATION_QUEUED],
    )
    @idempotent
    def post(self, request: Request, pk: Any) -> Response:
        diagnosis = self._diagnosis(pk)
        wanted = WantedExplanationSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        explanation, is_new = explanations.request(diagnosis, **wanted.validated_data, requested_by=user_of(request))
        body = ExplanationSerializer(explanation, context={"request": request}).data
        return Response(
            body,
            status=status.HTTP_202_ACCEPTED if is_new else status.HTTP_200_OK,
            headers={"Location": body["url"]},
        )

    def _diagnosis(self, pk: Any) -> Diagnosis:
        return get_object_or_404(selectors.diagnoses_visible_to(self.request.user), pk=pk)


@extend_schema_view(
    get=extend_schema(
        operation_id="explanations_retrieve",
        summary="One explanation",
        tags=["explanations"],
        responses={200: ExplanationSerializer, **problems_of(401, 404, 429)},
        examples=[examples.EXPLANATION_DONE],
    )
)
class ExplanationDetailView(generics.RetrieveAPIView[Explanation]):
    """One explanation: its progress and, once done, its pictures."""

    required_scopes = Scope.DIAGNOSES_READ
    serializer_class = ExplanationSerializer

    def get_queryset(self) -> QuerySet[Explanation]:
        return selectors.explanations_visible_to(self.request.user)

"""API v1: webhooks, for administrators."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import generics, serializers, status
from rest_framework.pagination import CursorPagination
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.scopes import HasScopes, Scope
from diagnosis.api.views import user_of
from diagnosis.webhooks import events, hooks
from diagnosis.webhooks.api import examples
from diagnosis.webhooks.api.serializers import (
    ChangedWebhookSerializer,
    DeliverySerializer,
    MadeWebhookSerializer,
    WantedWebhookSerializer,
    WebhookSerializer,
)
from diagnosis.webhooks.models import Delivery, Webhook


class IsAdministrator(BasePermission):
    message = _("Webhooks are administrators' business.")

    def has_permission(self, request: Request, view: APIView) -> bool:
        return bool(getattr(request.user, "is_administrator", False))


PERMISSIONS = (IsAuthenticated, HasScopes, IsAdministrator)


class DeliveryPagination(CursorPagination):
    page_size = 50
    ordering = ("-created_at", "-pk")


@extend_schema_view(
    get=extend_schema(
        operation_id="webhooks_list",
        summary="List webhooks",
        description=_("All of them at once, by site and name."),
        tags=["webhooks"],
        examples=[examples.A_WEBHOOK],
    )
)
class WebhooksView(generics.ListAPIView[Webhook]):
    """The webhooks of every site."""

    permission_classes = PERMISSIONS
    required_scopes = Scope.WEBHOOKS_WRITE
    serializer_class = WebhookSerializer
    pagination_class = None

    def get_queryset(self) -> QuerySet[Webhook]:
        return hooks.webhooks_managed_by(self.request.user)

    @extend_schema(
        operation_id="webhooks_create",
        summary="Make a webhook",
        description=_(
            "Messages are sent as `POST` with a small JSON body of keys and one address, signed in "
            "`Isoline-Signature`. The secret for it is in this answer only."
        ),
        tags=["webhooks"],
        request=WantedWebhookSerializer,
        responses={201: MadeWebhookSerializer},
        examples=[examples.WANTED, examples.MADE],
    )
    def post(self, request: Request) -> Response:
        form = WantedWebhookSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        try:
            hook, secret = hooks.make(**form.validated_data, made_by=user_of(request))
        except hooks.WebhookRefused as refused:
            raise serializers.ValidationError({refused.field: str(refused)}) from None
        body = MadeWebhookSerializer(hook, context={"request": request, "secret": secret}).data
        headers = {"Location": body["self_url"], "Cache-Control": "no-store"}
        return Response(body, status=status.HTTP_201_CREATED, headers=headers)


class _OneWebhook(APIView):
    permission_classes = PERMISSIONS
    required_scopes: Any = Scope.WEBHOOKS_WRITE

    def webhook(self, pk: Any) -> Webhook:
        return get_object_or_404(hooks.webhooks_managed_by(self.request.user), pk=pk)


class WebhookDetailView(_OneWebhook):
    """One webhook."""

    @extend_schema(
        operation_id="webhooks_retrieve",
        summary="One webhook",
        tags=["webhooks"],
        responses={200: WebhookSerializer},
        examples=[examples.A_WEBHOOK],
    )
    def get(self, request: Request, pk: Any) -> Response:
        return Response(WebhookSerializer(self.webhook(pk), context={"request": request}).data)

    @extend_schema(
        operation_id="webhooks_change",
        summary="Change a webhook",
        tags=["webhooks"],
        request=ChangedWebhookSerializer,
        responses={200: WebhookSerializer},
        examples=[examples.CHANGED, examples.A_WEBHOOK],
    )
    def patch(self, request: Request, pk: Any) -> Response:
        hook = self.webhook(pk)
        form = ChangedWebhookSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        wanted = dict(form.validated_data)
        is_active = wanted.pop("is_active", None)
        try:
            hooks.change(hook, by=user_of(request), **wanted)
        except hooks.WebhookRefused as refused:
            raise serializers.ValidationError({refused.field: str(refused)}) from None
        if is_active is not None:
            (hooks.turn_on if is_active else hooks.turn_off)(hook, by=user_of(request))
        return Response(WebhookSerializer(hook, context={"request": request}).data)

    @extend_schema(
        operation_id="webhooks_delete",
        summary="Delete a webhook",
        description=_("With its delivery log. What waits for it is not sent any more."),
        tags=["webhooks"],
        request=None,
        responses={204: None},
    )
    def delete(self, request: Request, pk: Any) -> Response:
        hooks.delete(self.webhook(pk), by=user_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class WebhookTestView(_OneWebhook):
    """A message that says nothing, to see whether it arrives."""

    @extend_schema(
        operation_id="webhooks_test",
        summary="Send a test",
        description=_("One attempt, also to a webhook that is turned off. How it went is in its deliveries."),
        tags=["webhooks"],
        request=None,
        responses={202: DeliverySerializer},
        examples=[examples.A_TEST],
    )
    def post(self, request: Request, pk: Any) -> Response:
        return Response(DeliverySerializer(events.send_test(self.webhook(pk))).data, status=status.HTTP_202_ACCEPTED)


@extend_schema_view(
    get=extend_schema(
        operation_id="webhooks_deliveries",
        summary="What was sent",
        description=_("Newest first. Kept for thirty days, unless set otherwise."),
        tags=["webhooks"],
        examples=[examples.A_DELIVERY],
    )
)
class DeliveriesView(generics.ListAPIView[Delivery]):
    """The delivery log of one webhook."""

    permission_classes = PERMISSIONS
    required_scopes = Scope.WEBHOOKS_WRITE
    serializer_class = DeliverySerializer
    pagination_class = DeliveryPagination

    def get_queryset(self) -> QuerySet[Delivery]:
        if getattr(self, "swagger_fake_view", False):
            return Delivery.objects.none()
        hook = get_object_or_404(hooks.webhooks_managed_by(self.request.user), pk=self.kwargs["pk"])
        return hooks.deliveries_managed_by(self.request.user).filter(webhook=hook)

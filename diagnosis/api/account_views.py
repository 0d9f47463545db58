"""API v1: who is asking, where, and within which limits."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.views import APIView

from accounts.models import ApiToken, Role, Site
from accounts.permissions import sites_visible_to
from accounts.scopes import Scope, scopes_of
from diagnosis.api.serializers import SiteSerializer
from diagnosis.api.views import user_of
from ml.decode import MAX_BYTES


class OwnSiteSerializer(SiteSerializer):
    class Meta(SiteSerializer.Meta):
        fields = ("id", "name", "is_active")  # type: ignore[assignment]


class LimitsSerializer(serializers.Serializer[Any]):
    """What this account may do at most. Rates are per user, e.g. “240/min”."""

    requests = serializers.CharField()
    uploads = serializers.CharField(help_text=_("Of the requests, those that send files."))
    explanations = serializers.CharField(help_text=_("Of the requests, those that ask for explanations."))
    waiting_explanations = serializers.IntegerField()
    upload_bytes = serializers.IntegerField()
    token_days = serializers.IntegerField(help_text=_("How long a token may last."))


class MeSerializer(serializers.Serializer[Any]):
    username = serializers.CharField()
    name = serializers.CharField(help_text=_("May be empty."))
    role = serializers.ChoiceField(choices=Role.choices)
    sites = OwnSiteSerializer(many=True)
    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=Scope.choices), help_text=_("Of the token in use; of a session, all.")
    )
    token_expires_at = serializers.DateTimeField(allow_null=True, help_text=_("Null in a session."))
    limits = LimitsSerializer()


class MeView(APIView):
    """The account, and the token in use."""

    required_scopes = Scope.ACCOUNT_READ

    @extend_schema(
        operation_id="me",
        summary="Who is asking",
        tags=["account"],
        responses={200: MeSerializer},
        examples=[
            OpenApiExample(
                "A gateway",
                value={
                    "username": "gateway",
                    "name": "",
                    "role": "api_client",
                    "sites": [{"id": 1, "name": "North Hospital", "is_active": True}],
                    "scopes": ["uploads:write", "diagnoses:read", "account:read"],
                    "token_expires_at": "2027-11-02T08:15:00Z",
                    "limits": {
                        "requests": "2400/min",
                        "uploads": "240/min",
                        "explanations": "60/min",
                        "waiting_explanations": 20,
                        "upload_bytes": 26214400,
                        "token_days": 365,
                    },
                },
                response_only=True,
                status_codes=["200"],
            )
        ],
    )
    def get(self, request: Request) -> Response:
        user = user_of(request)
        role = Role.ADMINISTRATOR.value if user.is_administrator else user.role
        rates = api_settings.DEFAULT_THROTTLE_RATES
        body = {
            "username": user.username,
            "name": user.get_full_name(),
            "role": role,
            "sites": sites_visible_to(user),
            "scopes": scopes_of(request),
            "token_expires_at": request.auth.expiry if isinstance(request.auth, ApiToken) else None,
            "limits": {
                "requests": rates[role],
                "uploads": rates["upload"],
                "explanations": rates["explain"],
                "waiting_explanations": settings.ISOLINE_MAX_WAITING_EXPLANATIONS,
                "upload_bytes": MAX_BYTES,
                "token_days": settings.ISOLINE_TOKEN_MAX_DAYS,
            },
        }
        return Response(MeSerializer(body).data)


@extend_schema_view(
    get=extend_schema(
        operation_id="sites_list",
        summary="Your sites",
        description=_("All of them at once, by name. Only active ones take new pages."),
        tags=["account"],
        examples=[
            OpenApiExample(
                "A site",
                value={"id": 1, "name": "North Hospital", "is_active": True},
                response_only=True,
                status_codes=["200"],
            )
        ],
    )
)
class SitesView(generics.ListAPIView[Site]):
    """Sites whose pages you may see."""

    required_scopes = Scope.ACCOUNT_READ
    serializer_class = OwnSiteSerializer
    pagination_class = None

    def get_queryset(self) -> QuerySet[Site]:
        return sites_visible_to(self.request.user)

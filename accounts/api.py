"""Opening and closing a token over the API; ``diagnosis.api.urls`` gives this its address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from django.contrib.auth import authenticate
from django.contrib.auth.signals import user_logged_in
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers, status
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.parsers import FormParser, JSONParser, MultiPartParser
from rest_framework.permissions import AllowAny, BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from .authentication import ApiTokenAuthentication
from .models import User
from .scopes import NO_SCOPE
from .second_factor.tokens import check_for_token
from .tokens import open_token, revoke

if TYPE_CHECKING:
    from .models import ApiToken


class CredentialsSerializer(serializers.Serializer[Any]):
    username = serializers.CharField(max_length=150)
    password = serializers.CharField(trim_whitespace=False, max_length=4096, style={"input_type": "password"})
    otp = serializers.CharField(
        max_length=40,
        required=False,
        allow_blank=True,
        help_text=_("Of accounts with a second factor: the code the authenticator app shows, or a recovery code."),
    )


class TokenSerializer(serializers.Serializer[Any]):
    token = serializers.CharField(help_text=_("Send it as “Authorization: Token …”. It is shown only this once."))
    expiry = serializers.DateTimeField()


class TokenView(APIView):
    """Open a token with user name and password; close the one in use."""

    throttle_scope = "token"
    # Whatever a token may do, it may close itself.
    required_scopes = NO_SCOPE
    may_answer = {"POST": (401, 403)}  # noqa: RUF012
    parser_classes = (JSONParser, FormParser, MultiPartParser)

    def get_authenticators(self) -> list[BaseAuthentication]:
        # The schema's generator asks without a request.
        request: Request | None = self.request
        return [ApiTokenAuthentication()] if request is not None and request.method == "DELETE" else []

    def get_permissions(self) -> list[BasePermission]:
        return [IsAuthenticated()] if self.request.method == "DELETE" else [AllowAny()]

    def get_authenticate_header(self, request: Request) -> str:
        return ApiTokenAuthentication().authenticate_header(request)

    @extend_schema(
        operation_id="token_open",
        summary="Open a token",
        description=_("With user name and password; it has every scope and lasts a day unless set otherwise."),
        tags=["token"],
        auth=[],
        request=CredentialsSerializer,
        responses={200: TokenSerializer},
        examples=[
            OpenApiExample("A log-in", value={"username": "gateway", "password": "its password"}, request_only=True),
            OpenApiExample(
                "Opened",
                value={"token": "iso_4f1c…(64 characters in all)", "expiry": "2026-11-03T08:15:00Z"},
                response_only=True,
                status_codes=["200"],
            ),
        ],
    )
    def post(self, request: Request) -> Response:
        credentials = CredentialsSerializer(data=request.data)
        credentials.is_valid(raise_exception=True)
        # The plain HttpRequest: axes counts failures on it, and its middleware answers once they are too many.
        plain = request._request  # noqa: SLF001  (as django-axes documents it)
        code = credentials.validated_data.pop("otp", "")
        user = authenticate(request=plain, **credentials.validated_data)
        if not isinstance(user, User):
            raise AuthenticationFailed(_("User name and password do not match."), code="invalid_credentials")
        check_for_token(plain, user, code)
        user_logged_in.send(sender=User, request=plain, user=user)
        token, expiry = open_token(user)
        return Response(TokenSerializer({"token": token, "expiry": expiry}).data, headers={"Cache-Control": "no-store"})

    @extend_schema(
        operation_id="token_close",
        summary="Close the token in use",
        tags=["token"],
        request=None,
        responses={204: None},
    )
    def delete(self, request: Request) -> Response:
        token = cast("ApiToken", request.auth)
        revoke(token, revoked_by=token.user)
        return Response(status=status.HTTP_204_NO_CONTENT)

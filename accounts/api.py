"""Tokens over the API; ``diagnosis.api.urls`` gives this its address."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import authenticate
from django.contrib.auth.signals import user_logged_in
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiResponse, extend_schema
from knox.auth import TokenAuthentication
from rest_framework import serializers, status
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.parsers import FormParser, JSONParser, MultiPartParser
from rest_framework.permissions import AllowAny, BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from .models import User
from .tokens import open_token


class CredentialsSerializer(serializers.Serializer[Any]):
    username = serializers.CharField(max_length=150)
    password = serializers.CharField(trim_whitespace=False, max_length=4096, style={"input_type": "password"})


class TokenSerializer(serializers.Serializer[Any]):
    token = serializers.CharField(help_text=_("Send it as “Authorization: Token …”. It is shown only this once."))
    expiry = serializers.DateTimeField()


class TokenView(APIView):
    """Open a token with user name and password; close the one in use."""

    throttle_scope = "token"
    parser_classes = (JSONParser, FormParser, MultiPartParser)

    def get_authenticators(self) -> list[BaseAuthentication]:
        # The schema's generator asks without a request.
        request: Request | None = self.request
        return [TokenAuthentication()] if request is not None and request.method == "DELETE" else []

    def get_permissions(self) -> list[BasePermission]:
        return [IsAuthenticated()] if self.request.method == "DELETE" else [AllowAny()]

    def get_authenticate_header(self, request: Request) -> str:
        return TokenAuthentication().authenticate_header(request)

    @extend_schema(
        operation_id="token_open",
        summary="Open a token",
        tags=["token"],
        auth=[],
        request=CredentialsSerializer,
        responses={
            200: TokenSerializer,
            401: OpenApiResponse(description="`invalid_credentials`: user name and password do not match."),
            429: OpenApiResponse(description="`locked_out`: too many failed attempts; see `Retry-After`."),
        },
    )
    def post(self, request: Request) -> Response:
        credentials = CredentialsSerializer(data=request.data)
        credentials.is_valid(raise_exception=True)
        # The plain HttpRequest: axes counts failures on it, and its middleware answers once they are too many.
        plain = request._request  # noqa: SLF001  (as django-axes documents it)
        user = authenticate(request=plain, **credentials.validated_data)
        if not isinstance(user, User):
            raise AuthenticationFailed(_("User name and password do not match."), code="invalid_credentials")
        user_logged_in.send(sender=User, request=plain, user=user)
        token, expiry = open_token(user)
        return Response(TokenSerializer({"token": token, "expiry": expiry}).data, headers={"Cache-Control": "no-store"})

    @extend_schema(
        operation_id="token_close",
        summary="Close the token in use",
        tags=["token"],
        request=None,
        responses={204: None, 401: OpenApiResponse(description="No valid token was sent.")},
    )
    def delete(self, request: Request) -> Response:
        request.auth.delete()
        return Response(status=status.HTTP_204_NO_CONTENT)

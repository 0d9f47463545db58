"""Named tokens over the API; ``diagnosis.api.urls`` gives these views their addresses."""

from __future__ import annotations

from typing import Any, cast

from django.conf import settings
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import APIException, PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from . import tokens
from .models import ApiToken, User
from .scopes import Scope
from .second_factor.proof import ProofRefused, prove

_A_TOKEN = {
    "id": "5d8a4c0e-6c41-4c6e-9d0e-3f6a0a4d8f11",
    "name": "ECG cart, ward 3",
    "prefix": "iso_4f1c…",
    "user": "gateway",
    "scopes": ["uploads:write", "pages:read", "diagnoses:read"],
    "created_by": "ada",
    "created_at": "2026-11-02T08:15:00Z",
    "expires_at": "2027-11-02T08:15:00Z",
    "last_used_at": None,
}


class NamedTokenSerializer(serializers.ModelSerializer[ApiToken]):
    """A token as it can be shown: never the token itself."""

    prefix = serializers.CharField(read_only=True, help_text=_("Its first characters."))
    user = serializers.CharField(source="user.username", read_only=True, help_text=_("Whose rights it carries."))
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=Scope.choices), read_only=True)
    created_by = serializers.CharField(source="created_by.username", read_only=True, allow_null=True, default=None)
    created_at = serializers.DateTimeField(source="created", read_only=True)
    expires_at = serializers.DateTimeField(source="expiry", read_only=True)
    last_used_at = serializers.DateTimeField(read_only=True, allow_null=True, help_text=_("To the minute."))

    class Meta:
        model = ApiToken
        fields: tuple[str, ...] = (
            *("id", "name", "prefix", "user", "scopes"),
            *("created_by", "created_at", "expires_at", "last_used_at"),
        )
        read_only_fields = fields


class MadeTokenSerializer(NamedTokenSerializer):
    """A token just made."""

    token = serializers.SerializerMethodField(help_text=_("The token itself. It is shown only this once."))

    class Meta(NamedTokenSerializer.Meta):
        fields = (*NamedTokenSerializer.Meta.fields, "token")
        read_only_fields = fields

    def get_token(self, row: ApiToken) -> str:
        return str(self.context["token"])


class WantedTokenSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=tokens.MAX_NAME_LENGTH, help_text=_("What you call it."))
    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=Scope.choices), min_length=1, max_length=len(Scope.choices)
    )
    days = serializers.IntegerField(
        min_value=1, max_value=settings.ISOLINE_TOKEN_MAX_DAYS, help_text=_("How long it lasts.")
    )
    password = serializers.CharField(
        required=False,
        allow_blank=True,
        trim_whitespace=False,
        max_length=4096,
        style={"input_type": "password"},
        help_text=_("Your own, so that nobody makes a lasting token with one that went astray."),
    )
    otp = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=40,
        help_text=_("Instead of the password, if you have a second factor: a code of the app, or a recovery code."),
    )
    user = serializers.CharField(
        required=False, max_length=150, help_text=_("Administrators: a machine account; default: your own.")
    )


class _WhoseSerializer(serializers.Serializer[Any]):
    user = serializers.CharField(required=False, max_length=150, help_text=_("Administrators: whose; default: yours."))


class TokensView(APIView):
    """Your tokens; administrators' also of others."""

    required_scopes = {"GET": Scope.ACCOUNT_READ, "POST": Scope.TOKENS_WRITE}  # noqa: RUF012

    @property
    def throttle_scope(self) -> str:
        # A password can be tried here, as it can be where a token is opened.
        return "token" if self.request.method == "POST" else ""

    @extend_schema(
        operation_id="tokens_list",
        summary="List tokens",
        description=_("Tokens that have not expired, newest first. At most 50 for one user."),
        tags=["tokens"],
        parameters=[_WhoseSerializer],
        responses={200: NamedTokenSerializer(many=True)},
        examples=[OpenApiExample("One token", value=_A_TOKEN, response_only=True, status_codes=["200"])],
    )
    def get(self, request: Request) -> Response:
        wanted = _WhoseSerializer(data=request.query_params)
        wanted.is_valid(raise_exception=True)
        asking = _user_of(request)
        rows = tokens.tokens_managed_by(asking).filter(
            user__username=wanted.validated_data.get("user") or asking.username
        )
        return Response(NamedTokenSerializer(rows, many=True).data)

    @extend_schema(
        operation_id="tokens_create",
        summary="Make a token",
        description=_(
            "With a name, scopes and an end. The token itself is in this answer only; what is stored is a hash of it. "
            "Your password is asked for again, or a code if you have a second factor. Administrators make the tokens "
            "of machine accounts: `user`."
        ),
        tags=["tokens"],
        request=WantedTokenSerializer,
        responses={201: MadeTokenSerializer},
        examples=[
            OpenApiExample(
                "For an ECG cart",
                value={
                    "name": "ECG cart, ward 3",
                    "scopes": ["uploads:write", "pages:read", "diagnoses:read"],
                    "days": 365,
                    "password": "your own password",
                    "user": "gateway",
                },
                request_only=True,
            ),
            OpenApiExample(
                "Made",
                value={**_A_TOKEN, "token": "iso_4f1c…(64 characters in all)"},
                response_only=True,
                status_codes=["201"],
            ),
        ],
    )
    def post(self, request: Request) -> Response:
        form = WantedTokenSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        wanted, asking = form.validated_data, _user_of(request)
        try:
            prove(request, password=wanted.get("password", ""), code=wanted.get("otp", ""))
        except ProofRefused as refused:
            raise _as_answer(request, refused) from None
        try:
            row, token = tokens.make_token(
                user=_owner(asking, wanted.get("user", "")),
                name=wanted["name"],
                wanted=wanted["scopes"],
                days=wanted["days"],
                made_by=asking,
            )
        except tokens.TokenRefused as refused:
            raise serializers.ValidationError(
                {refused.field or "non_field_errors": str(refused)}, refused.code
            ) from None
        body = MadeTokenSerializer(row, context={"token": token}).data
        return Response(body, status=status.HTTP_201_CREATED, headers={"Cache-Control": "no-store"})


class TokenDetailView(APIView):
    """One named token."""

    required_scopes = {"DELETE": Scope.TOKENS_WRITE}  # noqa: RUF012

    @extend_schema(
        operation_id="tokens_revoke",
        summary="Revoke a token",
        description=_("It opens nothing from now on. Administrators may revoke anybody's."),
        tags=["tokens"],
        request=None,
        responses={204: None},
    )
    def delete(self, request: Request, pk: Any) -> Response:
        asking = _user_of(request)
        tokens.revoke(get_object_or_404(tokens.tokens_managed_by(asking), pk=pk), revoked_by=asking)
        return Response(status=status.HTTP_204_NO_CONTENT)


def _user_of(request: Request) -> User:
    # The default permission lets nobody in who is not signed in.
    return cast("User", request.user)


def _as_answer(request: Request, refused: ProofRefused) -> APIException:
    if refused.api_code == "proof_missing":
        field = "password" if refused.code == "password_missing" else "otp"
        return serializers.ValidationError({field: refused.message}, "required")
    if refused.api_code == "locked_out":
        # The middleware of axes answers 429 now, as at log-in.
        request._request.axes_locked_out = True  # type: ignore[attr-defined]  # noqa: SLF001
    return PermissionDenied(refused.message, code=refused.api_code)


def _owner(asking: User, name: str) -> User:
    if not name or name == asking.username:
        return asking
    owner = tokens.machine_accounts_of(asking).filter(username=name).first()
    if owner is None:
        raise serializers.ValidationError({"user": _("There is no such machine account that you manage.")}, "no_user")
    return owner

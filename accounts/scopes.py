"""What an API token may do: the table of scopes, and the permission that asks for them.

A token never allows more than its user's role does; a scope only takes away. A browser's session has every scope.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from django.db import models
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import BasePermission

from .models import ApiToken

if TYPE_CHECKING:
    # At run time these would ask for the very classes that are being read here.
    from rest_framework.request import Request
    from rest_framework.views import APIView


class Scope(models.TextChoices):
    UPLOADS_WRITE = "uploads:write", _("Upload pages")
    PAGES_READ = "pages:read", _("See pages, their pictures and heatmaps")
    DIAGNOSES_READ = "diagnoses:read", _("See diagnoses, measurements, explanations and models")
    EXPLANATIONS_WRITE = "explanations:write", _("Ask for explanations")
    REPORTS_READ = "reports:read", _("See reports")
    REPORTS_WRITE = "reports:write", _("Write and sign reports")
    PATIENTS_READ = "patients:read", _("See patients")
    PATIENTS_WRITE = "patients:write", _("Change what is noted of pages: patient, recording time, note")
    WEBHOOKS_WRITE = "webhooks:write", _("See and change webhooks (administrators)")
    ACCOUNT_READ = "account:read", _("See the account, its sites and its tokens")
    TOKENS_WRITE = "tokens:write", _("Make and revoke tokens")


ALL: Final[tuple[str, ...]] = tuple(Scope.values)
# What a view declares that asks for no scope: anybody whom its other permissions let in may use it.
NO_SCOPE: Final[tuple[str, ...]] = ()

Declared = str | tuple[str, ...] | Mapping[str, str | tuple[str, ...]]


def in_order(scopes: Iterable[str]) -> list[str]:
    """Known scopes, each once, in the order of the table."""
    wanted = set(scopes)
    return [scope for scope in ALL if scope in wanted]


def scopes_of(request: Any) -> list[str]:
    """What this request may do: the token's scopes, or all of them for a session."""
    token = getattr(request, "auth", None)
    return in_order(token.scopes) if isinstance(token, ApiToken) else list(ALL)


def required_by(view: Any, method: str) -> tuple[str, ...] | None:
    """The scopes that a view declares for a method in ``required_scopes``: a scope, several (all of them are needed),
    or a table by method. None: it declares nothing."""
    declared: Declared | None = getattr(view, "required_scopes", None)
    if isinstance(declared, Mapping):
        # HEAD is GET without a body, and OPTIONS tells no more than the documentation.
        declared = NO_SCOPE if method == "OPTIONS" else declared.get("GET" if method == "HEAD" else method)
    if declared is None:
        return None
    return (declared,) if isinstance(declared, str) else tuple(declared)


class MissingScope(PermissionDenied):
    """The token is valid but not for this."""

    default_code = "missing_scope"

    def __init__(self, missing: Iterable[str]) -> None:
        names = ", ".join(missing)
        super().__init__(
            _("This token has not got the scope %(scopes)s. Use or make a token that has it.") % {"scopes": names}
        )


def check(token: ApiToken, required: Iterable[str]) -> None:
    """
    Raises:
        MissingScope: the token has not got every scope.
    """
    missing = [scope for scope in required if scope not in token.scopes]
    if missing:
        raise MissingScope(missing)


class HasScopes(BasePermission):
    """Lets a token do what its scopes allow.

    A method that declares nothing is open to tokens with every scope only, so that a forgotten line cannot give a
    small token more than it was made for.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        if isinstance(request.auth, ApiToken) and request.method in view.allowed_methods:
            required = required_by(view, request.method or "")
            check(request.auth, ALL if required is None else required)
        return True

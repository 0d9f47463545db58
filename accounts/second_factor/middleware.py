"""Nobody gets past the second factor: not in a page, not in Django admin, not in the API's session log-in."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django_htmx.http import HttpResponseClientRedirect

from accounts.models import User

from .factors import standing_of

# Where somebody may go who still has to set up a second factor.
_OPEN_NAMESPACES: Final = frozenset({"second_factor", "otp_webauthn"})
_OPEN_VIEWS: Final = frozenset({"accounts:logout", "accounts:password_change", "set_language"})

GetResponse = Callable[[HttpRequest], HttpResponse]


class SecondFactorMiddleware:
    """Makes a session without its second factor nobody's, and leads to setting one up where the role asks for it.

    A log-in stops before its second half (``pending``), so a session that is logged in but not verified is an odd
    one: it was open elsewhere when the first factor was set up, or something else has logged it in. It ends here.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if settings.SESSION_COOKIE_NAME in request.COOKIES and isinstance(user := _user_of(request), User):
            standing = standing_of(user)
            if standing.has_factor and not user.is_verified():  # type: ignore[attr-defined]
                logout(request)
                messages.info(request, _("Your account has a second factor now. Log in again, with it."))
            request.must_set_up_second_factor = (  # type: ignore[attr-defined]
                standing.is_required and not standing.has_factor
            )
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        if not getattr(request, "must_set_up_second_factor", False):
            return None
        match = request.resolver_match
        if match is not None and (_OPEN_NAMESPACES & set(match.namespaces) or match.view_name in _OPEN_VIEWS):
            return None
        return _to_set_up(request)


def _user_of(request: HttpRequest) -> Any:
    # The middlewares before us wrap it into lazy objects; this is the user behind them, or the anonymous one.
    user: Any = request.user
    return user if user.is_authenticated else None


def _to_set_up(request: HttpRequest) -> HttpResponse:
    if request.path.startswith("/api/"):
        return JsonResponse(
            {
                "type": "about:blank",
                "title": HTTPStatus.FORBIDDEN.phrase,
                "status": HTTPStatus.FORBIDDEN.value,
                "code": "second_factor_setup_required",
                "detail": _("Your role requires a second factor. Set one up in the browser first."),
            },
            status=HTTPStatus.FORBIDDEN,
            content_type="application/problem+json",
        )
    page = reverse("accounts:second_factor:overview")
    return HttpResponseClientRedirect(page) if getattr(request, "htmx", None) else redirect(page)

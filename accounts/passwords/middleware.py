"""An expired password opens one page: the one where it is changed."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django_htmx.http import HttpResponseClientRedirect

from .expiry import must_change

_OPEN_VIEWS: Final = frozenset({"accounts:logout", "accounts:password_change", "set_language"})


class ExpiredPasswordMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        if settings.SESSION_COOKIE_NAME not in request.COOKIES or not request.user.is_authenticated:
            return None
        if not must_change(request):
            return None
        if request.resolver_match is not None and request.resolver_match.view_name in _OPEN_VIEWS:
            return None
        text = _("Your password has expired. Choose a new one to go on.")
        if request.path.startswith("/api/"):
            status = HTTPStatus.FORBIDDEN
            problem = {"type": "about:blank", "title": status.phrase, "status": status.value}
            return JsonResponse(
                {**problem, "code": "password_expired", "detail": text},
                status=status.value,
                content_type="application/problem+json",
            )
        messages.info(request, text)
        page = reverse("accounts:password_change")
        return HttpResponseClientRedirect(page) if getattr(request, "htmx", None) else redirect(page)

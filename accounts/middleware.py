"""Idle sign-out, and what an expired session means to a page that updates itself."""

from __future__ import annotations

import time
from collections.abc import Callable

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django.utils.translation import ngettext
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from .audit.origin import TIMED_OUT

LAST_ACTIVE = "last_active"
# The session is written at most this often, not with every click.
RESOLUTION_S = 30

GetResponse = Callable[[HttpRequest], HttpResponse]


def is_background(request: HttpRequest) -> bool:
    """Whether the browser sent this by itself, with nobody at the desk.

    ``static/js/isoline.js`` marks every htmx request that no key press, click or choice of a person started.
    """
    return request.headers.get("X-Background") == "true" or request.headers.get("Sec-Fetch-Dest") == "image"


class IdleSignOutMiddleware:
    """Ends a session ``ISOLINE_IDLE_MINUTES`` after the last thing a person did in it.

    Also keeps pages of signed-in users out of every cache, so that "back" after signing out shows nothing.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        signed_in = settings.SESSION_COOKIE_NAME in request.COOKIES and request.user.is_authenticated
        if signed_in:
            self._count_idle_time(request)
        response = self.get_response(request)
        if signed_in and not response.has_header("Cache-Control"):
            response["Cache-Control"] = "private, no-store"
        return response

    def _count_idle_time(self, request: HttpRequest) -> None:
        now = time.time()
        last = request.session.get(LAST_ACTIVE)
        minutes: int = settings.ISOLINE_IDLE_MINUTES
        if last is not None and now - last > minutes * 60:
            request.session[TIMED_OUT] = True
            logout(request)
            messages.info(
                request,
                ngettext(
                    "You were logged out after %(minutes)d minute without activity.",
                    "You were logged out after %(minutes)d minutes without activity.",
                    minutes,
                )
                % {"minutes": minutes},
            )
        elif last is None or (now - last > RESOLUTION_S and not is_background(request)):
            request.session[LAST_ACTIVE] = now


class HtmxSignInMiddleware:
    """Sends the whole page to the log-in form; htmx would follow the redirect and put the form into a fragment."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        htmx: HtmxDetails | None = getattr(request, "htmx", None)
        location = response.headers.get("Location", "")
        if htmx and response.status_code == 302 and location.partition("?")[0] == resolve_url(settings.LOGIN_URL):
            page = redirect_to_login(htmx.current_url_abs_path or "/")
            redirect = HttpResponseClientRedirect(page.url)
            redirect.cookies = response.cookies
            return redirect
        return response

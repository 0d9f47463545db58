"""When a session was last used."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from accounts.middleware import is_background
from accounts.models import User

from . import records


class SessionRecordMiddleware:
    """Notes, at most once a minute, that a person used the session."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if settings.SESSION_COOKIE_NAME not in request.COOKIES or not isinstance(request.user, User):
            return self.get_response(request)
        key = request.session.session_key
        if key and not is_background(request):
            records.seen(request, request.user)
        response = self.get_response(request)
        new_key = request.session.session_key
        if key and new_key and new_key != key and isinstance(request.user, User):
            records.rename(key, new_key)
        return response

"""Tells the log where the request in hand came from."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from . import origin

GetResponse = Callable[[HttpRequest], HttpResponse]


class AuditOriginMiddleware:
    """Keeps the request's address and identifier for ``log.record``."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with origin.answering(request):
            return self.get_response(request)

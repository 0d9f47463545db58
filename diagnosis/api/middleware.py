"""What holds for every request to the API, whichever view answers it."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from diagnosis.api.problems import plain_problem
from diagnosis.api.throttling import KEPT_AS, Rate

# Of a request that is no form with files in it.
MAX_BODY_BYTES: Final = 2**20


class ApiMiddleware:
    """Tells of the limit that is nearest in ``RateLimit-Limit``, ``-Remaining`` and ``-Reset`` (seconds).

    Also refuses bodies that no view of the API could want, before anybody reads them into memory.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path.startswith("/api/"):
            return self.get_response(request)
        if _is_too_large(request):
            status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
            return plain_problem(status, "request_too_large", _("The request is larger than 1 MB."))
        response = self.get_response(request)
        rates: list[Rate] = request.__dict__.get(KEPT_AS, [])
        if rates:
            nearest = min(rates, key=lambda rate: (rate.remaining, rate.limit))
            response["RateLimit-Limit"] = str(nearest.limit)
            response["RateLimit-Remaining"] = str(nearest.remaining)
            response["RateLimit-Reset"] = str(nearest.reset_s)
        return response


def _is_too_large(request: HttpRequest) -> bool:
    length = request.META.get("CONTENT_LENGTH") or "0"
    is_form_with_files = (request.content_type or "").startswith("multipart/")
    return not is_form_with_files and length.isdigit() and int(length) > MAX_BODY_BYTES

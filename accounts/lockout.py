"""What a person or a machine reads after too many wrong passwords.

https://django-axes.readthedocs.io/en/latest/5_customization.html
"""

from __future__ import annotations

from typing import Any

from axes.helpers import get_cool_off
from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _


def client_address(request: HttpRequest) -> str:
    """The address of the client, counted back over the trusted proxies in front of us.

    Anything further left in ``X-Forwarded-For`` is the client's own word and would let it choose its address.
    """
    forwarded: list[str] = [
        part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if part.strip()
    ]
    proxies = int(settings.ISOLINE_PROXY_COUNT)
    if proxies and len(forwarded) >= proxies:
        return forwarded[-proxies]
    return str(request.META.get("REMOTE_ADDR", ""))


def lockout_response(
    request: HttpRequest, response: HttpResponse | None = None, credentials: dict[str, Any] | None = None
) -> HttpResponse:
    """429 with ``Retry-After``: a page for people, problem details (RFC 9457) for API clients."""
    wait = get_cool_off(request)
    seconds = int(wait.total_seconds()) if wait else 0
    minutes = max(1, round(seconds / 60))
    answer: HttpResponse
    if request.path.startswith("/api/"):
        answer = JsonResponse(
            {
                "type": "about:blank",
                "title": _("Too many requests"),
                "status": 429,
                "code": "locked_out",
                "detail": _("Too many failed attempts for this account. Try again in %(minutes)d minutes.")
                % {"minutes": minutes},
            },
            status=429,
            content_type="application/problem+json",
        )
    else:
        answer = render(request, "429.html", {"minutes": minutes}, status=429)
    answer["Retry-After"] = str(seconds)
    answer["Cache-Control"] = "no-store"
    return answer

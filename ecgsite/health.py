"""Whether this installation can do its work: for load balancers, for monitoring and for ``run_local``."""

from __future__ import annotations

from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from diagnosis.operations import readiness


@require_safe
@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """Answer 200 when the database answers, else 503. Says nothing that needs protection."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return JsonResponse({"status": "database unavailable"}, status=503)
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """Answer 200 when everything is there that a page needs on its way, else 503; and what is missing.

    For monitoring rather than for a load balancer: without a worker or a broker, web still takes pages in.
    """
    parts = readiness.check()
    ready = all(answer == readiness.OK for answer in parts.values())
    return JsonResponse({"status": "ok" if ready else "not ready", "parts": dict(parts)}, status=200 if ready else 503)

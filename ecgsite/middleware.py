"""Around every request: an id for its log lines, one line when it is answered, and its part in the metrics."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

from django.http import HttpRequest, HttpResponse

from ecgsite import metrics, request_context

logger = logging.getLogger("isoline.access")

# Asked every few seconds by machines; a line for each would bury the others.
_UNTOLD: Final = frozenset({"healthz", "readyz", "metrics"})

GetResponse = Callable[[HttpRequest], HttpResponse]


class RequestContextMiddleware:
    """First of all middleware, so that it times and names everything behind it.

    The line names the route and not the address, because addresses may hold patients' references.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        identity = request_context.chosen_id(request.headers.get(request_context.HEADER, ""))
        # For what lies behind and may know nothing of this package, such as the audit log.
        request.META["HTTP_X_REQUEST_ID"] = identity
        token = request_context.request_id.set(identity)
        started = time.perf_counter()
        try:
            response = self.get_response(request)
            self._note(request, response.status_code, time.perf_counter() - started)
        finally:
            request_context.request_id.reset(token)
        response.headers[request_context.HEADER] = identity
        return response

    @staticmethod
    def _note(request: HttpRequest, status: int, seconds: float) -> None:
        route = request.resolver_match.route if request.resolver_match else ""
        if not route:
            # Static files and addresses that do not exist: as many as anyone likes to ask for.
            return
        method = request.method or ""
        metrics.HTTP_SECONDS.labels(method, route, str(status)).observe(seconds)
        if route in _UNTOLD:
            return
        user = getattr(request, "user", None)
        logger.info(
            "%s %s",
            method,
            f"/{route}",
            extra={"status": status, "ms": round(seconds * 1000), "user": getattr(user, "pk", None)},
        )

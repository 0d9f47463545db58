"""How many requests are answered: a rate for each role, told in every answer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rest_framework.throttling import AnonRateThrottle, ScopedRateThrottle, UserRateThrottle

from accounts.models import Role, User

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.views import APIView

# Where the rates stand among the request's attributes.
KEPT_AS: Final = "isoline_rates"


@dataclass(frozen=True)
class Rate:
    """What is left of one limit."""

    limit: int
    remaining: int
    reset_s: int


class _Told:
    """Remembers on the request what is left of the limit, for ``middleware.ApiMiddleware``."""

    def allow_request(self, request: Request, view: APIView) -> bool:
        allowed: bool = super().allow_request(request, view)  # type: ignore[misc]
        counted: Any = self
        if getattr(counted, "rate", None) and hasattr(counted, "history"):
            left = max(0, counted.num_requests - len(counted.history))
            oldest = counted.history[-1] if counted.history else counted.now
            reset_s = max(0, math.ceil(counted.duration - (counted.now - oldest)))
            rates = request._request.__dict__.setdefault(KEPT_AS, [])  # noqa: SLF001  (the middleware has only this)
            rates.append(Rate(counted.num_requests, left, reset_s))
        return allowed


class AnonymousThrottle(_Told, AnonRateThrottle):
    """Who has not logged in, by address."""


class RoleThrottle(_Told, UserRateThrottle):
    """Who has logged in, by the rate of the role."""

    # Until it is known who asks.
    scope = Role.CLINICIAN.value

    def allow_request(self, request: Request, view: APIView) -> bool:
        user = request.user
        if isinstance(user, User):
            self.scope = Role.ADMINISTRATOR.value if user.is_administrator else user.role
            self.rate = self.get_rate()
            self.num_requests, self.duration = self.parse_rate(self.rate)
        return super().allow_request(request, view)

    def get_cache_key(self, request: Request, view: APIView) -> str | None:
        # Those without a role of their own are counted by ``AnonymousThrottle``.
        return super().get_cache_key(request, view) if isinstance(request.user, User) else None


class WorkThrottle(_Told, ScopedRateThrottle):
    """Requests that make work, by the view's ``throttle_scope``."""

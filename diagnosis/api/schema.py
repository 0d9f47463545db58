"""What the OpenAPI document says of every operation without being told: scopes, how to log in, and common problems.

https://drf-spectacular.readthedocs.io/en/latest/customization.html
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from django.conf import settings
from django.utils.translation import gettext as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema

from accounts.scopes import Scope, required_by
from diagnosis.api.problems import CODES, CONTENT_TYPE
from diagnosis.idempotency.replay import HEADER, is_idempotent

TOKEN_SCHEME: Final = "token"  # noqa: S105
SESSION_SCHEME: Final = "session"
# Parameters that name a place in a list, which may not be there.
_PLACES: Final = ("page", "cursor", "before", "after")


class TokenScheme(OpenApiAuthenticationExtension):
    """How a program logs in, with every scope there is."""

    target_class = "accounts.authentication.ApiTokenAuthentication"
    name = TOKEN_SCHEME

    def get_security_requirement(self, auto_schema: Any) -> dict[str, list[str]]:
        return {self.name: list(required_by(auto_schema.view, auto_schema.method) or ())}

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        table = "\n".join(f"- `{scope.value}`: {scope.label}" for scope in Scope)
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": _("`Token iso_…`. What a token may do is said by its scopes:") + f"\n\n{table}",
        }


class SessionScheme(OpenApiAuthenticationExtension):
    target_class = "rest_framework.authentication.SessionAuthentication"
    name = SESSION_SCHEME

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": settings.SESSION_COOKIE_NAME,
            "description": _("A browser that is logged in. What changes something needs `X-CSRFToken` as well."),
        }


class HouseSchema(AutoSchema):
    """Adds to each operation what follows from how the house is built."""

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        operation: dict[str, Any] | None = super().get_operation(*args, **kwargs)
        if operation is None:
            return None
        if scopes := required_by(self.view, self.method):
            names = _("Scope: %(names)s.") % {"names": ", ".join(f"`{scope}`" for scope in scopes)}
            operation["description"] = f"{operation.get('description', '')}\n\n{names}".strip()
        if self._repeats_safely():
            operation["parameters"] = [*operation.get("parameters", []), _KEY_PARAMETER]
        self._add_problems(operation)
        return operation

    def _add_problems(self, operation: dict[str, Any]) -> None:
        from diagnosis.api.serializers import ProblemSerializer

        responses = operation["responses"]
        for status in self._expected_problems(operation):
            if str(status.value) not in responses:
                responses[str(status.value)] = self._get_response_for_code(
                    ProblemSerializer, str(status.value), [CONTENT_TYPE]
                )
        for number, response in responses.items():
            if int(number) >= HTTPStatus.BAD_REQUEST and CONTENT_TYPE in response.get("content", {}):
                response["description"] = response["description"] or _problem_description(int(number))
                response["content"][CONTENT_TYPE]["examples"] = {"problem": {"value": _an_example(int(number))}}
        operation["responses"] = dict(sorted(responses.items()))

    def _expected_problems(self, operation: dict[str, Any]) -> list[HTTPStatus]:
        expected = [HTTPStatus.NOT_ACCEPTABLE, HTTPStatus.TOO_MANY_REQUESTS]
        # What follows from nothing else, a view says itself: ``may_answer = {"POST": (401,)}``.
        expected += map(HTTPStatus, getattr(self.view, "may_answer", {}).get(self.method, ()))
        if any(operation.get("security", ())):
            expected += [HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN]
        if "{" in self.path or any(each["name"] in _PLACES for each in operation.get("parameters", ())):
            expected.append(HTTPStatus.NOT_FOUND)
        if "requestBody" in operation:
            expected += [HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE]
        if "requestBody" in operation or any(each["in"] == "query" for each in operation.get("parameters", ())):
            expected.append(HTTPStatus.BAD_REQUEST)
        if self._repeats_safely():
            expected += [HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY]
        return expected

    def _repeats_safely(self) -> bool:
        return is_idempotent(getattr(self.view, self.method.lower(), None))


_KEY_PARAMETER: Final = {
    "in": "header",
    "name": HEADER,
    "schema": {"type": "string", "minLength": 1, "maxLength": 80, "pattern": "^[!-~]+$"},
    "description": (
        "Any text of your own, new for each thing to be made. Sent again within 24 hours with the same body, it gets "
        "the first answer again, with `Idempotency-Replayed: true`."
    ),
}


def _an_example(number: int) -> dict[str, Any]:
    code, problem = next((pair for pair in CODES.items() if int(pair[1].status) == number), ("error", None))
    return {
        "type": "about:blank",
        "title": HTTPStatus(number).phrase,
        "status": number,
        "code": code,
        "detail": _("A sentence that says what to do: %(meaning)s.") % {"meaning": problem.meaning if problem else ""},
    }


def _problem_description(number: int) -> str:
    codes = ", ".join(f"`{code}`" for code, problem in CODES.items() if int(problem.status) == number)
    return f"{HTTPStatus(number).phrase}: {codes}" if codes else HTTPStatus(number).phrase

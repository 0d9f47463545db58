"""Every error of the API as problem details (RFC 9457) with a stable code.

https://www.rfc-editor.org/rfc/rfc9457
"""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any, Final, cast

from django.core.exceptions import PermissionDenied
from django.core.signals import got_request_exception
from django.http import Http404, HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler as rest_framework_handler

from diagnosis.explanations import CannotExplain
from diagnosis.intake import UploadRefused

logger = logging.getLogger(__name__)

CONTENT_TYPE: Final = "application/problem+json"

# What a refused upload answers; what is not here is a file of a right type that cannot be processed.
_STATUS_OF_REFUSAL: Final = {
    "file_too_large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "unsupported_type": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "no_site": HTTPStatus.FORBIDDEN,
    "site_not_allowed": HTTPStatus.FORBIDDEN,
    "site_inactive": HTTPStatus.FORBIDDEN,
    "patient_reference_too_long": HTTPStatus.BAD_REQUEST,
    "patient_reference_invalid": HTTPStatus.BAD_REQUEST,
    "note_too_long": HTTPStatus.BAD_REQUEST,
}

# What a refused request for an explanation answers; what is not here is a wrong method or class.
_STATUS_OF_NO_EXPLANATION: Final = {
    "not_done": HTTPStatus.CONFLICT,
    "too_many_waiting": HTTPStatus.TOO_MANY_REQUESTS,
}


def exception_handler(error: Exception, context: dict[str, Any]) -> Response:
    """Django REST framework's hook: any exception of a view → one problem."""
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied(str(error) or None)
    if isinstance(error, UploadRefused):
        status = _STATUS_OF_REFUSAL.get(error.code, HTTPStatus.UNPROCESSABLE_ENTITY)
        return _problem(status, error.code, error.message)
    if isinstance(error, CannotExplain):
        return _problem(_STATUS_OF_NO_EXPLANATION.get(error.code, HTTPStatus.BAD_REQUEST), error.code, str(error))
    if isinstance(error, exceptions.ValidationError):
        return _problem(
            HTTPStatus.BAD_REQUEST,
            "validation_error",
            _("Some of what was sent is missing or not valid; see “errors”."),
            errors=_field_errors(error.get_full_details()),
        )
    if isinstance(error, exceptions.APIException):
        return _from_rest_framework(error, context)
    return _unexpected(error, context)


def _from_rest_framework(error: exceptions.APIException, context: dict[str, Any]) -> Response:
    # Sets WWW-Authenticate and Retry-After, and marks the transaction for rollback.
    response = cast("Response", rest_framework_handler(error, context))
    codes = error.get_codes()
    code = codes if isinstance(codes, str) else error.default_code
    if isinstance(error, exceptions.UnsupportedMediaType):
        # Not to be mixed up with a file of an unsupported type.
        code = "unsupported_content_type"
    detail = error.detail if isinstance(error.detail, str) else str(error.default_detail)
    headers = {name: value for name, value in response.items() if name not in ("Content-Type", "Allow", "Vary")}
    return _problem(HTTPStatus(error.status_code), code, detail, headers=headers)


def _unexpected(error: Exception, context: dict[str, Any]) -> Response:
    request = context.get("request")
    logger.error("Internal error at %s", getattr(request, "path", "?"), exc_info=error)
    # Error trackers listen to this signal, as for any other view.
    got_request_exception.send(sender=None, request=getattr(request, "_request", None))
    return _problem(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "internal_error",
        _("Something went wrong on our side. Try again; if it happens again, tell an administrator."),
    )


def _problem(
    status: HTTPStatus, code: str, detail: str, *, headers: dict[str, str] | None = None, **members: Any
) -> Response:
    body = _body(status, code, detail) | members
    return Response(body, status=status.value, headers=headers, content_type=CONTENT_TYPE)


def plain_problem(status: HTTPStatus, code: str, detail: str, *, headers: dict[str, str] | None = None) -> HttpResponse:
    """A problem from a view that is none of Django REST framework's."""
    return JsonResponse(_body(status, code, detail), status=status.value, headers=headers, content_type=CONTENT_TYPE)


def _body(status: HTTPStatus, code: str, detail: str) -> dict[str, Any]:
    return {"type": "about:blank", "title": status.phrase, "status": status.value, "code": code, "detail": detail}


def _field_errors(details: Any, field: str = "") -> list[dict[str, str]]:
    """Django REST framework's nested error tree, flat."""
    if (
        isinstance(details, dict)
        and "message" in details
        and "code" in details
        and not isinstance(details["code"], dict)
    ):
        name = "" if field == "non_field_errors" else field
        return [{"field": name, "code": str(details["code"]), "message": str(details["message"])}]
    if isinstance(details, dict):
        pairs = ((f"{field}.{key}" if field else str(key), value) for key, value in details.items())
        return [problem for path, value in pairs for problem in _field_errors(value, path)]
    return [problem for value in details for problem in _field_errors(value, field)]

"""Every error of the API as problem details (RFC 9457) with a stable code.

https://www.rfc-editor.org/rfc/rfc9457
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, cast

from django.core.exceptions import PermissionDenied
from django.core.signals import got_request_exception
from django.http import Http404, HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler as rest_framework_handler

from diagnosis import messages
from diagnosis.details import DetailsAreSigned
from diagnosis.explanations import CannotExplain
from diagnosis.intake import UploadRefused
from diagnosis.review import refusals
from diagnosis.review.refusals import CannotReport
from diagnosis.worklist.batches import BatchRefused
from diagnosis.worklist.messages import REFUSALS as BATCH_REFUSALS

logger = logging.getLogger(__name__)

CONTENT_TYPE: Final = "application/problem+json"

# What a refused upload answers; what is not here is a file of a right type that cannot be processed.
_STATUS_OF_REFUSAL: Final = {
    "file_too_large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "unsupported_type": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "unsupported_dicom": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "unsupported_compression": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "no_site": HTTPStatus.FORBIDDEN,
    "site_not_allowed": HTTPStatus.FORBIDDEN,
    "site_inactive": HTTPStatus.FORBIDDEN,
    "patient_reference_too_long": HTTPStatus.BAD_REQUEST,
    "recorded_at_implausible": HTTPStatus.BAD_REQUEST,
    "patient_reference_invalid": HTTPStatus.BAD_REQUEST,
    "note_too_long": HTTPStatus.BAD_REQUEST,
    "nothing_sent": HTTPStatus.BAD_REQUEST,
    "one_archive_at_a_time": HTTPStatus.BAD_REQUEST,
    "archive_too_large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "archive_unpacks_too_large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "too_many_files": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "too_many_parts": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
}

# What a refused request for an explanation answers; what is not here is a wrong method or class.
_STATUS_OF_NO_EXPLANATION: Final = {
    "not_done": HTTPStatus.CONFLICT,
    "too_many_waiting": HTTPStatus.TOO_MANY_REQUESTS,
}

# What a refused change of a report answers; what is not here does not fit the state that it is in.
_STATUS_OF_NO_REPORT: Final = {
    "verdict_unknown": HTTPStatus.BAD_REQUEST,
    "nothing_to_agree_with": HTTPStatus.BAD_REQUEST,
    "label_unknown": HTTPStatus.BAD_REQUEST,
    "label_is_the_models": HTTPStatus.BAD_REQUEST,
    "label_without_override": HTTPStatus.BAD_REQUEST,
    "unreadable_has_findings": HTTPStatus.BAD_REQUEST,
    "finding_unknown": HTTPStatus.BAD_REQUEST,
    "comment_too_long": HTTPStatus.BAD_REQUEST,
    "comment_invalid": HTTPStatus.BAD_REQUEST,
    "reason_missing": HTTPStatus.BAD_REQUEST,
    "reason_too_long": HTTPStatus.BAD_REQUEST,
    "same_signer": HTTPStatus.FORBIDDEN,
    "proof_missing": HTTPStatus.BAD_REQUEST,
    "wrong_password": HTTPStatus.FORBIDDEN,
    "wrong_code": HTTPStatus.FORBIDDEN,
    "locked_out": HTTPStatus.TOO_MANY_REQUESTS,
}


@dataclass(frozen=True)
class Problem:
    """What a code comes with."""

    status: int
    meaning: str


# Every code the API answers with; the table in docs/api.md. What refuses something else adds its own here.
CODES: Final[dict[str, Problem]] = {
    **{
        code: Problem(_STATUS_OF_NO_REPORT.get(code, HTTPStatus.CONFLICT), "report refused")
        for code in refusals.SENTENCES
    },
    "parse_error": Problem(400, "the body is no valid JSON or form"),
    "validation_error": Problem(400, "fields are missing or not valid; `errors` names them"),
    "idempotency_key_invalid": Problem(400, "`Idempotency-Key` is not 1 to 80 printable ASCII characters"),
    "not_authenticated": Problem(401, "no token was sent"),
    "authentication_failed": Problem(401, "the token is not valid, has expired or was revoked"),
    "invalid_credentials": Problem(401, "user name and password do not match"),
    "second_factor_required": Problem(401, "the account has a second factor; send its code as `otp`"),
    "code_wrong": Problem(401, "the code in `otp` is not accepted"),
    "code_used": Problem(401, "the code in `otp` was used before; wait for the next one"),
    "code_too_soon": Problem(401, "too many wrong codes; wait as `detail` says"),
    "second_factor_setup_required": Problem(403, "the role asks for a second factor; set one up in the browser"),
    "password_expired": Problem(403, "the password has expired; choose a new one in the browser"),
    "permission_denied": Problem(403, "the account may not do this, or a browser's CSRF token is missing"),
    "missing_scope": Problem(403, "the token has not got the scope"),
    "wrong_password": Problem(403, "the password asked for again is wrong"),
    "wrong_code": Problem(403, "the code asked for again is not accepted"),
    "not_found": Problem(404, "there is no such thing, or it is not for this account to see"),
    "method_not_allowed": Problem(405, "the address does not take this method"),
    "not_acceptable": Problem(406, "`Accept` asks for something else than JSON"),
    "details_signed": Problem(409, "a report on the page is signed, so what is noted of it stays"),
    "idempotency_in_flight": Problem(409, "the first request with this key is being worked on"),
    "request_too_large": Problem(413, "the body is larger than 1 MB"),
    "unsupported_content_type": Problem(415, "the body is of a type that the address does not take"),
    "idempotency_key_reused": Problem(422, "the key was used for another request"),
    "throttled": Problem(429, "too many requests; see `Retry-After`"),
    "locked_out": Problem(429, "too many wrong passwords; see `Retry-After`"),
    "internal_error": Problem(500, "an error on our side"),
    **{
        code: Problem(_STATUS_OF_REFUSAL.get(code, HTTPStatus.UNPROCESSABLE_ENTITY), "upload refused")
        for code in (*messages.REFUSALS, *messages.REFUSALS_NAMING)
    },
    **{
        code: Problem(_STATUS_OF_REFUSAL.get(code, HTTPStatus.UNPROCESSABLE_ENTITY), "batch refused")
        for code in BATCH_REFUSALS
    },
    **{
        code: Problem(_STATUS_OF_NO_EXPLANATION.get(code, HTTPStatus.BAD_REQUEST), "explanation refused")
        for code in ("not_done", "unknown_method", "unknown_label", "too_many_waiting")
    },
}


def exception_handler(error: Exception, context: dict[str, Any]) -> Response:
    """Django REST framework's hook: any exception of a view → one problem."""
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied(str(error) or None)
    if isinstance(error, (UploadRefused, BatchRefused)):
        status = _STATUS_OF_REFUSAL.get(error.code, HTTPStatus.UNPROCESSABLE_ENTITY)
        return _problem(status, error.code, error.message)
    if isinstance(error, CannotExplain):
        return _problem(_STATUS_OF_NO_EXPLANATION.get(error.code, HTTPStatus.BAD_REQUEST), error.code, str(error))
    if isinstance(error, DetailsAreSigned):
        return _problem(HTTPStatus.CONFLICT, "details_signed", str(error))
    if isinstance(error, CannotReport):
        status = _STATUS_OF_NO_REPORT.get(error.code, HTTPStatus.CONFLICT)
        headers = {"Retry-After": str(error.retry_after_s)} if error.retry_after_s else None
        return _problem(status, error.code, str(error), headers=headers)
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

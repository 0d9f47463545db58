"""``Idempotency-Key`` for the views of the API.

After https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, cast

from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import APIException

from diagnosis.idempotency import keys

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.response import Response

    from accounts.models import User

HEADER: Final = "Idempotency-Key"
REPLAYED: Final = "Idempotency-Replayed"
_KEY: Final = re.compile(r"[!-~]{1,80}")


class KeyInvalid(APIException):
    status_code = HTTPStatus.BAD_REQUEST
    default_code = "idempotency_key_invalid"
    default_detail = _("Idempotency-Key has to be 1 to 80 printable ASCII characters without spaces, e.g. a UUID.")


class KeyReused(APIException):
    status_code = HTTPStatus.UNPROCESSABLE_ENTITY
    default_code = "idempotency_key_reused"
    default_detail = _("This Idempotency-Key was used for another request. Use a new key for each thing to be made.")


class InFlight(APIException):
    status_code = HTTPStatus.CONFLICT
    default_code = "idempotency_in_flight"
    default_detail = _("The first request with this Idempotency-Key is being worked on. Send it again in a moment.")
    # Django REST framework makes Retry-After of it.
    wait = 2


Handler = Callable[..., "Response"]


def idempotent(handler: Handler) -> Handler:
    """For a view's method that makes something: with an ``Idempotency-Key``, a request that is sent again gets the
    first answer, marked ``Idempotency-Replayed: true``.

    Only answers that made something are kept. After a refusal or an error the same key may be tried again. Not for
    answers with a secret in them, because answers are stored as they are.
    """

    @wraps(handler)
    def answer(view: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        key = request.headers.get(HEADER)
        if key is None:
            return handler(view, request, *args, **kwargs)
        if not _KEY.fullmatch(key):
            raise KeyInvalid
        try:
            row = keys.take(cast("User", request.user), key, _fingerprint(request))
        except keys.KeyReused:
            raise KeyReused from None
        except keys.InFlight:
            raise InFlight from None
        if row.status is not None:
            return _again(row.status, row.body, row.location)
        try:
            response = handler(view, request, *args, **kwargs)
        except BaseException:
            keys.give_back(row)
            raise
        if HTTPStatus.OK <= response.status_code < HTTPStatus.MULTIPLE_CHOICES:
            body = view.get_renderers()[0].render(response.data).decode()
            keys.keep(row, status=response.status_code, body=body, location=response.headers.get("Location", ""))
        else:
            keys.give_back(row)
        return response

    answer.idempotent = True  # type: ignore[attr-defined]
    return answer


def is_idempotent(handler: Any) -> bool:
    """Whether a view's method takes an ``Idempotency-Key``."""
    return bool(getattr(handler, "idempotent", False))


def _again(status: int, body: str, location: str) -> Response:
    from rest_framework.response import Response

    headers = {REPLAYED: "true"} | ({"Location": location} if location else {})
    return Response(json.loads(body), status=status, headers=headers)


def _fingerprint(request: Request) -> str:
    """Of what was sent, however it was sent: a form that is sent again has other boundaries between its fields."""
    digest = hashlib.sha256(f"{request.method} {request.get_full_path()}\n".encode())
    data: Any = request.data
    if not hasattr(data, "lists"):
        digest.update(json.dumps(data, sort_keys=True).encode())
        return digest.hexdigest()
    for name, values in sorted(data.lists()):
        for value in values:
            sent = _of_file(value) if isinstance(value, UploadedFile) else str(value)
            digest.update(json.dumps([name, sent]).encode() + b"\n")
    return digest.hexdigest()


def _of_file(file: UploadedFile) -> list[str]:
    digest = hashlib.sha256()
    for chunk in file.chunks():
        digest.update(chunk)
    file.seek(0)
    return [file.name or "", digest.hexdigest()]

"""One delivery, in the worker: claim, build the transaction, send, and say how it went."""

from __future__ import annotations

import json
import logging
from http import HTTPStatus
from typing import Final

import requests
from django.core.exceptions import ValidationError

from accounts import sealing
from diagnosis.fhir import bundles, deliveries
from diagnosis.fhir.models import FhirDelivery, check_address

logger = logging.getLogger(__name__)

CONNECT_S: Final = 5
ANSWER_S: Final = 30
# So much of what a server says of a failure is kept.
LONGEST_ANSWER: Final = 4000

# Answers after which the same request may well succeed later.
_PASSING: Final = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS)
_NOT_ALLOWED: Final = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)


def push(pk: str, *, task_id: str) -> None:
    """Send what stands on a reading now. Does nothing if the row cannot be claimed."""
    claimed = deliveries.LINE.claim(pk, task_id=task_id)
    if claimed is None:
        return
    with deliveries.LINE.counting_failures(claimed):
        try:
            _send(claimed)
        except bundles.NothingToExport:
            deliveries.fail(claimed, "nothing_to_export", "", final=True)
        except sealing.Unreadable:
            deliveries.fail(claimed, "token_unreadable", "", final=True)
        except ValidationError as refused:
            deliveries.fail(claimed, "address_not_allowed", " ".join(refused.messages), final=True)
        except requests.RequestException as error:
            # The class and not the text, which may hold addresses with more in them than an administrator needs.
            logger.warning("FHIR delivery %s: %s", claimed.pk, type(error).__name__)
            deliveries.fail(claimed, "unreachable", f"{type(error).__name__}: {error}"[:LONGEST_ANSWER])


def _send(claimed: FhirDelivery) -> None:
    server = claimed.server
    if not server.is_active:
        deliveries.fail(claimed, "server_inactive", "", final=True)
        return
    check_address(server.base_url)
    # Whatever set this off: what counts is what is in force now, so that a late delivery never brings an old version.
    report = bundles.report_in_force(claimed.diagnosis)
    bundle = bundles.transaction(claimed.diagnosis, base_url=server.base_url, embed_images=server.embed_images)
    headers = {"Content-Type": f"{bundles.MEDIA_TYPE}; charset=utf-8", "Accept": bundles.MEDIA_TYPE}
    if token := server.token:
        headers["Authorization"] = f"Bearer {token}"
    answer = requests.post(
        server.base_url,
        data=json.dumps(bundle, ensure_ascii=False).encode(),
        headers=headers,
        timeout=(CONNECT_S, ANSWER_S),
        # A redirect would carry patients' data to where nobody sent it.
        allow_redirects=False,
    )
    _note(claimed, answer, version=report.version if report is not None else None)


def _note(claimed: FhirDelivery, answer: requests.Response, *, version: int | None) -> None:
    status = answer.status_code
    if answer.ok and not answer.is_redirect:
        deliveries.finish(claimed, status=status, version=version)
        return
    said = f"HTTP {status}\n{answer.text[:LONGEST_ANSWER]}"
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _PASSING:
        deliveries.fail(claimed, "server_error", said, status=status)
    elif status in _NOT_ALLOWED:
        deliveries.fail(claimed, "not_allowed", said, status=status, final=True)
    else:
        deliveries.fail(claimed, "refused", said, status=status, final=True)

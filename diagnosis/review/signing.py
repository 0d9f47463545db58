"""What makes a signature: the proof of who signs, and the fingerprint of what was signed."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from axes.helpers import get_cool_off
from django.utils.translation import gettext as _

from accounts.second_factor import proof
from diagnosis.review.models import Report
from diagnosis.review.refusals import CannotReport

if TYPE_CHECKING:
    from django.http import HttpRequest
    from rest_framework.request import Request

FORMAT: Final = 1


def prove(request: HttpRequest | Request, *, password: str = "", code: str = "") -> Report.Proof:
    """Have the person at the keyboard show that they are the one who is logged in; see ``second_factor.proof``.

    Args:
        request: Django's or REST framework's.
        password: asked of those who have no second factor.
        code: of the app, or a recovery code, asked of those who have one; a passkey answers before.

    Returns:
        What it was shown with.

    Raises:
        CannotReport: ``proof_missing``, ``wrong_password``, ``wrong_code`` or ``locked_out``.
    """
    try:
        return Report.Proof(proof.prove(request, password=password, code=code))
    except proof.ProofRefused as refused:
        sentence = _("%(why)s Nothing was signed, and the draft is kept.") % {"why": refused.message}
        wait = get_cool_off() if refused.code == "locked_out" else None
        raise CannotReport(
            refused.api_code,
            sentence=sentence,
            retry_after_s=int(wait.total_seconds()) if wait else None,
        ) from refused


def fingerprint(report: Report) -> str:
    """SHA-256 of a signed report's canonical JSON; see `signed_content` for what it covers."""
    text = json.dumps(signed_content(report), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def signed_content(report: Report) -> dict[str, Any]:
    """Everything that a signature stands for.

    What the report says; the page by its SHA-256 and the model by its bundle's checksum, with what it answered; who
    signed, when and how; the version before it by its fingerprint, so that versions form a chain. Not covered is the
    state, which says whether a later version replaces this one, and people's names: they are covered by their number.

    The fingerprint is no secret key's: whoever may write to the database could compute a new one. It shows a change
    because it is also printed on the report and kept in the log.
    """
    diagnosis = report.diagnosis
    return {
        "format": FORMAT,
        "report": str(report.pk),
        "version": report.version,
        "replaces": _fingerprint_before(report),
        "page": {"sha256": diagnosis.upload.sha256, "number": diagnosis.upload.page_number},
        "reading": {
            "diagnosis": str(diagnosis.pk),
            "model": diagnosis.model_version.sha256 if diagnosis.model_version else "",
            "state": diagnosis.state,
            "label": diagnosis.label,
            "abstained": diagnosis.abstained,
        },
        "verdict": report.verdict,
        "label": report.label,
        "findings": report.findings,
        "comment": report.comment,
        "amendment_reason": report.amendment_reason,
        "author": report.author_id,
        "code": report.code,
        "signatures": [
            {"user": report.signed_by_id, "at": _moment(report.signed_at), "with": report.signed_with},
            {
                "user": report.second_signed_by_id,
                "at": _moment(report.second_signed_at),
                "with": report.second_signed_with,
            },
        ],
    }


def is_intact(report: Report) -> bool:
    """Whether what stands in the row is still what was signed; true for a draft, which nobody has signed."""
    if report.state == Report.State.DRAFT:
        return True
    return report.fingerprint == fingerprint(report)


def _fingerprint_before(report: Report) -> str:
    if report.version == 1:
        return ""
    earlier = Report.objects.filter(diagnosis_id=report.diagnosis_id, version__lt=report.version)
    return earlier.order_by("-version").values_list("fingerprint", flat=True).first() or ""


def _moment(at: datetime | None) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds") if at else ""

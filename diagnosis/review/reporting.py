"""Writing, signing and amending reports. Each function holds the reading's row, so that whoever is second sees it.

Who may do what is ``accounts.permissions``' business; what a user may not see, views turn into 404 before they come
here.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import permissions
from accounts.audit.actions import Action
from accounts.audit.log import record
from diagnosis.after_signing import report_signed
from diagnosis.models import Diagnosis
from diagnosis.review import findings as table
from diagnosis.review import signing
from diagnosis.review.models import Report
from diagnosis.review.refusals import CannotReport

if TYPE_CHECKING:
    from accounts.models import User

logger = logging.getLogger(__name__)

State = Report.State
Verdict = Report.Verdict

REPORTABLE: Final = (Diagnosis.State.DONE, Diagnosis.State.REJECTED)
MAX_COMMENT_LENGTH: Final = 4000
MAX_REASON_LENGTH: Final = 400


def has_answer(diagnosis: Diagnosis) -> bool:
    """Whether the model gave an answer that one can agree with."""
    return diagnosis.state == Diagnosis.State.DONE and not diagnosis.abstained and bool(diagnosis.label)


@transaction.atomic
def save_draft(
    *,
    diagnosis: Diagnosis,
    author: User,
    verdict: str,
    label: str = "",
    comment: str = "",
    findings: Iterable[str] = (),
    seen: str = "",
) -> Report:
    """Begin the report on a reading, or change its draft. A draft may be incomplete; signing asks for the rest.

    A colleague's draft may be changed; the last who wrote is its author. Saving what stands there already changes
    nothing and is never refused.

    Args:
        diagnosis: one that ended as DONE or REJECTED.
        author: who writes.
        verdict: one of `Report.Verdict`, or empty as long as it is open.
        label: the clinician's class, with `OVERRIDE`; with `AGREE` it is the model's and may be left out.
        comment: free text.
        findings: codes from `findings.FINDINGS`.
        seen: ``token`` of the draft that the author saw; empty if there was none.

    Raises:
        PermissionDenied: the user writes no reports for this site.
        CannotReport: with ``current``, if somebody changed the draft meanwhile.
    """
    held = _hold(diagnosis.pk)
    _require(permissions.may_report(author, held.upload.site))
    content = _checked(held, verdict, label, comment, list(findings))
    draft = Report.objects.filter(diagnosis=held, state__in=Report.OPEN).select_related("author").first()
    if draft is None:
        if Report.objects.filter(diagnosis=held, state=State.SIGNED).exists():
            raise CannotReport("already_signed")
        if seen:
            raise CannotReport("no_draft")
        return Report.objects.create(diagnosis=held, author=author, **content)
    if draft.state != State.DRAFT:
        raise CannotReport("awaiting_second")
    if all(getattr(draft, field) == value for field, value in content.items()):
        return draft
    if seen != draft.token:
        raise CannotReport("changed_meanwhile", current=draft)
    for field, value in content.items():
        setattr(draft, field, value)
    draft.author = author
    draft.revision += 1
    draft.save()
    return draft


@transaction.atomic
def discard(*, report: Report, user: User, seen: str) -> None:
    """Throw a draft away. The signed version that an amendment was begun from stays as it is.

    Raises:
        PermissionDenied: the user writes no reports for this site.
        CannotReport: it is no draft, or somebody changed it meanwhile.
    """
    held = _hold(report.diagnosis_id)
    _require(permissions.may_report(user, held.upload.site))
    draft = _current(report)
    _require_draft(draft)
    _require_seen(draft, seen)
    # Deleting takes the key off the object.
    gone = Report(pk=draft.pk, version=draft.version, verdict=draft.verdict)
    draft.delete()
    _note(Action.REPORT_DISCARDED, gone, held, user)
    logger.info("Draft %s discarded by user %s", report.pk, user.pk)


@transaction.atomic
def sign(*, report: Report, user: User, proof: Report.Proof, seen: str) -> Report:
    """Sign a draft, or sign second what a colleague has signed.

    Where the site asks for four eyes, the first signature leaves the report waiting for somebody else's.

    Args:
        report: the draft, or the report that waits for its second signature.
        user: who signs.
        proof: what `signing.prove` returned.
        seen: ``token`` of what the user read; nobody signs what they have not seen.

    Raises:
        PermissionDenied: the user signs no reports for this site.
        CannotReport: it is not complete, not to be signed by this user, or was changed meanwhile.
    """
    held = _hold(report.diagnosis_id)
    _require(permissions.may_sign(user, held.upload.site))
    current = _current(report)
    current.diagnosis = held
    if current.state == State.DRAFT:
        _require_seen(current, seen)
        _sign_first(current, user, proof, four_eyes=held.upload.site.four_eyes)
    elif current.state == State.AWAITING_SECOND:
        _sign_second(current, user, proof, seen)
    else:
        raise CannotReport("already_signed")
    if current.state == State.SIGNED:
        # First the old one: at any moment there is one signed version at most.
        for earlier in Report.objects.filter(diagnosis=held, state=State.SIGNED):
            earlier.state = State.AMENDED
            earlier.save(update_fields=["state"])
    current.revision += 1
    current.fingerprint = signing.fingerprint(current)
    current.save()
    if current.state == State.SIGNED:
        report_signed(current)
    signature = {"fingerprint": current.fingerprint, "state": str(current.state), "proof": str(proof)}
    _note(Action.REPORT_SIGNED, current, held, user, **signature)
    logger.info("Report %s (version %d) %s by user %s", current.pk, current.version, current.state, user.pk)
    return current


@transaction.atomic
def send_back(*, report: Report, user: User, reason: str) -> Report:
    """Turn a report that waits for its second signature into a draft again; the first signature is void.

    The second reader does this instead of signing; the first may do it to correct what they signed.

    Raises:
        PermissionDenied: the user signs no reports for this site.
        CannotReport: it does not wait, or no reason was given.
    """
    held = _hold(report.diagnosis_id)
    _require(permissions.may_sign(user, held.upload.site))
    current = _current(report)
    if current.state != State.AWAITING_SECOND:
        raise CannotReport("not_awaiting_second")
    current.sent_back_because = _reason(reason)
    current.sent_back_by = user
    current.state = State.DRAFT
    current.signed_by = None
    current.signed_at = None
    current.signed_with = ""
    current.fingerprint = ""
    current.revision += 1
    current.save()
    _note(Action.REPORT_SENT_BACK, current, held, user)
    logger.info("Report %s sent back by user %s", current.pk, user.pk)
    return current


@transaction.atomic
def amend(*, report: Report, author: User, reason: str) -> Report:
    """Begin a new version of a signed report, with the same content; the signed one holds until this one is signed.

    Raises:
        PermissionDenied: the user writes no reports for this site.
        CannotReport: it is not signed, is being amended already, or no reason was given.
    """
    held = _hold(report.diagnosis_id)
    _require(permissions.may_report(author, held.upload.site))
    signed = _current(report)
    if signed.state != State.SIGNED:
        raise CannotReport("not_signed")
    if Report.objects.filter(diagnosis=held, state__in=Report.OPEN).exists():
        raise CannotReport("amendment_under_way")
    draft = Report.objects.create(
        diagnosis=held,
        version=signed.version + 1,
        author=author,
        verdict=signed.verdict,
        label=signed.label,
        comment=signed.comment,
        findings=signed.findings,
        amendment_reason=_reason(reason),
    )
    _note(Action.REPORT_AMENDMENT_BEGUN, draft, held, author)
    return draft


def require_complete(report: Report) -> None:
    """Whether a draft says enough to be signed.

    Raises:
        CannotReport: it does not, and what is missing.
    """
    if not report.verdict:
        raise CannotReport("verdict_missing")
    if report.verdict != Verdict.OVERRIDE:
        return
    if not (report.label or report.findings or report.comment):
        raise CannotReport("override_says_nothing")
    if report.label and has_answer(report.diagnosis) and report.label == report.diagnosis.label:
        raise CannotReport("label_is_the_models")


# --- One step of the above -----------------------------------------------------------------------


def _sign_first(report: Report, user: User, proof: Report.Proof, *, four_eyes: bool) -> None:
    require_complete(report)
    report.signed_by = user
    report.signed_at = timezone.now()
    report.signed_with = proof
    report.sent_back_by = None
    report.sent_back_because = ""
    report.state = State.AWAITING_SECOND if four_eyes else State.SIGNED


def _sign_second(report: Report, user: User, proof: Report.Proof, seen: str) -> None:
    if report.signed_by_id == user.pk:
        raise CannotReport("same_signer")
    _require_seen(report, seen)
    if not signing.is_intact(report):
        raise CannotReport("signature_broken")
    report.second_signed_by = user
    report.second_signed_at = timezone.now()
    report.second_signed_with = proof
    report.state = State.SIGNED


def _hold(diagnosis_id: UUID) -> Diagnosis:
    """The reading and its page under lock: nobody else reports on it or deletes it before we are through."""
    rows = Diagnosis.objects.select_for_update(of=("self", "upload")).select_related("upload__site", "model_version")
    held = rows.get(pk=diagnosis_id)
    if held.upload.deleted_at is not None:
        raise CannotReport("page_deleted")
    if held.state not in REPORTABLE:
        raise CannotReport("not_read")
    return held


def _current(report: Report) -> Report:
    current = Report.objects.select_related("author", "signed_by").filter(pk=report.pk).first()
    if current is None:
        raise CannotReport("no_draft")
    return current


def _checked(
    diagnosis: Diagnosis, verdict: str, label: str, comment: str, codes: list[str]
) -> dict[str, str | list[str]]:
    """What a draft may say, in the form in which it is stored."""
    if verdict and verdict not in Verdict.values:
        raise CannotReport("verdict_unknown")
    if label and label not in Diagnosis.Label.values:
        raise CannotReport("label_unknown")
    if verdict == Verdict.AGREE:
        if not has_answer(diagnosis):
            raise CannotReport("nothing_to_agree_with")
        if label not in ("", diagnosis.label):
            raise CannotReport("label_without_override")
        label = diagnosis.label
    elif verdict != Verdict.OVERRIDE and label:
        raise CannotReport("label_without_override")
    if verdict == Verdict.UNREADABLE and codes:
        raise CannotReport("unreadable_has_findings")
    if table.unknown(codes):
        raise CannotReport("finding_unknown")
    comment = comment.replace("\r\n", "\n").strip()
    if "\x00" in comment:
        raise CannotReport("comment_invalid")
    if len(comment) > MAX_COMMENT_LENGTH:
        raise CannotReport("comment_too_long")
    return {"verdict": verdict, "label": label, "comment": comment, "findings": table.in_table_order(codes)}


def _require(allowed: bool) -> None:
    if not allowed:
        raise PermissionDenied(_("Reports on pages of this site are written and signed by its clinicians."))


def _require_draft(report: Report) -> None:
    if report.state == State.AWAITING_SECOND:
        raise CannotReport("awaiting_second")
    if report.state != State.DRAFT:
        raise CannotReport("already_signed")


def _require_seen(report: Report, seen: str) -> None:
    if seen != report.token:
        raise CannotReport("changed_meanwhile", current=report)


def _note(action: Action, report: Report, diagnosis: Diagnosis, user: User, **details: str) -> None:
    """Leave an entry in the audit log; the last thing of a transaction, see ``accounts.audit.log``."""
    known = {"diagnosis": diagnosis.pk, "version": report.version, "verdict": report.verdict}
    record(action, actor=user, target=report, site=diagnosis.upload.site, details=known | details)


def _reason(text: str) -> str:
    reason = " ".join(text.replace("\x00", "").split())
    if not reason:
        raise CannotReport("reason_missing")
    if len(reason) > MAX_REASON_LENGTH:
        raise CannotReport("reason_too_long")
    return reason

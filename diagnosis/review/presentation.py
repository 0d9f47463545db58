"""What the report's part of the result page shows: the draft's fields, the signed versions, the next step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from django.utils.translation import gettext as _

from accounts import permissions
from accounts.models import User
from accounts.second_factor.forms import ProofForm
from accounts.second_factor.proof import asked_of
from diagnosis.models import Diagnosis
from diagnosis.presentation import label_name
from diagnosis.review import findings as table
from diagnosis.review import reporting, signing
from diagnosis.review.models import Report
from diagnosis.review.refusals import CannotReport
from diagnosis.review.selectors import Standing, next_to_review, reports_on

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser
    from django.http import QueryDict

Verdict = Report.Verdict


@dataclass(frozen=True)
class Content:
    """What a report says, as it is in a form or in a row."""

    verdict: str = ""
    label: str = ""
    comment: str = ""
    findings: tuple[str, ...] = ()

    @classmethod
    def of_report(cls, report: Report) -> Content:
        return cls(report.verdict, report.label, report.comment, tuple(report.findings))

    @classmethod
    def of_form(cls, sent: QueryDict) -> Content:
        """Without what the form hides under the verdict chosen: it is no part of the report."""
        verdict = sent.get("verdict", "")
        return cls(
            verdict=verdict,
            label=sent.get("label", "") if verdict == Verdict.OVERRIDE else "",
            comment=sent.get("comment", ""),
            findings=() if verdict == Verdict.UNREADABLE else tuple(sent.getlist("findings")),
        )

    @property
    def is_empty(self) -> bool:
        return not (self.verdict or self.label or self.comment.strip() or self.findings)

    @property
    def title(self) -> str:
        return title(self)

    @property
    def named_findings(self) -> list[table.Finding]:
        return table.named(self.findings)


# What the session remembers of somebody who wants to read first.
BLIND_KEY: Final = "review_blind"
# A reading of one's own that is none of the model's classes.
OTHER: Final = "other"


def own_reading(diagnosis: Diagnosis, own: str, content: Content) -> Content:
    """The report of somebody who read the page without knowing what the model said.

    Args:
        diagnosis: the model's reading.
        own: a class, `OTHER` or `Verdict.UNREADABLE`.
        content: what else they wrote.

    Raises:
        CannotReport: nothing of this was chosen.
    """
    if own == Verdict.UNREADABLE:
        return replace(content, verdict=own, label="", findings=())
    if own == OTHER:
        return replace(content, verdict=Verdict.OVERRIDE, label="")
    if own not in Diagnosis.Label.values:
        raise CannotReport("own_reading_missing")
    agrees = reporting.has_answer(diagnosis) and own == diagnosis.label
    return replace(content, verdict=Verdict.AGREE if agrees else Verdict.OVERRIDE, label=own)


@dataclass(frozen=True)
class Panel:
    """Everything about the report on one reading that one user sees.

    Attributes:
        may_write: whether the user may write on it at all.
        edits: whether there are fields to fill in now.
        content: what stands in the fields.
        token: what the fields were filled from.
        theirs: the draft that a colleague saved while the user wrote.
        unsaved: what the user wrote, where it can no longer be saved.
        problem: why something was refused, as a sentence.
        step: the dialog that is open.
        asked, proof: what the one who signs has to show, and the fields for it, where that is the step.
        following: the next page that waits for the user.
        blind: whether the user wants to read for themselves before the model's reading is shown.
    """

    diagnosis: Diagnosis
    user: User | AnonymousUser
    standing: Standing
    may_write: bool
    edits: bool
    content: Content
    token: str
    theirs: Report | None = None
    unsaved: Content | None = None
    problem: str = ""
    step: str = ""
    reason: str = ""
    asked: str = ""
    proof: ProofForm | None = None
    following: Diagnosis | None = None
    blind: bool = False

    @property
    def is_blind(self) -> bool:
        """Whether the model's reading is hidden now: as long as nobody has said what they read."""
        is_done = self.diagnosis.state == Diagnosis.State.DONE
        return self.blind and self.edits and is_done and not self.standing.signed and not self.content.verdict

    @property
    def is_reportable(self) -> bool:
        return self.diagnosis.state in reporting.REPORTABLE

    @property
    def may_agree(self) -> bool:
        return reporting.has_answer(self.diagnosis)

    @property
    def four_eyes(self) -> bool:
        return self.diagnosis.upload.site.four_eyes

    @property
    def is_first_signer(self) -> bool:
        return self.standing.open is not None and self.standing.open.signed_by_id == self.user.pk

    @property
    def labels(self) -> list[tuple[str, str]]:
        """The classes to choose from: those that the model knows, or all where there is no model."""
        model = self.diagnosis.model_version
        known = model.classes if model and model.classes else Diagnosis.Label.values
        codes = [*known, *([self.content.label] if self.content.label not in ("", *known) else [])]
        return [(code, label_name(code)) for code in codes]

    @property
    def finding_groups(self) -> list[tuple[Any, list[table.Finding]]]:
        return table.grouped()


def panel(
    user: User | AnonymousUser,
    diagnosis: Diagnosis,
    *,
    mine: Content | None = None,
    seen: str = "",
    theirs: Report | None = None,
    problem: str = "",
    step: str = "",
    reason: str = "",
    blind: bool = False,
) -> Panel:
    """What the user sees of the report on a reading that they may see.

    Args:
        user: who looks.
        diagnosis: the reading.
        mine: what the user wrote and could not be saved as it is.
        seen: ``token`` of the draft it was written on.
        theirs: the draft that a colleague has saved meanwhile.
        problem: why not, or why another step was refused.
        step: the dialog to open.
        reason: what was typed into it.
        blind: whether the user wants the model's reading hidden until they have written theirs.
    """
    standing = reports_on(diagnosis)
    draft = standing.open
    may_write = diagnosis.state in reporting.REPORTABLE and permissions.may_report(user, diagnosis.upload.site)
    is_new = draft is None and standing.signed is None
    edits = may_write and (is_new or (draft is not None and draft.state == Report.State.DRAFT))
    saved = Content.of_report(draft) if draft else Content()
    # Whoever has seen the colleague's text may save over it.
    token = seen if mine is not None and theirs is None and draft else (draft.token if draft else "")
    asked = asked_of(user) if step == "sign" and isinstance(user, User) else ""
    return Panel(
        diagnosis=diagnosis,
        user=user,
        standing=standing,
        may_write=may_write,
        edits=edits,
        content=mine or saved,
        token=token,
        theirs=theirs if edits else None,
        unsaved=mine if not edits else None,
        problem=problem,
        step=step,
        reason=reason,
        asked=asked,
        proof=_proof_form(asked, is_refused=bool(problem)) if asked else None,
        blind=blind,
        following=next_to_review(user, after=diagnosis) if may_write and draft is None and not is_new else None,
    )


def _proof_form(asked: str, *, is_refused: bool) -> ProofForm:
    form = ProofForm(asked=asked)
    for field in form.fields.values():
        # A passkey is asked first; its fallback need not be filled in.
        field.widget.attrs |= {} if asked == "passkey" else {"required": True, "autofocus": True}
        if is_refused:
            field.widget.attrs |= {
                "class": "is-invalid",
                "aria-invalid": "true",
                "aria-describedby": "review-proof-problem",
            }
    return form


def title(report: Report | Content) -> str:
    """What a report says, in a few words."""
    match report.verdict:
        case Verdict.UNREADABLE:
            return _("Page unreadable")
        case Verdict.AGREE | Verdict.OVERRIDE if report.label:
            return label_name(report.label)
        case Verdict.OVERRIDE:
            return _("None of the model’s classes")
        case _:
            return _("No verdict yet")


def short_fingerprint(report: Report) -> str:
    """Enough of the fingerprint to compare with a print."""
    return report.fingerprint[:16]


def is_broken(report: Report) -> bool:
    """Whether a signed row was changed behind our back."""
    return not signing.is_intact(report)


def as_arguments(content: Content) -> Mapping[str, Any]:
    """The content as `reporting.save_draft` takes it."""
    return {
        "verdict": content.verdict,
        "label": content.label,
        "comment": content.comment,
        "findings": content.findings,
    }

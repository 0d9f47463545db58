"""Why a report cannot be written or signed: stable codes, each with a sentence a person can act on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.utils.functional import Promise

    from diagnosis.review.models import Report

SENTENCES: Final[dict[str, str | Promise]] = {
    # The page
    "not_read": _("This page has not been read to its end, so there is nothing to report on yet."),
    "page_deleted": _("The page has been deleted meanwhile. An administrator can restore it."),
    # What the report says
    "verdict_unknown": _("Choose one of the verdicts: agree, overrule or unreadable."),
    "verdict_missing": _("Choose whether you agree, overrule the model or call the page unreadable, then sign."),
    "own_reading_missing": _("Choose what you read first; then the model’s reading is shown."),
    "nothing_to_agree_with": _(
        "The model gave no answer here that one could agree with. Overrule it, or say unreadable."
    ),
    "label_unknown": _("Choose one of the classes in the list."),
    "label_is_the_models": _(
        "This is the class that the model gave. Choose “agree”, and put what you want to add into findings or comment."
    ),
    "label_without_override": _("Only a report that overrules the model has a class of its own. Leave the class out."),
    "override_says_nothing": _("Say what you see instead: choose a class or a finding, or write a comment."),
    "unreadable_has_findings": _("An unreadable page has no findings. Take them away, or choose another verdict."),
    "finding_unknown": _("One of the findings is not in the table. Choose from it; the comment takes free text."),
    "comment_too_long": _("The comment is too long. Use at most 4000 characters."),
    "comment_invalid": _("The comment contains characters that cannot be shown. Type it in instead of pasting it."),
    # The state it is in
    "changed_meanwhile": _("Somebody changed this report meanwhile. Nothing of yours is lost: compare and decide."),
    "no_draft": _("There is no draft any more. Somebody discarded or signed it meanwhile; look at the report again."),
    "already_signed": _("This report is signed and never changes. Amend it to write a new version."),
    "awaiting_second": _(
        "This report has been signed once and waits for a second signature. Have it sent back to change it."
    ),
    "not_awaiting_second": _("Only a report that waits for its second signature can be sent back."),
    "not_signed": _("Only a signed report can be amended. Change the draft instead."),
    "amendment_under_way": _("An amendment of this report is already being written. Change that one."),
    "reason_missing": _("Say why, in a few words. It stays with the report."),
    "reason_too_long": _("The reason is too long. Use at most 400 characters."),
    "same_signer": _("You signed first. The second signature has to come from somebody else."),
    "signature_broken": _(
        "What was signed first is not what stands here now, so it cannot be signed again. Tell an administrator."
    ),
    # Who signs
    "proof_missing": _("Show that it is you who signs. Nothing was signed, and the draft is kept."),
    "wrong_password": _("This is not your password. Nothing was signed, and the draft is kept."),
    "wrong_code": _("This code is not accepted. Nothing was signed, and the draft is kept."),
    "locked_out": _("Too many wrong entries. Nothing was signed, and the draft is kept."),
}


class CannotReport(Exception):
    """What was asked of a report is refused.

    Attributes:
        code: stable, one of `SENTENCES`.
        current: the report as it is now, where somebody changed it meanwhile.
        retry_after_s: how long to wait before it may work, where that is known.
        sentence: what to say, where more is known than the code tells.
    """

    def __init__(
        self, code: str, *, current: Report | None = None, retry_after_s: int | None = None, sentence: str = ""
    ) -> None:
        super().__init__(code)
        self.code = code
        self.sentence = sentence
        self.current = current
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        return self.sentence or str(SENTENCES[self.code])

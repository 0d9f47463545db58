"""The one table of actions: what stands in the log, and the words people read for it.

A name is ``thing.what_happened`` and is never changed once entries carry it.
"""

from __future__ import annotations

from typing import Final

from django.db import models
from django.utils.translation import gettext_lazy as _


class Action(models.TextChoices):
    LOGGED_IN = "login.succeeded", _("Logged in")
    LOGIN_FAILED = "login.failed", _("Failed log-in")
    LOCKED_OUT = "login.locked_out", _("Locked out after failed log-ins")
    LOGGED_OUT = "session.logged_out", _("Logged out")
    TIMED_OUT = "session.timed_out", _("Logged out after a time without activity")
    PASSWORD_CHANGED = "password.changed", _("Changed the own password")
    PASSWORD_RESET = "password.reset", _("Set a new password by mail")
    SESSION_ENDED = "session.ended", _("Ended one of the own sessions elsewhere")
    SESSIONS_ENDED = "session.others_ended", _("Ended all other own sessions")
    SECOND_FACTOR_VERIFIED = "second_factor.verified", _("Gave the second factor at log-in")
    SECOND_FACTOR_ADDED = "second_factor.added", _("Set up a second factor")
    SECOND_FACTOR_REMOVED = "second_factor.removed", _("Removed a second factor")
    SECOND_FACTOR_RESET = "second_factor.reset", _("Reset somebody's second factor")
    RECOVERY_CODES_MADE = "second_factor.codes_made", _("Made new recovery codes")
    PROOF_FAILED = "second_factor.proof_failed", _("Failed to prove who they are while logged in")
    INVITATION_MADE = "invitation.made", _("Invited somebody")
    INVITATION_SENT_AGAIN = "invitation.sent_again", _("Sent an invitation again")
    INVITATION_WITHDRAWN = "invitation.withdrawn", _("Withdrew an invitation")
    INVITATION_ACCEPTED = "invitation.accepted", _("Accepted an invitation")
    TOKEN_OPENED = "token.opened", _("Opened an API token")
    TOKEN_CLOSED = "token.closed", _("Closed an API token")

    PAGE_VIEWED = "page.viewed", _("Viewed a page and its reading")
    PAGE_FETCHED = "page.fetched", _("Fetched a page by API token")
    PAGE_DOWNLOADED = "page.downloaded", _("Downloaded a file of a page")
    PAGE_UPLOADED = "page.uploaded", _("Uploaded a page")
    PAGE_UPLOADED_AGAIN = "page.uploaded_again", _("Uploaded a page that was there already")
    PAGE_DETAILS_CHANGED = "page.details_changed", _("Changed what is noted of a page")
    PAGE_DELETED = "page.deleted", _("Deleted a page")
    PAGE_RESTORED = "page.restored", _("Restored a page")
    PAGE_ERASED = "page.erased", _("Erased a page for good")
    READING_REQUESTED = "reading.requested", _("Had a page read again")
    EXPLANATION_REQUESTED = "explanation.requested", _("Asked for an explanation")
    REPORT_SIGNED = "report.signed", _("Signed a report")
    REPORT_SENT_BACK = "report.sent_back", _("Voided the first signature of a report")
    REPORT_AMENDMENT_BEGUN = "report.amendment_begun", _("Began to amend a report")
    REPORT_DISCARDED = "report.discarded", _("Discarded a draft of a report")
    HISTORY_SEARCHED = "history.searched", _("Searched the history")
    HISTORY_EXPORTED = "history.exported", _("Exported the history")
    MODEL_ACTIVATED = "model.activated", _("Activated a model")

    WEBHOOK_MADE = "webhook.made", _("Made a webhook")
    WEBHOOK_CHANGED = "webhook.changed", _("Changed a webhook")
    WEBHOOK_TURNED_ON = "webhook.turned_on", _("Turned a webhook on")
    WEBHOOK_TURNED_OFF = "webhook.turned_off", _("Turned a webhook off")
    WEBHOOK_SECRET_CHANGED = "webhook.secret_changed", _("Gave a webhook a new secret")
    WEBHOOK_DELETED = "webhook.deleted", _("Deleted a webhook")

    ADMIN_ADDED = "admin.added", _("Added a row in the administration")
    ADMIN_CHANGED = "admin.changed", _("Changed a row in the administration")
    ADMIN_DELETED = "admin.deleted", _("Deleted a row in the administration")
    AUDIT_EXPORTED = "audit.exported", _("Exported the audit log")

    PAGE_ASSIGNED = "page.assigned", _("Assigned or took a page")
    PAGE_RELEASED = "page.released", _("Released a page")
    BATCH_SENT = "batch.sent", _("Sent many files at once")
    DOCUMENT_REQUESTED = "document.requested", _("Had a report made as PDF")
    VERIFICATION_FAILED = "verification.failed", _("Entered a verification code that opens no report")
    FHIR_DELIVERED = "fhir.delivered", _("Sent a report to a FHIR server")
    FHIR_NOT_DELIVERED = "fhir.not_delivered", _("Could not send a report to a FHIR server")


# What a person is shown of the way into their own account.
LOG_INS: Final = (Action.LOGGED_IN, Action.LOGIN_FAILED, Action.LOCKED_OUT)

_WORDS: Final = dict(Action.choices)


def word(action: str) -> str:
    """The action in the reader's language; its own name if the table does not know it (any more)."""
    return str(_WORDS.get(action, action))

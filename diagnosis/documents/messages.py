"""Why there is no document, in words a person can act on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.utils.functional import Promise

NO_DOCUMENT: Final[dict[str, str | Promise]] = {
    "not_read": _("There is nothing to report yet. Wait until the page has been read."),
    "not_signed": _("Only a signed version can be printed as a report. Sign it first."),
    "unknown_paper": _("Choose A4 or Letter as paper size."),
    "upload_deleted": _("The page was deleted before its report was made."),
    "page_missing": _("The stored picture of this page is missing. Tell an administrator."),
    "worker_lost": _("Making this report stopped the worker several times, so it was given up. Tell an administrator."),
    "timed_out": _(
        "Making this report took too long, so it was given up. Try again; if that fails too, tell an administrator."
    ),
    "internal_error": _(
        "The report could not be made because of an error on our side. "
        "Try again; if that fails too, tell an administrator."
    ),
}


def no_document(code: str, fallback: str = "") -> str:
    """Why there is no document, as a sentence."""
    return str(NO_DOCUMENT.get(code) or fallback or NO_DOCUMENT["internal_error"])

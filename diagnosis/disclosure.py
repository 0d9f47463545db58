"""What of a patient's page went to whom: the entries of the audit log for looking, fetching and searching.

What changes a page is noted where it is changed (``intake``, ``deletion``, ``pipeline``, ``explanations``).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from accounts.audit.actions import Action
from accounts.audit.log import record

if TYPE_CHECKING:
    from django.db.models import Model

    from accounts.models import User
    from diagnosis.models import Upload

BROWSER: Final = "browser"
API: Final = "api"
ADMIN: Final = "admin"

# Filters that are a choice out of a list or a day; whatever else is typed may be a patient's name.
_HARMLESS: Final = frozenset({"label", "state", "since", "until", "agreement"})


def page_viewed(user: User, row: Model, upload: Upload, *, by: str) -> None:
    """A person or program opened a reading, or whatever else of the page ``row`` is."""
    record(Action.PAGE_VIEWED, actor=user, target=row, site=upload.site, details={"upload": upload.pk, "by": by})


def file_sent(user: User, upload: Upload, what: str, *, downloaded: bool) -> None:
    """A file of a page was downloaded, or fetched with an API token. Pictures of an opened page are part of it.

    Args:
        user: who got it.
        upload: the page it belongs to.
        what: ``page``, ``original``, ``overlay``, ``leads_csv`` …
        downloaded: to be kept as a file; else fetched by a program.
    """
    action = Action.PAGE_DOWNLOADED if downloaded else Action.PAGE_FETCHED
    record(action, actor=user, target=upload, site=upload.site, details={"file": what})


def history_searched(user: User, wanted: Mapping[str, Any], *, by: str) -> None:
    """Somebody narrowed the history down. The words searched for are not kept, only that there were some."""
    if any(wanted.values()):
        record(Action.HISTORY_SEARCHED, actor=user, details=_told(wanted, by))


def history_exported(user: User, wanted: Mapping[str, Any], *, by: str) -> None:
    """Somebody began to take away what these filters leave of the history, all of it where there are none."""
    record(Action.HISTORY_EXPORTED, actor=user, details=_told(wanted, by))


def _told(wanted: Mapping[str, Any], by: str) -> dict[str, Any]:
    asked = {name: value for name, value in wanted.items() if value}
    kept = {name: str(value) for name, value in asked.items() if name in _HARMLESS and isinstance(value, (str, date))}
    return {"filters": kept, "other_filters": sorted(set(asked) - set(kept)), "by": by}

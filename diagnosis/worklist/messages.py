"""The codes of this room in words a person can act on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.conf import settings
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from diagnosis import messages

if TYPE_CHECKING:
    from django.utils.functional import Promise

    from diagnosis.worklist.models import Batch, BatchFile

    Sentence = str | Promise

# Why many files are not taken at all.
REFUSALS: Final[dict[str, Sentence]] = {
    "nothing_sent": _("Nothing was sent. Choose a ZIP archive, or some files."),
    "one_archive_at_a_time": _("Send one ZIP archive at a time, or only files that are not archives."),
    "not_an_archive": _("This is not a ZIP archive. Choose a ZIP file, or upload the files one by one."),
    "damaged_archive": _("The ZIP archive is damaged or cut short and cannot be opened. Make it again."),
    "empty_archive": _("There are no files in this ZIP archive."),
    "archive_too_large": format_lazy(
        _("This is larger than {limit} MB. Make several smaller ZIP archives of it."),
        limit=settings.ISOLINE_ARCHIVE_MAX_MB,
    ),
    "archive_unpacks_too_large": _(
        "The files in this ZIP archive are too large together. Make several smaller ZIP archives of it."
    ),
    "too_many_files": format_lazy(
        _("These are more than {limit} files. Make several smaller ZIP archives of them."),
        limit=settings.ISOLINE_BATCH_MAX_FILES,
    ),
    "too_many_parts": _("These are too many files for one request. Send at most 100, or a ZIP archive."),
    "nothing_to_retry": _("No file of this batch can be tried again."),
    "still_under_way": _("This batch is still under way. Wait until it has ended."),
}

# Why one file of a batch is not taken in, beside what intake says.
FILES: Final[dict[str, Sentence]] = {
    "encrypted_member": _("This file is protected by a password. Make the ZIP archive without one."),
    "nested_archive": _("This is an archive inside the archive. Put the pages themselves into one ZIP archive."),
    "suspicious_compression": _(
        "This file unpacks to much more than its size, as no scan does. Upload it by itself if it is a page."
    ),
    "unknown_compression": _("This file is packed in a way that is not read here. Make an ordinary ZIP archive."),
    "damaged_member": _("This file is damaged inside the ZIP archive. Make the archive again."),
    "file_gone": _("This file is no longer kept. Upload it again."),
    "worker_lost": _("Taking in this file stopped the worker several times, so it was given up. Scan the page again."),
    "timed_out": _("Taking in this file took too long. Upload a smaller scan (200 to 300 dpi)."),
    "internal_error": _(
        "This file could not be taken in because of an error on our side. Try again; if that fails too, tell an "
        "administrator. The file is kept."
    ),
}

# Why a whole batch was given up.
BATCHES: Final[dict[str, Sentence]] = {
    "archive_gone": _("The files of this batch are no longer kept. Upload them again."),
    "damaged_archive": REFUSALS["damaged_archive"],
    "worker_lost": _("Taking in these files stopped the worker several times, so it was given up. Try again."),
    "timed_out": _("Taking in these files took too long several times, so it was given up. Try again."),
    "internal_error": _(
        "These files could not be taken in because of an error on our side. Try again; if that fails too, tell an "
        "administrator."
    ),
}


def archive_limits() -> dict[str, int | str]:
    """How large a ZIP archive may be, for the upload page."""
    return {
        "max_archive_bytes": settings.ISOLINE_ARCHIVE_MAX_MB * 2**20,
        "max_archive_megabytes": settings.ISOLINE_ARCHIVE_MAX_MB,
        "archive_too_large": refusal("archive_too_large"),
    }


def refusal(code: str) -> str:
    """Why many files are not taken, as a sentence."""
    return str(REFUSALS.get(code) or messages.refusal(code))


def of_batch(code: str, fallback: str = "") -> str:
    """Why a batch was given up, as a sentence."""
    return str(BATCHES.get(code) or fallback or BATCHES["internal_error"])


def describe_batch(batch: Batch) -> str:
    """Why this batch was given up; empty while it runs and where it was not."""
    return of_batch(batch.reason, batch.message) if batch.state == batch.State.FAILED else ""


def describe_file(file: BatchFile) -> str:
    """Why this file was not taken in; empty where it was, and while it waits."""
    if not file.reason or file.state == file.State.WAITING:
        return ""
    return str(FILES.get(file.reason) or messages.refusal(file.reason))

"""What is noted of a page: whose it is, when it was recorded, a note. Unlike the page itself, it can be corrected."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext as _

from accounts import permissions
from accounts.audit.actions import Action
from accounts.audit.log import record
from diagnosis import intake, selectors
from diagnosis.models import Diagnosis, Upload

if TYPE_CHECKING:
    from datetime import datetime

    from accounts.models import User

logger = logging.getLogger(__name__)


class DetailsAreSigned(Exception):
    """A report on the page was signed. It says whose page it is, and a signed report never changes."""

    def __init__(self) -> None:
        super().__init__(
            _(
                "A report on this page is signed, so what is noted of it stays. "
                "If it belongs to somebody else, have an administrator delete the page, and upload it again."
            )
        )


def noted(upload: Upload) -> dict[str, Any]:
    """What is noted now, by the names that `change` takes."""
    return {name: getattr(upload, name) for name in ("patient_reference", "recorded_at", "note")}


def may_change(user: User, upload: Upload) -> bool:
    """Whether the user may correct what is noted of this page now."""
    return (
        upload.deleted_at is None
        and permissions.may_upload(user, upload.site)
        and not selectors.has_signed_report(upload)
    )


def change(upload: Upload, user: User, *, patient_reference: str, note: str, recorded_at: datetime | None) -> Upload:
    """Correct what is noted of a page. The log keeps which of it was changed, not what it was.

    Args:
        upload: a page that the user sees.
        user: who corrects it.
        patient_reference: up to 64 characters, or empty.
        note: up to 2000 characters, or empty.
        recorded_at: when the ECG was taken, with its time zone; None if unknown.

    Returns:
        The page as it is now.

    Raises:
        PermissionDenied: the user may not upload for the site.
        DetailsAreSigned: a report on the page is signed.
        intake.UploadRefused: ``patient_reference_invalid``, ``patient_reference_too_long``, ``note_too_long`` or
            ``recorded_at_implausible``.
    """
    wanted: dict[str, Any] = {
        "patient_reference": intake.checked_reference(patient_reference),
        "note": intake.checked_note(note),
        "recorded_at": intake.checked_recorded_at(recorded_at),
    }
    with transaction.atomic():
        # As a signature holds the reading it is on: neither slips in between the other's check and its change.
        list(Diagnosis.objects.select_for_update().filter(upload=upload.pk).order_by("pk").values_list("pk"))
        locked = Upload.objects.select_for_update().get(pk=upload.pk)
        if not permissions.may_upload(user, locked.site):
            raise PermissionDenied
        changed = sorted(name for name, value in noted(locked).items() if wanted[name] != value)
        if not changed:
            return locked
        if selectors.has_signed_report(locked):
            raise DetailsAreSigned
        for name in changed:
            setattr(locked, name, wanted[name])
        locked.save(update_fields=changed)
        details = {"fields": changed}
        record(Action.PAGE_DETAILS_CHANGED, actor=user, target=locked, site=locked.site, details=details)
    logger.info("Upload %s: %s changed by user %s", upload.pk, ", ".join(changed), user.pk)
    return locked

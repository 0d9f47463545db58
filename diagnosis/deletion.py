"""Taking pages out of sight, back into it, and out of the house for good."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit.actions import Action
from accounts.audit.log import record
from diagnosis import pipeline, renditions, selectors
from diagnosis.heatmap_files import heatmap_folder
from diagnosis.models import Diagnosis, Upload
from diagnosis.stored_files import discard, names_under

if TYPE_CHECKING:
    from accounts.models import User

logger = logging.getLogger(__name__)

# What the audit log says where nobody did it.
BY_RULE: Final = {"by": "retention_rule"}


class CannotRestore(Exception):
    """The page was uploaded again meanwhile; restoring it would make it appear twice."""


class NotDeleted(Exception):
    """Only a deleted page may be erased."""


def delete(upload: Upload, user: User) -> None:
    """Take a page and its readings out of sight. An administrator can restore it.

    Raises:
        PermissionDenied: the user may not delete this page; with a signed report on it, only administrators may.
    """
    with transaction.atomic():
        locked = Upload.objects.select_for_update().get(pk=upload.pk)
        if not selectors.may_delete(user, locked):
            raise PermissionDenied(why_kept(locked))
        locked.deleted_at = timezone.now()
        locked.deleted_by = user
        locked.save(update_fields=["deleted_at", "deleted_by"])
        record(Action.PAGE_DELETED, actor=user, target=locked, site=locked.site)
    logger.info("Upload %s deleted by user %s", upload.pk, user.pk)


def hide(upload: Upload) -> bool:
    """Take a page out of sight because a rule says so; nobody's name stands beside it.

    Returns:
        False if it was hidden already, or a report on it was signed meanwhile.
    """
    with transaction.atomic():
        locked = Upload.objects.select_for_update().filter(pk=upload.pk, deleted_at__isnull=True).first()
        if locked is None or selectors.has_signed_report(locked):
            return False
        locked.deleted_at = timezone.now()
        locked.deleted_by = None
        # Saved and not updated in the database alone: where a page stands follows its saved row.
        locked.save(update_fields=["deleted_at", "deleted_by"])
        record(Action.PAGE_DELETED, actor=None, target=locked, site=locked.site, details=BY_RULE)
    return True


def restore(upload: Upload, user: User) -> Upload:
    """Bring a deleted page back, and queue a reading if it never got one.

    Raises:
        PermissionDenied: neither did the user delete the page nor are they an administrator.
        CannotRestore: the same page of the same file is there again.
    """
    try:
        with transaction.atomic():
            locked = Upload.objects.select_for_update().get(pk=upload.pk)
            if locked.deleted_at is None and selectors.uploads_visible_to(user).filter(pk=upload.pk).exists():
                return locked
            if not selectors.uploads_restorable_by(user).filter(pk=upload.pk).exists():
                raise PermissionDenied(_("You may not restore this page."))
            locked.deleted_at = None
            locked.deleted_by = None
            locked.save(update_fields=["deleted_at", "deleted_by"])
            latest = locked.diagnoses.order_by("-created_at").first()
            if latest is None or latest.reason == "upload_deleted":
                pipeline.enqueue(upload=locked, requested_by=user)
            record(Action.PAGE_RESTORED, actor=user, target=locked, site=locked.site)
    except IntegrityError as error:
        raise CannotRestore(_("The same page was uploaded again meanwhile, so it is not restored.")) from error
    logger.info("Upload %s restored by user %s", upload.pk, user.pk)
    return locked


def erase(upload: Upload, user: User) -> int:
    """Remove a deleted page for good: its row, its readings and every file that nothing else refers to.

    Returns:
        How many files were removed.

    Raises:
        PermissionDenied: the user is no administrator.
        NotDeleted: the page is still in use.
    """
    _require_administrator(user)
    files = remove(upload, erased_by=user)
    logger.info("Upload %s erased for good by user %s, %d file(s)", upload.pk, user.pk, files)
    return files


def remove(upload: Upload, *, erased_by: User | None = None) -> int:
    """``erase`` without asking who may: for rules, which have nobody's name.

    Raises:
        NotDeleted: the page is still in use.
    """
    with transaction.atomic(durable=True):
        # The pages of one PDF share its bytes. Locked together and in order, two erasures neither block each other
        # for ever nor leave the file to each other.
        of_one_file = Upload.objects.select_for_update().filter(original=upload.original.name).order_by("pk")
        rows = {row.pk: row for row in of_one_file}
        locked = rows.pop(upload.pk, None)
        if locked is None:
            raise Upload.DoesNotExist
        if locked.deleted_at is None:
            raise NotDeleted(_("Delete the page before erasing it for good."))
        files = _files_of(locked)
        if not rows:
            files.append(locked.original.name or "")
        site = locked.site
        locked.delete()
        details = {} if erased_by else BY_RULE
        record(Action.PAGE_ERASED, actor=erased_by, target=upload, site=site, details=details)
    # After the commit: a row without its files would be worse than a file without its row.
    discard(files)
    return len(files)


def why_kept(upload: Upload) -> str:
    """Why somebody who sees a page may not delete it, as a sentence."""
    if selectors.has_signed_report(upload):
        return _("A report on this page is signed, so only an administrator can delete it.")
    return _("You may not delete this page.")


def _require_administrator(user: User) -> None:
    if not (user.is_active and user.is_administrator):
        raise PermissionDenied(_("Only an administrator may do this."))


def _files_of(upload: Upload) -> list[str]:
    files = [upload.page.name or "", upload.thumbnail.name or "", *names_under(renditions.folder(upload))]
    for diagnosis in Diagnosis.objects.filter(upload=upload).select_related("upload"):
        # The folder and not the rows: it also holds what a worker that died left behind.
        files += names_under(heatmap_folder(diagnosis))
    return files

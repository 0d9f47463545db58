"""Who is to report on a page: assign, take, release.

Reviewers, site administrators and administrators assign any reader of the page's site. A clinician takes what nobody
has, and gives back what they have. Assigning is a pointer: it keeps nobody from reading or signing a page.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.audit.actions import Action
from accounts.audit.log import record
from accounts.models import Role
from accounts.permissions import sites_visible_to
from diagnosis.models import Upload
from diagnosis.selectors import uploads_visible_to
from diagnosis.worklist.models import Assignment

if TYPE_CHECKING:
    from accounts.models import User

ASSIGNS_OTHERS: Final = (Role.REVIEWER, Role.SITE_ADMINISTRATOR)
# Who reports on pages, and so can be assigned one.
READS: Final = (Role.CLINICIAN, Role.REVIEWER, Role.SITE_ADMINISTRATOR)


@dataclass
class Result:
    """What became of each page: how many were changed, and for the others why not, with how many."""

    changed: int = 0
    refused: dict[str, int] = field(default_factory=dict)

    def refuse(self, sentence: str) -> None:
        self.refused[sentence] = self.refused.get(sentence, 0) + 1


def assigns_others(user: User) -> bool:
    """Whether the user may assign pages of their sites to somebody else."""
    return user.is_active and (user.is_administrator or user.role in ASSIGNS_OTHERS)


def may_take(user: User) -> bool:
    """Whether the user may be assigned pages of their sites at all."""
    return user.is_active and user.role in READS


def assign(uploads: Collection[uuid.UUID], *, reviewer: User, by: User) -> Result:
    """Assign pages to a reader; with ``reviewer`` and ``by`` the same, take them.

    Pages the user does not see are passed over in silence: they do not exist for them.
    """
    result = Result()
    if reviewer != by and not assigns_others(by):
        result.refused[_("You may take pages yourself, but not assign them to others.")] = len(uploads)
        return result
    if not may_take(reviewer):
        result.refused[_("Only those who report on pages can be assigned any.")] = len(uploads)
        return result
    reads_at = set(sites_visible_to(reviewer).values_list("pk", flat=True))
    changed = []
    with transaction.atomic():
        for upload in _locked(uploads, by):
            present = Assignment.objects.filter(upload=upload).select_related("reviewer").first()
            if upload.site_id not in reads_at:
                sentence = _("%(person)s does not belong to %(site)s.")
                result.refuse(sentence % {"person": _name(reviewer), "site": upload.site})
            elif present and present.reviewer_id != by.pk and not assigns_others(by):
                sentence = _("%(person)s has it; ask them to release it, or a reviewer to assign it to you.")
                result.refuse(sentence % {"person": _name(present.reviewer)})
            else:
                Assignment.objects.update_or_create(upload=upload, defaults={"reviewer": reviewer, "assigned_by": by})
                changed.append(upload)
        _note(Action.PAGE_ASSIGNED, changed, by, reviewer=reviewer.pk)
    result.changed = len(changed)
    return result


def release(uploads: Collection[uuid.UUID], *, by: User) -> Result:
    """Assign pages to nobody. A clinician releases only what they have themselves."""
    result = Result()
    changed = []
    with transaction.atomic():
        for upload in _locked(uploads, by):
            present = Assignment.objects.filter(upload=upload).select_related("reviewer").first()
            if present is None:
                continue
            if present.reviewer_id != by.pk and not assigns_others(by):
                sentence = _("%(person)s has it; only they or a reviewer may release it.")
                result.refuse(sentence % {"person": _name(present.reviewer)})
                continue
            present.delete()
            changed.append(upload)
        _note(Action.PAGE_RELEASED, changed, by)
    result.changed = len(changed)
    return result


def _locked(uploads: Collection[uuid.UUID], user: User) -> list[Upload]:
    # The page's own lock makes two who take it at the same moment agree; in order, so that neither waits for ever.
    visible = uploads_visible_to(user).filter(pk__in=uploads).order_by("pk")
    return list(visible.select_for_update(of=("self",)))


def _note(action: Action, uploads: list[Upload], by: User, **details: int) -> None:
    """An entry for each page, after everything else: see ``accounts.audit.log``."""
    for upload in uploads:
        record(action, actor=by, target=upload, site=upload.site, details=details)


def _name(user: User) -> str:
    return user.get_full_name() or user.get_username()

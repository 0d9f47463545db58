"""Who may read which entries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from accounts.models import Role, Site, User
from accounts.permissions import sites_visible_to

from .actions import LOG_INS
from .models import Entry, kind_of

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from .models import EntryQuerySet

SHOWN_LOG_INS: Final = 10


def entries_visible_to(user: User | AnonymousUser) -> EntryQuerySet:
    """The log, newest first: all of it for administrators, that of their own sites for site administrators."""
    if not isinstance(user, User) or not user.is_active:
        return Entry.objects.none()
    if user.is_administrator:
        return Entry.objects.all()
    if user.role != Role.SITE_ADMINISTRATOR:
        return Entry.objects.none()
    return Entry.objects.filter(site__in=sites_visible_to(user))


def last_log_ins(user: User | AnonymousUser) -> list[Entry]:
    """The last times that somebody logged in to this account, or tried to, newest first."""
    if not isinstance(user, User):
        return []
    about = Entry.objects.filter(target_id=str(user.pk), target_type=kind_of(User), action__in=LOG_INS)
    return list(about[:SHOWN_LOG_INS])


def is_named(row: User | Site) -> bool:
    """Whether the log names this person or site, which then cannot be deleted, only made inactive."""
    return (Entry.objects.filter(actor=row) if isinstance(row, User) else Entry.objects.filter(site=row)).exists()


def home_of(user: User) -> Site | None:
    """The site whose administrators may read what this person does with their account: the only one they belong to.

    Nobody's but the installation's where there are several or none, so that no site learns of another's business.
    """
    sites = list(user.sites.all()[:2])
    return sites[0] if len(sites) == 1 else None

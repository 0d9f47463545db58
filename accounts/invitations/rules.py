"""Who may invite whom: nobody grants a role above their own, or a site that is not theirs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from django.contrib.auth.models import AnonymousUser
from django.db.models import Q, QuerySet

from accounts.models import Role, Site, User
from accounts.permissions import sites_visible_to

from .models import Invitation

# API clients are programs and read no mail; an administrator makes their accounts in Django admin.
_UP_TO_SITE_ADMINISTRATOR: Final = (Role.CLINICIAN, Role.REVIEWER, Role.SITE_ADMINISTRATOR)
_ALL: Final = (*_UP_TO_SITE_ADMINISTRATOR, Role.ADMINISTRATOR)


def roles_granted_by(user: User | AnonymousUser) -> tuple[Role, ...]:
    """The roles the user may invite to; none for those who may not invite."""
    if not isinstance(user, User) or not user.is_active:
        return ()
    if user.is_administrator:
        return _ALL
    return _UP_TO_SITE_ADMINISTRATOR if user.role == Role.SITE_ADMINISTRATOR else ()


def may_invite(user: User | AnonymousUser) -> bool:
    return bool(roles_granted_by(user))


def may_grant(user: User, role: str, sites: Iterable[Site]) -> bool:
    """Whether the user may make somebody this at these sites, now."""
    if role not in roles_granted_by(user):
        return False
    wanted = {site.pk for site in sites}
    own = set(sites_visible_to(user).values_list("pk", flat=True))
    return wanted <= own and (bool(wanted) or user.is_administrator)


def open_invitations(user: User | AnonymousUser) -> QuerySet[Invitation]:
    """Those the user may see, send again and withdraw: an administrator's are all, others' those of own sites only."""
    found = Invitation.objects.filter(accepted_at=None, withdrawn_at=None, role__in=roles_granted_by(user))
    if not isinstance(user, User) or user.is_administrator:
        return found
    elsewhere = Invitation.sites.through.objects.exclude(site__in=sites_visible_to(user)).values("invitation")
    return found.filter(~Q(pk__in=elsewhere), sites__isnull=False).distinct()

"""Which people an administrator may see and change, and what a site administrator may make of them.

A site administrator

- sees the people of their own sites, except administrators and superusers, who are the installation's;
- changes those who belong to own sites only: name, mail, role, sites, active. The role is one they may invite to, or
  API client, and one site at least stays;
- of those who belong to other sites as well, only adds or removes own sites: the rest is the others' business too;
- never changes their own account, sets no password, resets no second factor and deletes nobody. Whoever has a second
  factor therefore cannot be impersonated by the administrator of their site.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import QuerySet

from .invitations.rules import roles_granted_by
from .models import Role, Site, User
from .permissions import sites_administered_by

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser


def roles_assigned_by(user: User | AnonymousUser) -> tuple[Role, ...]:
    """The roles the user may give in Django admin: those they may invite to, and machines, which read no mail."""
    granted = roles_granted_by(user)
    return (*granted, Role.API_CLIENT) if granted else ()


def users_administered_by(user: User | AnonymousUser) -> QuerySet[User]:
    """The people the user sees in Django admin."""
    if isinstance(user, User) and user.is_active and user.is_administrator:
        return User.objects.all()
    return User.objects.filter(
        pk__in=_members(sites_administered_by(user)), role__in=roles_assigned_by(user), is_superuser=False
    )


def users_wholly_administered_by(user: User | AnonymousUser) -> QuerySet[User]:
    """Of those, the people who belong to no site that is not the user's to administer."""
    found = users_administered_by(user)
    if isinstance(user, User) and user.is_administrator:
        return found
    elsewhere = Site.objects.exclude(pk__in=sites_administered_by(user))
    return found.exclude(pk__in=_members(elsewhere))


def _members(sites: QuerySet[Site]) -> QuerySet[User, int]:
    return User.objects.filter(sites__in=sites.order_by()).order_by().values_list("pk", flat=True)

"""Who may do what, in one table of small answers.

| role          | sees             | uploads             | deletes            | Django admin |
|---------------|------------------|---------------------|--------------------|--------------|
| clinician     | own sites        | to own active sites | own uploads        | no           |
| reviewer      | own sites        | to own active sites | all of own sites   | no           |
| administrator | every site       | to any active site  | everything         | yes          |
| API client    | own sites        | to own active sites | nothing            | no           |

An account that is not active may do nothing.
"""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet

from .models import Role, Site, User


def sites_visible_to(user: User | AnonymousUser) -> QuerySet[Site]:
    """Sites whose pages the user may see; inactive ones included, for their history."""
    if not isinstance(user, User) or not user.is_active:
        return Site.objects.none()
    if user.is_administrator:
        return Site.objects.all()
    return Site.objects.filter(users=user)


def sites_open_to(user: User | AnonymousUser) -> QuerySet[Site]:
    """Sites the user may upload to."""
    return sites_visible_to(user).filter(is_active=True)


def may_upload(user: User | AnonymousUser, site: Site) -> bool:
    return sites_open_to(user).filter(pk=site.pk).exists()


def may_delete(user: User | AnonymousUser, *, site_id: int, uploaded_by_id: int) -> bool:
    """Whether the user may take a page of this site and uploader out of the history."""
    if not isinstance(user, User) or not user.is_active:
        return False
    if user.is_administrator:
        return True
    if not sites_visible_to(user).filter(pk=site_id).exists():
        return False
    if user.role == Role.REVIEWER:
        return True
    return user.role == Role.CLINICIAN and user.pk == uploaded_by_id

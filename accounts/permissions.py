"""Who may do what, in one table of small answers.

| role               | sees       | uploads             | deletes          | writes and signs reports | Django admin   |
|--------------------|------------|---------------------|------------------|--------------------------|----------------|
| clinician          | own sites  | to own active sites | own uploads      | of own active sites      | no             |
| reviewer           | own sites  | to own active sites | all of own sites | of own active sites      | no             |
| site administrator | own sites  | to own active sites | all of own sites | of own active sites      | for own sites  |
| administrator      | every site | to any active site  | everything       | never: no clinician      | yes            |
| API client         | own sites  | to own active sites | nothing          | never: no person         | no             |

A page with a signed report is deleted by administrators alone. An account that is not active may do nothing.
``SITE_ADMINISTRATORS_MAY`` is the part of Django admin; which rows it shows comes from ``sites_administered_by``, and
``administering`` says which people are among them.
"""

from __future__ import annotations

from typing import Final

from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet

from .models import Role, Site, User

# Who may delete any page of their own sites.
CLEARS_OWN_SITES: Final = (Role.REVIEWER, Role.SITE_ADMINISTRATOR)
# Whose word on an ECG counts.
REPORTS: Final = (Role.CLINICIAN, Role.REVIEWER, Role.SITE_ADMINISTRATOR)

# Django's permissions of the role. Not: models, trials, rules, lock-outs, workers, webhooks, other people's sessions.
SITE_ADMINISTRATORS_MAY: Final = frozenset(
    {
        *("accounts.view_user", "accounts.add_user", "accounts.change_user", "accounts.view_site"),
        *("accounts.view_apitoken", "accounts.delete_apitoken", "audit.view_entry"),
        *("diagnosis.view_upload", "diagnosis.view_diagnosis", "diagnosis.view_explanation", "diagnosis.view_heatmap"),
    }
)


def sites_visible_to(user: User | AnonymousUser) -> QuerySet[Site]:
    """Sites whose pages the user may see; inactive ones included, for their history."""
    if not isinstance(user, User) or not user.is_active:
        return Site.objects.none()
    if user.is_administrator:
        return Site.objects.all()
    return Site.objects.filter(users=user)


def sites_administered_by(user: User | AnonymousUser) -> QuerySet[Site]:
    """Sites whose people and pages the user sees in Django admin."""
    if not isinstance(user, User) or not (user.is_administrator or user.role == Role.SITE_ADMINISTRATOR):
        return Site.objects.none()
    return sites_visible_to(user)


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
    if user.role in CLEARS_OWN_SITES:
        return True
    return user.role == Role.CLINICIAN and user.pk == uploaded_by_id


def sites_reported_by(user: User | AnonymousUser) -> QuerySet[Site]:
    """Sites on whose pages the user may write and sign reports."""
    if not isinstance(user, User) or user.is_administrator or user.role not in REPORTS:
        return Site.objects.none()
    return sites_open_to(user)


def may_report(user: User | AnonymousUser, site: Site) -> bool:
    """Whether the user may write drafts of reports on pages of this site, a colleague's included."""
    return sites_reported_by(user).filter(pk=site.pk).exists()


def may_sign(user: User | AnonymousUser, site: Site) -> bool:
    """Whether the user may sign reports on pages of this site; today everybody who may write them."""
    return may_report(user, site)

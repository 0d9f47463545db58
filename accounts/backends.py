"""What a role is worth in Django's permission system."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import AnonymousUser

from .models import Role, User
from .permissions import SITE_ADMINISTRATORS_MAY as _PART

# Everything an administrator runs from Django admin: people, pages, lock-outs, API tokens and the audit log.
ADMINISTERED_APPS = frozenset(
    {
        *("accounts", "audit", "axes", "invitations", "login_sessions", "second_factor"),
        *("diagnosis", "documents", "fhir", "operations", "review"),
        *("saved_filters", "shadow", "webhooks", "worklist"),
    }
)
_PARTS_APPS = frozenset(permission.partition(".")[0] for permission in _PART)


class RoleBackend(ModelBackend):
    """Grants administrators every permission on Isoline's own apps, and site administrators their part of it.

    The role is the only source: no group to set up, nothing that can drift from it. Permissions given to a user
    by hand keep working as in any Django project.
    """

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        if _administers(user_obj, perm.partition(".")[0]) or (_administers_sites(user_obj) and perm in _PART):
            return True
        return super().has_perm(user_obj, perm, obj)

    def has_module_perms(self, user_obj: Any, app_label: str) -> bool:
        if _administers(user_obj, app_label) or (_administers_sites(user_obj) and app_label in _PARTS_APPS):
            return True
        return super().has_module_perms(user_obj, app_label)


def _administers(user: User | AnonymousUser, app_label: str) -> bool:
    return isinstance(user, User) and user.is_active and user.is_administrator and app_label in ADMINISTERED_APPS


def _administers_sites(user: User | AnonymousUser) -> bool:
    return isinstance(user, User) and user.is_active and user.role == Role.SITE_ADMINISTRATOR

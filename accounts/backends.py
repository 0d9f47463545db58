"""What a role is worth in Django's permission system."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import AnonymousUser

from .models import User

# Everything an administrator runs from Django admin: people, pages, lock-outs and API tokens.
ADMINISTERED_APPS = frozenset({"accounts", "diagnosis", "axes", "knox"})


class RoleBackend(ModelBackend):
    """Grants administrators every permission on Isoline's own apps.

    The role is the only source: no group to set up, nothing that can drift from it. Permissions given to a user
    by hand keep working as in any Django project.
    """

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        return _administers(user_obj, perm.partition(".")[0]) or super().has_perm(user_obj, perm, obj)

    def has_module_perms(self, user_obj: Any, app_label: str) -> bool:
        return _administers(user_obj, app_label) or super().has_module_perms(user_obj, app_label)


def _administers(user: User | AnonymousUser, app_label: str) -> bool:
    return isinstance(user, User) and user.is_active and user.is_administrator and app_label in ADMINISTERED_APPS

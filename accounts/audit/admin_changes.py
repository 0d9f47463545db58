"""What is added, changed and deleted through Django admin, for every model that is registered there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.contrib.admin import ModelAdmin
from django.db import transaction

from accounts.models import Site, User

from .actions import Action
from .log import record
from .selectors import home_of

if TYPE_CHECKING:
    from django.db.models import Model, QuerySet
    from django.http import HttpRequest


class AuditedAdmin(ModelAdmin):
    """Laid over every ``ModelAdmin`` by ``ecgsite.admin.IsolineAdminSite.register``.

    Django's own log is a table like any other, knows what its rows were called, and is passed by in bulk.
    """

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        logged = super().log_addition(request, obj, message)
        _note(Action.ADMIN_ADDED, request, obj, site=_site_of(obj), fields=_fields(message), **_rights(obj))
        return logged

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        logged = super().log_change(request, obj, message)
        _note(Action.ADMIN_CHANGED, request, obj, site=_site_of(obj), fields=_fields(message), **_rights(obj))
        return logged

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        with transaction.atomic():
            key, site = obj.pk, _site_of(obj)
            super().delete_model(request, obj)
            obj.pk = key
            _note(Action.ADMIN_DELETED, request, obj, site=site)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        with transaction.atomic():
            gone = [(row, _site_of(row)) for row in queryset]
            super().delete_queryset(request, queryset)
            for row, site in gone:
                _note(Action.ADMIN_DELETED, request, row, site=site)


def audited(admin_class: type[ModelAdmin] | None) -> type[ModelAdmin]:
    """The class, with its changes noted."""
    plain = admin_class or ModelAdmin
    if issubclass(plain, AuditedAdmin):
        return plain
    return type(plain.__name__, (AuditedAdmin, plain), {"__module__": plain.__module__, "__doc__": plain.__doc__})


def _note(action: Action, request: HttpRequest, row: Model, *, site: Site | None, **details: Any) -> None:
    owner = getattr(row, "user_id", None)
    if owner is not None:
        # A token's: whose it was is more than its own key says.
        details["user"] = owner
    record(action, actor=request.user, target=row, site=site, details=details, request=request)


def _fields(message: Any) -> list[str]:
    """The names of the fields that were filled in, from Django's message; never what stands in them."""
    try:
        parts = json.loads(message) if isinstance(message, str) else message
    except ValueError:
        return []
    return sorted({str(name) for part in parts or [] for what in part.values() for name in what.get("fields", ())})


def _rights(row: Model) -> dict[str, Any]:
    """Who may do what after the change: the part of an account or site that the rest of the log depends on."""
    if isinstance(row, User):
        return {
            "role": row.role,
            "sites": sorted(row.sites.values_list("pk", flat=True)),
            "is_active": row.is_active,
            "is_superuser": row.is_superuser,
        }
    return {"is_active": row.is_active, "four_eyes": row.four_eyes} if isinstance(row, Site) else {}


def _site_of(row: Model) -> Site | None:
    if isinstance(row, Site):
        return row
    if isinstance(row, User):
        return home_of(row)
    if isinstance(owner := getattr(row, "user", None), User):
        return home_of(owner)
    site = getattr(row, "site", None)
    return site if isinstance(site, Site) else None

"""People and sites in Django admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from .administering import roles_assigned_by, users_administered_by, users_wholly_administered_by
from .audit.selectors import is_named
from .models import Role, Site, User
from .permissions import sites_administered_by
from .second_factor.admin import reset_second_factor
from .site_filter import OwnSitesFilter
from .token_admin import MakesTokens

# Roles say what people may do; a second system beside them would only confuse.
admin.site.unregister(Group)


@admin.register(User)
class IsolineUserAdmin(MakesTokens, UserAdmin):
    """Accounts. Only a superuser may touch a superuser; ``administering`` says what a site administrator may."""

    list_display = ("username", "last_name", "first_name", "role", "site_names", "is_active", "last_login")
    list_filter = ("role", ("sites", OwnSitesFilter), "is_active")
    filter_horizontal = ("sites",)
    actions = (*MakesTokens.actions, reset_second_factor)
    readonly_fields = ("last_login", "date_joined", "is_staff")
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        (_("Person"), {"fields": ("first_name", "last_name", "email")}),
        (_("Role and sites"), {"fields": ("role", "sites", "is_active", "is_staff", "is_superuser")}),
        (_("Dates"), {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = (
        (None, {"classes": ("wide",), "fields": ("username", "usable_password", "password1", "password2")}),
        (_("Role and sites"), {"fields": ("role", "sites", "email")}),
    )

    site_administrators_fieldsets = (
        (None, {"fields": ("username",)}),
        (_("Person"), {"fields": ("first_name", "last_name", "email")}),
        (_("Role and sites"), {"fields": ("role", "sites", "is_active")}),
        (_("Dates"), {"fields": ("last_login", "date_joined")}),
    )

    @admin.display(description=_("sites"))
    def site_names(self, user: Any) -> str:
        return ", ".join(site.name for site in user.sites_shown)

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        # Others' sites are not shown, even of people who belong to both.
        shown = Prefetch("sites", queryset=sites_administered_by(request.user), to_attr="sites_shown")
        found = super().get_queryset(request).prefetch_related(shown)
        if _is_administrator(request):
            return found
        return found.filter(pk__in=users_administered_by(request.user).order_by().values("pk"))

    def lookup_allowed(self, lookup: str, value: Any, request: Any = None) -> bool:
        # The filter knows whose sites may be asked for; a bare ``?sites=`` would not.
        return lookup != "sites" and super().lookup_allowed(lookup, value, request)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None or _is_administrator(request):
            return super().get_fieldsets(request, obj)
        return self.site_administrators_fieldsets

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        if _is_administrator(request):
            return self.readonly_fields if request.user.is_superuser else (*self.readonly_fields, "is_superuser")
        fixed = (*self.readonly_fields, "is_superuser")
        if obj is None:
            return fixed
        if _is_wholly_theirs(request, obj):
            return (*fixed, "username")
        return (*fixed, "username", "first_name", "last_name", "email", "role", "is_active")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        sites = form.base_fields.get("sites")
        if sites is not None and not _is_administrator(request):
            # Somebody without a site would be nobody's to administer.
            sites.required = obj is None or _is_wholly_theirs(request, obj)
        return form

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "sites":
            kwargs["queryset"] = sites_administered_by(request.user)
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def formfield_for_choice_field(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "role":
            assigned = roles_assigned_by(request.user)
            kwargs["choices"] = [choice for choice in Role.choices if choice[0] in assigned]
        return super().formfield_for_choice_field(db_field, request, **kwargs)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        person = form.instance
        # The form does not show them, so it would take them away.
        kept = list(person.sites.exclude(pk__in=sites_administered_by(request.user).order_by().values("pk")))
        super().save_related(request, form, formsets, change)
        person.sites.add(*kept)

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:  # noqa: A002
        if not _is_administrator(request):
            raise PermissionDenied
        return super().user_change_password(request, id, form_url)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if obj is not None and not _is_administrator(request):
            seen = users_administered_by(request.user).exclude(username=request.user.get_username())
            if not seen.filter(pk=obj.pk).exists():
                return False
        return _may_touch(request, obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if obj is not None and is_named(obj):
            return False
        return _may_touch(request, obj) and super().has_delete_permission(request, obj)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions = _without_deletion(super().get_actions(request))
        if not _is_administrator(request):
            actions.pop("reset_second_factor", None)
        return actions


def _is_administrator(request: HttpRequest) -> bool:
    return bool(getattr(request.user, "is_administrator", False))


def _is_wholly_theirs(request: HttpRequest, person: User) -> bool:
    return users_wholly_administered_by(request.user).filter(pk=person.pk).exists()


def _may_touch(request: HttpRequest, user: User | None) -> bool:
    return user is None or not user.is_superuser or request.user.is_superuser


def _without_deletion(actions: dict[str, Any]) -> dict[str, Any]:
    # For many at once Django would list every entry of the audit log that names one of them.
    return {name: action for name, action in actions.items() if name != "delete_selected"}


@admin.register(Site)
class SiteAdmin(admin.ModelAdmin):
    list_display = ("name", "is_active", "four_eyes", "people", "created_at")
    list_filter = ("is_active", "four_eyes")
    search_fields = ("name",)
    readonly_fields = ("created_at",)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return not (obj is not None and is_named(obj)) and super().has_delete_permission(request, obj)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        return _without_deletion(super().get_actions(request))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Site]:
        own = sites_administered_by(request.user).order_by().values("pk")
        return super().get_queryset(request).filter(pk__in=own).annotate(people=Count("users"))

    @admin.display(description=_("people"), ordering="people")
    def people(self, site: Any) -> int:
        return int(site.people)

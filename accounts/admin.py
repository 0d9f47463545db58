"""People and sites in Django admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from knox.models import AuthToken

from .models import Site, User

# Roles say what people may do; a second system beside them would only confuse.
admin.site.unregister(Group)
admin.site.unregister(AuthToken)


@admin.register(User)
class IsolineUserAdmin(UserAdmin):
    """Accounts. Only a superuser may touch a superuser."""

    list_display = ("username", "last_name", "first_name", "role", "site_names", "is_active", "last_login")
    list_filter = ("role", "sites", "is_active")
    filter_horizontal = ("sites",)
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

    @admin.display(description=_("sites"))
    def site_names(self, user: User) -> str:
        return ", ".join(site.name for site in user.sites.all())

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).prefetch_related("sites")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return self.readonly_fields if request.user.is_superuser else (*self.readonly_fields, "is_superuser")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _may_touch(request, obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _may_touch(request, obj) and super().has_delete_permission(request, obj)


def _may_touch(request: HttpRequest, user: User | None) -> bool:
    return user is None or not user.is_superuser or request.user.is_superuser


@admin.register(Site)
class SiteAdmin(admin.ModelAdmin):
    list_display = ("name", "is_active", "people", "created_at")
    list_filter = ("is_active",)
    search_fields = ("name",)
    readonly_fields = ("created_at",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Site]:
        return super().get_queryset(request).annotate(people=Count("users"))

    @admin.display(description=_("people"), ordering="people")
    def people(self, site: Any) -> int:
        return int(site.people)


@admin.register(AuthToken)
class TokenAdmin(admin.ModelAdmin):
    """Tokens can be ended here; only their owner can open one."""

    list_display = ("user", "token_key", "created", "expiry")
    list_select_related = ("user",)
    search_fields = ("user__username",)
    fields = ("user", "token_key", "created", "expiry")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

"""Sessions of everybody in Django admin: to look at, and to end."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.models import User

from .models import SessionRecord
from .records import live_records


@admin.register(SessionRecord)
class SessionRecordAdmin(admin.ModelAdmin):
    """Deleting one logs its user out there."""

    list_display = ("user", "browser", "address", "began_at", "seen_at")
    list_select_related = ("user",)
    list_filter = ("user__role",)
    search_fields = ("user__username", "user__last_name", "address")
    fields = ("user", "browser", "user_agent", "address", "began_at", "seen_at")

    @admin.display(description=_("browser"))
    def browser(self, record: SessionRecord) -> str:
        return record.browser

    def get_queryset(self, request: HttpRequest) -> QuerySet[SessionRecord]:
        return live_records().select_related("user")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # As with the account itself: only a superuser may touch a superuser.
        if isinstance(obj, SessionRecord) and obj.user.is_superuser:
            return isinstance(request.user, User) and request.user.is_superuser
        return super().has_delete_permission(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[SessionRecord]) -> None:
        if not (isinstance(request.user, User) and request.user.is_superuser):
            queryset = queryset.filter(user__is_superuser=False)
        super().delete_queryset(request, queryset)

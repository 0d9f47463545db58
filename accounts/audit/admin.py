"""The audit log in Django admin: to be read, searched and exported, never touched."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, cast

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import NoReverseMatch, URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from accounts.permissions import sites_visible_to

from .actions import Action
from .exporting import csv_lines
from .log import record
from .models import Entry
from .search import search
from .selectors import entries_visible_to

if TYPE_CHECKING:
    from django.utils.safestring import SafeString

    from .models import EntryQuerySet

# Of what an export was narrowed by, only choices and days are kept.
_HARMLESS: Final = ("action", "site", "at")


class ActionFilter(admin.SimpleListFilter):
    title = _("action")
    parameter_name = "action"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(action.value, str(action.label)) for action in Action]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(action=self.value()) if self.value() else queryset


class SiteFilter(admin.SimpleListFilter):
    title = _("site")
    parameter_name = "site"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(site.pk), site.name) for site in sites_visible_to(request.user)]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        wanted = self.value() or ""
        return queryset.filter(site=int(wanted)) if wanted.isdecimal() else queryset


@admin.register(Entry)
class EntryAdmin(admin.ModelAdmin):
    """What may be read comes from ``entries_visible_to``, here and in the export."""

    change_list_template = "admin/audit/entries.html"
    list_display = ("id", "time", "action_word", "actor_name", "target", "site", "address")
    list_display_links = ("id", "time")
    list_filter = (SiteFilter, "at", ActionFilter)
    list_select_related = ("site",)
    list_per_page = 50
    # Counting the whole log takes longer than showing a page of it.
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    search_fields = ("actor_name",)
    search_help_text = _("User name, key of a page or other row, action; several words must all be found.")
    sortable_by = ("id",)
    actions = None
    fieldsets = (
        (None, {"fields": ("id", "time", "action_word", "actor_name", "actor", "site")}),
        (_("What it was done to"), {"fields": ("target_type", "target", "readable_details")}),
        (_("Where it came from"), {"fields": ("address", "request_id")}),
        (_("Chain"), {"fields": ("previous_hash", "hash")}),
    )

    def get_queryset(self, request: HttpRequest) -> EntryQuerySet:
        return entries_visible_to(request.user)

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[EntryQuerySet, bool]:
        return search(queryset, search_term), False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_urls(self) -> list[URLPattern]:
        export = path("export/", self.admin_site.admin_view(self.export), name="audit_entry_export")
        return [export, *super().get_urls()]

    def export(self, request: HttpRequest) -> HttpResponseBase:
        """The list as it is narrowed down in the address, as CSV."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            entries = cast("EntryQuerySet", self.get_changelist_instance(request).get_queryset(request))
        except IncorrectLookupParameters:
            return redirect("admin:audit_entry_changelist")
        asked = {name: value for name, value in request.GET.items() if value}
        kept = {name: value for name, value in asked.items() if name.partition("__")[0] in _HARMLESS}
        record(
            Action.AUDIT_EXPORTED,
            actor=request.user,
            details={"filters": kept, "other_filters": sorted(set(asked) - set(kept))},
        )
        name = f"audit-log-{timezone.localdate():%Y-%m-%d}.csv"
        return StreamingHttpResponse(
            csv_lines(entries),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
        )

    @admin.display(description=_("time"))
    def time(self, entry: Entry) -> str:
        return f"{timezone.localtime(entry.at):%Y-%m-%d %H:%M:%S}"

    @admin.display(description=_("action"))
    def action_word(self, entry: Entry) -> str:
        return entry.action_word

    @admin.display(description=_("target"))
    def target(self, entry: Entry) -> SafeString | str:
        if not entry.target_id:
            return "–"
        kind = entry.target_type.replace(".", "_")
        try:
            address = reverse(f"admin:{kind}_change", args=[entry.target_id])
        except NoReverseMatch:
            return entry.target_id
        return format_html('<a href="{}">{} {}</a>', address, entry.target_type.rpartition(".")[2], entry.target_id)

    @admin.display(description=_("details"))
    def readable_details(self, entry: Entry) -> SafeString | str:
        if not entry.details:
            return "–"
        return format_html("<pre>{}</pre>", json.dumps(entry.details, indent=2, sort_keys=True, ensure_ascii=False))

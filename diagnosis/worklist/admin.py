"""Assignments and batches in Django admin: for looking."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from diagnosis.history_admin import HistoryAdmin, JobAdmin, ReasonFilter, user_of
from diagnosis.models import Upload
from diagnosis.worklist import selectors
from diagnosis.worklist.models import Assignment, Batch


@admin.register(Assignment)
class AssignmentAdmin(HistoryAdmin):
    list_display = ("upload", "reviewer", "assigned_by", "assigned_at")
    list_filter = ("upload__site", "assigned_at")
    search_fields = ("upload__original_name", "upload__patient_reference", "reviewer__username")
    key_fields = ("pk",)
    list_select_related = ("upload", "reviewer", "assigned_by")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Assignment]:
        return selectors.assignments_administered_by(user_of(request))


@admin.register(Batch)
class BatchAdmin(JobAdmin):
    list_display = ("name", "state", "files_in_it", "attempts", "reason", "of_site", "requested_by", "created_at")
    list_filter = ("state", ("reason", ReasonFilter), "site", "created_at")
    search_fields = ("name", "patient_reference", "reason", "error")
    key_fields = ("pk",)
    fieldsets = (
        (None, {"fields": ("name", "of_site", "state", "files_in_it", "patient_reference", "note")}),
        JobAdmin.how_it_went,
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Batch]:
        return selectors.batches_administered_by(user_of(request))

    def page_of(self, row: Any) -> Upload | None:
        # No page of its own: what came in is listed with the uploads.
        return None

    @admin.display(description=gettext_lazy("site"), ordering="site")
    def of_site(self, batch: Batch) -> str:
        return batch.site.name

    @admin.display(description=gettext_lazy("files"))
    def files_in_it(self, batch: Batch) -> int:
        return batch.files.count()

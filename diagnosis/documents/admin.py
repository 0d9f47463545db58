"""Documents in Django admin: for looking, and for making a failed one again."""

from __future__ import annotations

from functools import partial

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy

from diagnosis.documents import requests
from diagnosis.documents.models import Document
from diagnosis.documents.selectors import documents_administered_by
from diagnosis.history_admin import JobAdmin, user_of


@admin.register(Document)
class DocumentAdmin(JobAdmin):
    list_display = (
        "small_picture",
        "state",
        "version",
        "paper",
        "language",
        "site",
        "requested_by",
        "created_at",
        "seconds",
    )
    list_display_links = ("small_picture", "state")
    list_filter = ("state", "paper", "diagnosis__upload__site", "created_at")
    search_fields = ("sha256__startswith", "diagnosis__upload__original_name", "diagnosis__upload__patient_reference")
    key_fields = ("pk", "diagnosis__pk", "report__pk")
    actions = ("send_again",)
    fieldsets = (
        (None, {"fields": ("state", "diagnosis", "report", "paper", "language", "pdf", "sha256", "byte_size")}),
        (gettext_lazy("What it says"), {"fields": ("content_sha256",)}),
        JobAdmin.how_it_went,
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Document]:
        return documents_administered_by(user_of(request))

    @admin.display(description=gettext_lazy("report"))
    def version(self, document: Document) -> str:
        return f"v{document.report.version}" if document.report else "–"

    @admin.display(description=gettext_lazy("PDF"))
    def pdf(self, document: Document) -> SafeString | str:
        if not document.file or document.upload.deleted_at is not None:
            return "–"
        address = reverse("documents:pdf", args=[document.pk])
        return format_html('<a href="{}">{}</a>', address, (document.file.name or "").rpartition("/")[2])

    @admin.action(description=gettext_lazy("Make selected failed or waiting documents again"), permissions=["act"])
    def send_again(self, request: HttpRequest, rows: QuerySet[Document]) -> None:
        send = partial(requests.send_again, requested_by=user_of(request))
        self.act_on_each(request, rows, send, refusals=requests.CannotMakeDocument)

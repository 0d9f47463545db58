"""Reports in Django admin: for looking only."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy

from diagnosis.history_admin import HistoryAdmin, user_of
from diagnosis.presentation import headline
from diagnosis.review import findings, selectors, signing
from diagnosis.review.models import Report

_AGREES: dict[str, bool] = {Report.Verdict.AGREE: True, Report.Verdict.OVERRIDE: False}


class AgreementFilter(admin.SimpleListFilter):
    """Whether the clinician and the model say the same."""

    title = gettext_lazy("agreement with the model")
    parameter_name = "agrees"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", gettext_lazy("Agrees")), ("no", gettext_lazy("Overrules"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Report]) -> QuerySet[Report]:
        wanted = {"yes": Report.Verdict.AGREE, "no": Report.Verdict.OVERRIDE}.get(self.value() or "")
        return queryset.filter(verdict=wanted) if wanted else queryset


@admin.register(Report)
class ReportAdmin(HistoryAdmin):
    list_display = (
        "__str__",
        "label",
        "model_said",
        "agrees",
        "signed_by",
        "signed_at",
        "site",
        "version",
        "reference",
    )
    list_filter = ("state", AgreementFilter, "label", "diagnosis__upload__site", "signed_at")
    search_fields = (
        *("diagnosis__upload__patient_reference", "diagnosis__upload__original_name"),
        *("signed_by__username", "author__username", "code__startswith", "fingerprint__startswith"),
    )
    key_fields = ("pk", "diagnosis_id")
    date_hierarchy = "created_at"
    list_per_page = 50
    fieldsets = (
        (None, {"fields": ("state", "version", "reading", "site", "amendment_reason")}),
        (
            gettext_lazy("What it says"),
            {"fields": ("verdict", "label", "model_said", "findings_in_words", "comment")},
        ),
        (
            gettext_lazy("Who signed"),
            {
                "fields": (
                    *("author", "created_at", "updated_at", "signed_by", "signed_at", "signed_with"),
                    *("second_signed_by", "second_signed_at", "second_signed_with", "sent_back_by"),
                    "sent_back_because",
                )
            },
        ),
        (gettext_lazy("Proof"), {"fields": ("printed_code", "fingerprint", "is_intact")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Report]:
        return selectors.reports_administered_by(user_of(request))

    @admin.display(description=gettext_lazy("the model"))
    def model_said(self, report: Report) -> str:
        return headline(report.diagnosis)

    @admin.display(description=gettext_lazy("agrees"), boolean=True)
    def agrees(self, report: Report) -> bool | None:
        return _AGREES.get(report.verdict)

    @admin.display(description=gettext_lazy("site"), ordering="diagnosis__upload__site__name")
    def site(self, report: Report) -> str:
        return report.diagnosis.upload.site.name

    @admin.display(description=gettext_lazy("patient reference"))
    def reference(self, report: Report) -> str:
        return report.diagnosis.upload.patient_reference

    @admin.display(description=gettext_lazy("reading"))
    def reading(self, report: Report) -> SafeString:
        address = reverse("admin:diagnosis_diagnosis_change", args=[report.diagnosis_id])
        return format_html('<a href="{}">{}</a>', address, report.diagnosis)

    @admin.display(description=gettext_lazy("coded findings"))
    def findings_in_words(self, report: Report) -> str:
        return ", ".join(str(finding.name) for finding in findings.named(report.findings)) or "–"

    @admin.display(description=gettext_lazy("verification code"))
    def printed_code(self, report: Report) -> str:
        return report.printed_code

    @admin.display(description=gettext_lazy("still what was signed"), boolean=True)
    def is_intact(self, report: Report) -> bool | None:
        return None if report.state == Report.State.DRAFT else signing.is_intact(report)

"""FHIR servers and deliveries in Django admin."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from diagnosis.fhir import deliveries
from diagnosis.fhir.models import FhirDelivery, FhirServer
from diagnosis.fhir.selectors import deliveries_administered_by
from diagnosis.history_admin import JobAdmin, user_of


class FhirServerForm(forms.ModelForm):
    """The token can be set and taken away, and never be read."""

    new_token = forms.CharField(
        label=gettext_lazy("Bearer token"),
        required=False,
        strip=True,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=gettext_lazy("Stored encrypted and shown to nobody. Leave it empty to keep the present one."),
    )
    forget_token = forms.BooleanField(label=gettext_lazy("Forget the present token"), required=False)

    class Meta:
        model = FhirServer
        fields = ("site", "base_url", "is_active", "embed_images")


@admin.register(FhirServer)
class FhirServerAdmin(admin.ModelAdmin):
    form = FhirServerForm
    list_display = ("site", "base_url", "is_active", "has_token", "embed_images")
    list_filter = ("is_active",)
    fields = ("site", "base_url", "new_token", "forget_token", "is_active", "embed_images")

    @admin.display(description=gettext_lazy("token"), boolean=True)
    def has_token(self, server: FhirServer) -> bool:
        return bool(server.encrypted_token)

    def save_model(self, request: HttpRequest, obj: FhirServer, form: Any, change: bool) -> None:
        if form.cleaned_data["forget_token"]:
            obj.token = ""
        if form.cleaned_data["new_token"]:
            obj.token = form.cleaned_data["new_token"]
        super().save_model(request, obj, form, change)


@admin.register(FhirDelivery)
class FhirDeliveryAdmin(JobAdmin):
    list_display = (
        "small_picture",
        "state",
        "version",
        "server",
        "response_status",
        "attempts",
        "created_at",
        "finished_at",
    )
    list_display_links = ("small_picture", "state")
    list_filter = ("state", "server", "response_status", "created_at")
    search_fields = ("diagnosis__upload__original_name", "diagnosis__upload__patient_reference")
    key_fields = ("pk", "diagnosis__pk", "report__pk")
    actions = ("send_again",)
    fieldsets = (
        (None, {"fields": ("state", "server", "diagnosis", "report", "sent_version", "response_status")}),
        JobAdmin.how_it_went,
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[FhirDelivery]:
        return deliveries_administered_by(user_of(request))

    @admin.display(description=gettext_lazy("report"))
    def version(self, delivery: FhirDelivery) -> str:
        return f"v{delivery.report.version}" if delivery.report else "–"

    @admin.action(description=gettext_lazy("Send selected reports again"), permissions=["act"])
    def send_again(self, request: HttpRequest, rows: QuerySet[FhirDelivery]) -> None:
        for delivery in rows:
            deliveries.send_again(delivery, requested_by=user_of(request))
        self.report(request, len(rows), [])

"""Webhooks and their delivery log in Django admin."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from diagnosis.history_admin import HistoryAdmin, user_of
from diagnosis.webhooks import deliveries, events, hooks
from diagnosis.webhooks.models import Delivery, Event, Webhook


class WebhookForm(forms.ModelForm):
    events = forms.MultipleChoiceField(
        label=gettext_lazy("Events"), choices=Event.choices, widget=forms.CheckboxSelectMultiple
    )

    class Meta:
        model = Webhook
        fields = ("site", "name", "url", "events")

    def clean_url(self) -> str:
        try:
            return hooks.checked_url(self.cleaned_data["url"])
        except hooks.WebhookRefused as refused:
            raise ValidationError(str(refused)) from None


@admin.register(Webhook)
class WebhookAdmin(admin.ModelAdmin):
    form = WebhookForm
    list_display = ("name", "site", "url", "event_names", "is_active", "failures_in_a_row", "last_success_at", "log")
    list_filter = ("is_active", "site")
    list_select_related = ("site",)
    search_fields = ("name", "url")
    readonly_fields = (
        *("is_active", "note", "failures_in_a_row", "failing_since", "asleep_until", "last_success_at"),
        *("created_at", "created_by", "log"),
    )
    fieldsets = (
        (None, {"fields": ("site", "name", "url", "events")}),
        (
            gettext_lazy("How it goes"),
            {
                "fields": (
                    *("is_active", "note", "failures_in_a_row", "failing_since", "asleep_until"),
                    *("last_success_at", "log", "created_at", "created_by"),
                )
            },
        ),
    )
    actions = ("send_test", "turn_on", "turn_off", "change_secret")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Webhook]:
        return hooks.webhooks_managed_by(user_of(request))

    @admin.display(description=gettext_lazy("events"))
    def event_names(self, hook: Webhook) -> str:
        return ", ".join(hook.events)

    @admin.display(description=gettext_lazy("delivery log"))
    def log(self, hook: Webhook) -> str:
        if hook._state.adding:  # noqa: SLF001  (Django documents it)
            return "–"
        address = f"{reverse('admin:webhooks_delivery_changelist')}?webhook__id__exact={hook.pk}"
        return format_html('<a href="{}">{}</a>', address, _("Deliveries"))

    def save_model(self, request: HttpRequest, obj: Webhook, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        secret = hooks.keep(obj, made_by=user_of(request))
        self._show(request, obj, secret)

    def delete_model(self, request: HttpRequest, obj: Webhook) -> None:
        hooks.delete(obj, by=user_of(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Webhook]) -> None:
        for hook in queryset.all():
            hooks.delete(hook, by=user_of(request))

    def _show(self, request: HttpRequest, hook: Webhook, secret: str) -> None:
        text = _("The secret of %(name)s is %(secret)s. Copy it now; it is not shown again.")
        self.message_user(request, text % {"name": hook.name, "secret": secret}, messages.WARNING)

    @admin.action(description=gettext_lazy("Send a test"), permissions=["change"])
    def send_test(self, request: HttpRequest, rows: QuerySet[Webhook]) -> None:
        for hook in rows:
            events.send_test(hook)
        self.message_user(request, _("On its way. How it went is in the delivery log in a moment."), messages.SUCCESS)

    @admin.action(description=gettext_lazy("Turn on"), permissions=["change"])
    def turn_on(self, request: HttpRequest, rows: QuerySet[Webhook]) -> None:
        for hook in rows:
            hooks.turn_on(hook, by=user_of(request))
        self.message_user(request, _("Turned on: they hear of what happens from now on."), messages.SUCCESS)

    @admin.action(description=gettext_lazy("Turn off"), permissions=["change"])
    def turn_off(self, request: HttpRequest, rows: QuerySet[Webhook]) -> None:
        for hook in rows:
            hooks.turn_off(hook, by=user_of(request))
        self.message_user(request, _("Turned off."), messages.SUCCESS)

    @admin.action(description=gettext_lazy("Make a new secret"), permissions=["change"])
    def change_secret(self, request: HttpRequest, rows: QuerySet[Webhook]) -> None:
        for hook in rows:
            self._show(request, hook, hooks.change_secret(hook, by=user_of(request)))


@admin.register(Delivery)
class DeliveryAdmin(HistoryAdmin):
    """The delivery log."""

    list_display = (
        *("created_at", "webhook", "event", "state", "attempts", "response_code", "duration_ms", "error", "due_at"),
    )
    list_filter = ("state", "event", "webhook", "created_at")
    list_select_related = ("webhook__site",)
    search_fields = ("body", "error", "answer")
    key_fields = ("pk",)
    date_hierarchy = "created_at"
    list_per_page = 50
    actions = ("send_again",)
    fields = (
        *("id", "webhook", "event", "state", "created_at", "finished_at", "attempts", "due_at"),
        *("response_code", "duration_ms", "error", "answer", "body"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        return hooks.deliveries_managed_by(user_of(request))

    @admin.action(description=gettext_lazy("Send again"), permissions=["act"])
    def send_again(self, request: HttpRequest, rows: QuerySet[Delivery]) -> None:
        sent = sum(deliveries.send_again(row) for row in rows)
        self.report(request, sent, [] if sent == len(rows) else [_("Those being sent at this moment were left alone.")])

"""What goes in and comes out of API v1 about webhooks."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from accounts.models import Site
from diagnosis.api.serializers import LinkField, SiteSerializer
from diagnosis.webhooks.models import Delivery, Event, Webhook


class WebhookSerializer(serializers.ModelSerializer[Webhook]):
    """An address that is told of one site's events. Its secret is never shown again."""

    url = serializers.CharField(read_only=True, help_text=_("Where messages are sent to."))
    self_url = LinkField(view_name="api:webhook-detail")
    site = SiteSerializer(read_only=True)
    events = serializers.ListField(child=serializers.ChoiceField(choices=Event.choices), read_only=True)
    note = serializers.CharField(read_only=True, help_text=_("Why it was turned off, if it was."))

    class Meta:
        model = Webhook
        fields: tuple[str, ...] = (
            *("id", "self_url", "site", "name", "url", "events", "is_active", "note"),
            *("failures_in_a_row", "failing_since", "last_success_at", "created_at"),
        )
        read_only_fields = fields


class MadeWebhookSerializer(WebhookSerializer):
    """A webhook just made."""

    secret = serializers.SerializerMethodField(help_text=_("Signs every message. It is shown only this once."))

    class Meta(WebhookSerializer.Meta):
        fields = (*WebhookSerializer.Meta.fields, "secret")
        read_only_fields = fields

    def get_secret(self, hook: Webhook) -> str:
        return str(self.context["secret"])


class WantedWebhookSerializer(serializers.Serializer[Any]):
    site: Any = serializers.PrimaryKeyRelatedField(queryset=Site.objects.all(), help_text=_("Whose events."))
    name = serializers.CharField(max_length=80, help_text=_("Who listens there."))
    url = serializers.CharField(max_length=400, help_text=_("https://…; nothing in a private network unless allowed."))
    events = serializers.ListField(
        child=serializers.ChoiceField(choices=Event.choices), min_length=1, max_length=len(Event.choices)
    )


class ChangedWebhookSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(required=False, max_length=80)
    url = serializers.CharField(required=False, max_length=400)
    events = serializers.ListField(
        required=False,
        child=serializers.ChoiceField(choices=Event.choices),
        min_length=1,
        max_length=len(Event.choices),
    )
    is_active = serializers.BooleanField(required=False, help_text=_("Turning it on forgets earlier failures."))


class DeliverySerializer(serializers.ModelSerializer[Delivery]):
    """One message, and how its last attempt went."""

    event = serializers.CharField(read_only=True, help_text=_("One of the events, or “test”."))
    answer = serializers.CharField(read_only=True, help_text=_("The first 500 characters of what came back."))

    class Meta:
        model = Delivery
        fields = (
            *("id", "event", "state", "created_at", "finished_at", "attempts", "due_at"),
            *("response_code", "duration_ms", "error", "answer", "body"),
        )
        read_only_fields = fields

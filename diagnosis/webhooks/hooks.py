"""Making and changing webhooks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from accounts.audit.actions import Action
from accounts.audit.log import record
from diagnosis.webhooks.models import Delivery, Event, Webhook
from diagnosis.webhooks.sending import AddressRefused, check_address
from diagnosis.webhooks.signing import new_secret, seal

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from accounts.models import Site, User


class WebhookRefused(ValueError):
    """Cannot be made like this. ``field`` is what to change."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def webhooks_managed_by(user: User | AnonymousUser) -> QuerySet[Webhook]:
    """Every webhook for administrators; nothing for anybody else."""
    administers = user.is_authenticated and user.is_active and user.is_administrator
    return Webhook.objects.select_related("site", "created_by") if administers else Webhook.objects.none()


def deliveries_managed_by(user: User | AnonymousUser) -> QuerySet[Delivery]:
    """The messages of ``webhooks_managed_by``."""
    return Delivery.objects.filter(webhook__in=webhooks_managed_by(user)).select_related("webhook__site")


def make(*, site: Site, name: str, url: str, events: Iterable[str], made_by: User) -> tuple[Webhook, str]:
    """Make a webhook.

    Returns:
        The row, and the secret that signs, readable only this once.

    Raises:
        WebhookRefused: with what to change.
    """
    hook = Webhook(site=site, name=name, url=checked_url(url), events=checked_events(events))
    return hook, keep(hook, made_by=made_by)


def keep(hook: Webhook, *, made_by: User) -> str:
    """Save a new webhook, whose values have been checked.

    Returns:
        The secret, readable only this once.
    """
    secret = new_secret()
    hook.sealed_secret, hook.created_by = seal(secret), made_by
    with transaction.atomic():
        hook.save()
        _note(Action.WEBHOOK_MADE, hook, by=made_by, events=hook.events)
    return secret


def change(
    hook: Webhook,
    *,
    by: User,
    name: str | None = None,
    url: str | None = None,
    events: Iterable[str] | None = None,
) -> None:
    """Change what is given.

    Raises:
        WebhookRefused: with what to change.
    """
    wanted = {
        "name": name,
        "url": None if url is None else checked_url(url),
        "events": None if events is None else checked_events(events),
    }
    changed = [field for field, value in wanted.items() if value is not None and value != getattr(hook, field)]
    if not changed:
        return
    for field in changed:
        setattr(hook, field, wanted[field])
    with transaction.atomic():
        hook.save(update_fields=changed)
        _note(Action.WEBHOOK_CHANGED, hook, by=by, fields=changed, events=hook.events)


def change_secret(hook: Webhook, *, by: User) -> str:
    """Sign with a new secret from now on.

    Returns:
        The secret, readable only this once.
    """
    secret = new_secret()
    hook.sealed_secret = seal(secret)
    with transaction.atomic():
        hook.save(update_fields=["sealed_secret"])
        _note(Action.WEBHOOK_SECRET_CHANGED, hook, by=by)
    return secret


def turn_on(hook: Webhook, *, by: User) -> None:
    """Tell it of what happens from now on, as if it had never failed."""
    hook.is_active, hook.note = True, ""
    hook.failures_in_a_row, hook.failing_since, hook.asleep_until = 0, None, None
    with transaction.atomic():
        hook.save(update_fields=["is_active", "note", "failures_in_a_row", "failing_since", "asleep_until"])
        _note(Action.WEBHOOK_TURNED_ON, hook, by=by)


def turn_off(hook: Webhook, *, by: User) -> None:
    """Tell it nothing any more; what waits for it is given up."""
    hook.is_active = False
    with transaction.atomic():
        hook.save(update_fields=["is_active"])
        _note(Action.WEBHOOK_TURNED_OFF, hook, by=by)


def delete(hook: Webhook, *, by: User) -> None:
    """Remove it with its delivery log; what waits for it is not sent any more."""
    with transaction.atomic():
        key = hook.pk
        hook.delete()
        hook.pk = key
        _note(Action.WEBHOOK_DELETED, hook, by=by)


def _note(action: Action, hook: Webhook, *, by: User, **details: Any) -> None:
    # Not its address: what stands behind the host may be a key.
    record(action, actor=by, target=hook, site=hook.site, details=details)


def checked_url(url: str) -> str:
    try:
        check_address(url)
    except AddressRefused as refused:
        raise WebhookRefused("url", str(refused)) from None
    return url


def checked_events(events: Iterable[str]) -> list[str]:
    wanted = set(events)
    if not wanted or not wanted <= set(Event.values):
        raise WebhookRefused("events", _("Choose at least one event of the list."))
    return [event for event in Event.values if event in wanted]

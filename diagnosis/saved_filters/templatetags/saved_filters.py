"""Where saved filters stand on the history's page."""

from __future__ import annotations

from typing import Any

from django import template

from diagnosis.saved_filters import keeping

register = template.Library()


@register.inclusion_tag("saved_filters/_row.html", takes_context=True)
def saved_filters(context: dict[str, Any]) -> dict[str, Any]:
    """The user's filters, each a link."""
    saved = list(keeping.saved_filters_of(context["request"].user))
    return {"saved": saved, "current": context.get("filters_query", "")}


@register.inclusion_tag("saved_filters/_save.html", takes_context=True)
def save_filter_form(context: dict[str, Any], query: str) -> dict[str, Any]:
    """A form that keeps the present filters."""
    return {"query": query, "csrf_token": context.get("csrf_token"), "max_name": keeping.MAX_NAME_LENGTH}

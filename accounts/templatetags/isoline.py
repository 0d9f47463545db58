"""What every page shows, also the error pages that Django draws without a context."""

from __future__ import annotations

from django import template
from django.conf import settings
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag
def research_notice() -> str:
    return str(settings.ISOLINE_RESEARCH_NOTICE)


@register.simple_tag
def icon(name: str) -> SafeString:
    """An icon of the shipped set, hidden from screen readers: the words beside it say the same."""
    return format_html(
        '<svg class="icon" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>',
        static("vendor/bootstrap-icons-1.13.2/icons.svg"),
        name,
    )

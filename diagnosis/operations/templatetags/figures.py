"""Filters of the figures page."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django import template
from django.utils.formats import number_format
from django.utils.translation import gettext as _

if TYPE_CHECKING:
    from diagnosis.shadow.comparison import Share

register = template.Library()


@register.filter
def share(value: float | None) -> str:
    """0…1 as per cent, a dash where there is none."""
    return "–" if value is None else _("%(number)s %%") % {"number": number_format(100 * value, 0)}


@register.filter
def age(value: timedelta | None) -> str:
    """A span of time in its largest unit, a dash where there is none."""
    if value is None:
        return "–"
    seconds = int(value.total_seconds())
    if seconds < 120:
        return _("%(number)d s") % {"number": seconds}
    if seconds < 2 * 60 * 60:
        return _("%(number)d min") % {"number": seconds // 60}
    if seconds < 2 * 24 * 60 * 60:
        return _("%(number)d h") % {"number": seconds // 3600}
    return _("%(number)d days") % {"number": seconds // 86400}


@register.filter
def with_interval(value: Share) -> str:
    """A share with its interval, e.g. ``81 % (72–88), 65 of 80``."""
    if value.value is None or value.interval is None:
        return "–"
    low, high = value.interval
    return _("%(share)s (%(low)d–%(high)d), %(right)d of %(of)d") % {
        "share": share(value.value),
        "low": round(100 * low),
        "high": round(100 * high),
        "right": value.right,
        "of": value.of,
    }

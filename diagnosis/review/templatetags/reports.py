"""The report's part of the result page, and a report in words."""

from __future__ import annotations

from typing import Any

from django import template
from django.template.context import RequestContext

from accounts.models import User
from diagnosis.models import Diagnosis
from diagnosis.review import findings, presentation
from diagnosis.review.models import Report

register = template.Library()

register.filter("report_title", presentation.title)
register.filter("short_fingerprint", presentation.short_fingerprint)
register.filter("is_broken", presentation.is_broken)


@register.filter
def named_findings(report: Report) -> list[findings.Finding]:
    return findings.named(report.findings)


@register.filter
def person(user: User | None) -> str:
    """A colleague by name, or by user name where there is none."""
    return (user.get_full_name() or user.get_username()) if user else ""


@register.inclusion_tag("review/_section.html", takes_context=True)
def report_section(context: RequestContext, diagnosis: Diagnosis) -> dict[str, Any]:
    """The report on this reading with its frame, scripts and styles."""
    return {"panel": _panel(context, diagnosis)}


@register.inclusion_tag("review/_panel.html", takes_context=True)
def report_panel(context: RequestContext, diagnosis: Diagnosis) -> dict[str, Any]:
    """What stands inside that frame."""
    return {"panel": _panel(context, diagnosis)}


def _panel(context: RequestContext, diagnosis: Diagnosis) -> presentation.Panel:
    blind = bool(context["request"].session.get(presentation.BLIND_KEY))
    return presentation.panel(context["user"], diagnosis, blind=blind)

"""Filters that put a diagnosis into words for the templates."""

from __future__ import annotations

from django import template

from diagnosis import messages, presentation, wording
from diagnosis.models import Diagnosis

register = template.Library()

register.filter("method_title", wording.method_title)
register.filter("method_summary", wording.method_summary)
register.filter("headline", presentation.headline)
register.filter("tone", presentation.tone)
register.filter("bars", presentation.bars)
register.filter("percent", presentation.percent)
register.filter("possible_classes", presentation.possible_classes)
register.filter("second_opinion", presentation.second_opinion)
register.filter("markdown", presentation.markdown)
register.filter("warning_sentence", messages.warning)
register.filter("why_no_explanation", messages.describe_explanation)


@register.filter
def why_no_result(diagnosis: Diagnosis) -> str:
    """Why a diagnosis ended without a result, and what to do; empty where it has one."""
    return messages.describe(diagnosis)


@register.filter
def short_checksum(sha256: str) -> str:
    """The first digits of a checksum: enough to tell two apart, and the history's search takes them."""
    return sha256[:12]

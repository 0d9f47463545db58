"""What templates ask of the worklist."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django import template
from django.template.context import RequestContext

from diagnosis.review.models import Report
from diagnosis.worklist import messages, selectors
from diagnosis.worklist import way as ways

if TYPE_CHECKING:
    from diagnosis.models import Diagnosis
    from diagnosis.worklist.way import Way

register = template.Library()

MANY: Final = 99

register.filter("why_not_taken_in", messages.describe_file)
register.filter("why_given_up", messages.describe_batch)


@register.simple_tag(takes_context=True)
def waiting_for_me(context: RequestContext) -> str:
    """How many pages wait for whoever looks: assigned to them, or begun; "" for none."""
    found = selectors.mine_up_to(context.request.user, MANY + 1)
    return f"{MANY}+" if found > MANY else str(found or "")


@register.simple_tag(takes_context=True)
def way_through(context: RequestContext, diagnosis: Diagnosis) -> Way | None:
    """The list one came from, with the pages before and after this one; None where one came from no list."""
    request = context.request
    return ways.way_through(request, request.user, diagnosis)  # type: ignore[arg-type]


@register.filter
def report_in_sight(diagnosis: Diagnosis) -> Report | None:
    """The report that a row shows: the one being worked on, else the one that is signed."""
    by_state = {report.state: report for report in getattr(diagnosis, "reports_on_it", ())}
    for state in (Report.State.AWAITING_SECOND, Report.State.DRAFT, Report.State.SIGNED):
        if state in by_state:
            return by_state[state]
    return None

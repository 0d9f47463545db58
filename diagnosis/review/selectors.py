"""Which reports a user sees, what stands on one reading, and which page waits next."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import TYPE_CHECKING

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from accounts.permissions import sites_reported_by
from diagnosis import selectors
from diagnosis.models import Diagnosis
from diagnosis.review.models import Report
from diagnosis.review.reporting import REPORTABLE

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from accounts.models import User


@dataclass(frozen=True)
class Standing:
    """Every version of the report on one reading.

    Attributes:
        open: the one that can still be changed or waits for its second signature.
        signed: the one that holds.
        earlier: those that were replaced, newest first.
    """

    open: Report | None
    signed: Report | None
    earlier: tuple[Report, ...]

    @property
    def foremost(self) -> Report | None:
        """The one that holds, else the open one."""
        return self.signed or self.open


def standing(reports: Iterable[Report]) -> Standing:
    """Sort the versions of one report by what they are."""
    newest_first = sorted(reports, key=lambda report: -report.version)
    return Standing(
        open=next((report for report in newest_first if report.state in Report.OPEN), None),
        signed=next((report for report in newest_first if report.state == Report.State.SIGNED), None),
        earlier=tuple(report for report in newest_first if report.state == Report.State.AMENDED),
    )


def reports_visible_to(user: User | AnonymousUser) -> QuerySet[Report]:
    """The reports on readings that the user sees, last changed first."""
    visible = Report.objects.filter(diagnosis__in=selectors.diagnoses_visible_to(user).order_by().values("pk"))
    return _with_people(visible).order_by("-updated_at", "-pk")


def reports_on(diagnosis: Diagnosis) -> Standing:
    """Every version on one reading. Whoever asks has found the reading by ``diagnosis.selectors``."""
    return standing(_with_people(Report.objects.filter(diagnosis=diagnosis)))


def reports_administered_by(user: User | AnonymousUser) -> QuerySet[Report]:
    """Every report, those on deleted pages included, for administrators; nothing for anybody else."""
    administered = selectors.diagnoses_administered_by(user).order_by().values("pk")
    return _with_people(Report.objects.filter(diagnosis__in=administered))


def search(
    user: User | AnonymousUser, *, state: str = "", signer: str = "", since: date | None = None
) -> QuerySet[Report]:
    """The reports the user sees, narrowed down.

    Args:
        state: one of `Report.State`.
        signer: user name of the first or second signer.
        since: first day of the signature, or for drafts of the last change.
    """
    found = reports_visible_to(user)
    if state:
        found = found.filter(state=state)
    if signer:
        found = found.filter(Q(signed_by__username=signer) | Q(second_signed_by__username=signer))
    if since:
        start = timezone.make_aware(datetime.combine(since, time.min))
        found = found.filter(Q(signed_at__gte=start) | Q(signed_at__isnull=True, updated_at__gte=start))
    return found


def waiting_for_review(user: User | AnonymousUser) -> QuerySet[Diagnosis]:
    """The newest reading of each page that waits for this user's report, oldest first.

    A page that the user signed first and that waits for somebody else's signature is not among them.
    """
    visible = selectors.diagnoses_visible_to(user).filter(
        upload__site__in=sites_reported_by(user), state__in=REPORTABLE
    )
    newest = (
        Diagnosis.objects.filter(upload=OuterRef("upload"), state__in=REPORTABLE)
        .order_by("-created_at", "-pk")
        .values("pk")[:1]
    )
    on_it = Report.objects.filter(diagnosis=OuterRef("pk"))
    signed = on_it.filter(state=Report.State.SIGNED)
    others_turn = on_it.filter(state=Report.State.AWAITING_SECOND, signed_by=user.pk)
    return (visible.filter(pk=Subquery(newest)).exclude(Exists(signed)).exclude(Exists(others_turn))).order_by(
        "created_at", "pk"
    )


def next_to_review(user: User | AnonymousUser, after: Diagnosis | None = None) -> Diagnosis | None:
    """The oldest waiting reading; after another one the next newer, and from the start again once those are through."""
    waiting = waiting_for_review(user)
    if after is None:
        return waiting.first()
    waiting = waiting.exclude(pk=after.pk)
    newer = Q(created_at__gt=after.created_at) | Q(created_at=after.created_at, pk__gt=after.pk)
    return waiting.filter(newer).first() or waiting.first()


def _with_people(reports: QuerySet[Report]) -> QuerySet[Report]:
    return reports.select_related(
        *("author", "signed_by", "second_signed_by", "sent_back_by"),
        *("diagnosis__upload__site", "diagnosis__model_version"),
    )

"""The front page of the administration in figures: what came in, what waits, what failed, what clinicians made of it.

All figures are of the sites that the person who looks administers.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from django.conf import settings
from django.core.files.storage import FileSystemStorage, default_storage
from django.db.models import Avg, Count, Min, Q, QuerySet, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone

from diagnosis import messages, presentation
from diagnosis.models import Diagnosis, Explanation, Job, ModelVersion, Upload
from diagnosis.operations import signs
from diagnosis.review.models import Report

DAYS: Final = 30
FAILURE_DAYS: Final = 7
# Of the population stability index: https://doi.org/10.2139/ssrn.2887844 reviews the usual limits 0.1 and 0.25.
PSI_NOTABLE: Final = 0.1
PSI_LARGE: Final = 0.25
# Below this many answers on either side a shift says nothing.
ENOUGH_ANSWERS: Final = 50


@dataclass(frozen=True)
class Day:
    """Pages of one day; ``height`` in hundredths of the tallest."""

    day: date
    count: int
    height: float


@dataclass(frozen=True)
class Waiting:
    """Rows of one kind that have not ended."""

    kind: str
    waiting: int
    running: int
    oldest: timedelta | None


@dataclass(frozen=True)
class Agreement:
    """What clinicians signed about one model's answers."""

    version: ModelVersion
    agreed: int
    overruled: int
    unreadable: int
    unsure: int

    @property
    def share(self) -> float | None:
        """Of the answers that could be agreed with, those that were; None where there were none."""
        judged = self.agreed + self.overruled
        return self.agreed / judged if judged else None


@dataclass(frozen=True)
class ClassShare:
    """A class's share of the answers now and before."""

    name: str
    now: float
    before: float | None


@dataclass(frozen=True)
class Drift:
    """The answers of the last days beside those of as many days before."""

    answers: int
    answers_before: int
    confidence: float | None
    confidence_before: float | None
    unsure: float | None
    unsure_before: float | None
    classes: list[ClassShare]
    psi: float | None

    @property
    def is_notable(self) -> bool:
        return self.psi is not None and self.psi >= PSI_NOTABLE

    @property
    def is_large(self) -> bool:
        return self.psi is not None and self.psi >= PSI_LARGE


@dataclass(frozen=True)
class Reason:
    code: str
    sentence: str
    count: int


@dataclass(frozen=True)
class Storage:
    """Bytes of the originals, and of the disk where they lie on one."""

    pages: int
    originals: int
    used: int | None
    free: int | None


def of(uploads: QuerySet[Upload]) -> Mapping[str, Any]:
    """Every figure of some pages, deleted ones among them; for the template of the front page."""
    since = timezone.now() - timedelta(days=DAYS)
    readings = Diagnosis.objects.filter(upload__in=uploads.order_by().values("pk"))
    failures = timezone.now() - timedelta(days=FAILURE_DAYS)
    return {
        "days": uploads_per_day(uploads),
        "waiting": [_waiting(readings, "pages"), _waiting(_explanations(uploads), "explanations")],
        "workers": signs.alive(),
        "failures": _reasons(readings.filter(state=Diagnosis.State.FAILED, created_at__gte=failures)),
        "failed_explanations": _explanations(uploads)
        .filter(state=Explanation.State.FAILED, created_at__gte=failures)
        .count(),
        "rejections": _reasons(readings.filter(state=Diagnosis.State.REJECTED, created_at__gte=since)),
        "agreement": agreement(readings),
        "drift": drift(readings),
        "storage": storage(uploads),
        "DAYS": DAYS,
        "FAILURE_DAYS": FAILURE_DAYS,
    }


def uploads_per_day(uploads: QuerySet[Upload]) -> list[Day]:
    """The last days, oldest first, those without pages among them."""
    today = timezone.localdate()
    first = today - timedelta(days=DAYS - 1)
    found: dict[date, int] = dict(
        uploads.order_by()
        .filter(created_at__gte=timezone.now() - timedelta(days=DAYS + 1))
        .values_list(TruncDate("created_at"))
        .annotate(count=Count("pk"))
    )
    days = [first + timedelta(days=number) for number in range(DAYS)]
    tallest = max((found.get(day, 0) for day in days), default=0) or 1
    return [Day(day, found.get(day, 0), round(100 * found.get(day, 0) / tallest, 1)) for day in days]


def _explanations(uploads: QuerySet[Upload]) -> QuerySet[Explanation]:
    return Explanation.objects.filter(diagnosis__upload__in=uploads.order_by().values("pk"))


def _waiting(rows: QuerySet[Any], kind: str) -> Waiting:
    found = (
        rows.order_by()
        .filter(state__in=(Job.State.QUEUED, Job.State.RUNNING))
        .aggregate(
            waiting=Count("pk", filter=Q(state=Job.State.QUEUED)),
            running=Count("pk", filter=Q(state=Job.State.RUNNING)),
            oldest=Min("created_at"),
        )
    )
    oldest = timezone.now() - found["oldest"] if found["oldest"] else None
    return Waiting(kind, found["waiting"], found["running"], oldest)


def _reasons(rows: QuerySet[Diagnosis]) -> list[Reason]:
    counted = rows.order_by().values_list("reason").annotate(count=Count("pk")).order_by("-count", "reason")
    return [Reason(code, messages.reason(code), count) for code, count in counted]


def agreement(readings: QuerySet[Diagnosis]) -> list[Agreement]:
    """Signed verdicts by the model that read the page, newest model first."""
    verdict = Report.Verdict
    answered = Q(diagnosis__abstained=False, diagnosis__state=Diagnosis.State.DONE)
    counted = (
        Report.objects.filter(state=Report.State.SIGNED, diagnosis__in=readings.order_by().values("pk"))
        .order_by()
        .values("diagnosis__model_version")
        .annotate(
            agreed=Count("pk", filter=Q(verdict=verdict.AGREE)),
            overruled=Count("pk", filter=Q(verdict=verdict.OVERRIDE) & answered),
            unreadable=Count("pk", filter=Q(verdict=verdict.UNREADABLE)),
            unsure=Count("pk", filter=Q(verdict=verdict.OVERRIDE) & ~answered),
        )
    )
    by_version = {row["diagnosis__model_version"]: row for row in counted}
    return [
        Agreement(version, row["agreed"], row["overruled"], row["unreadable"], row["unsure"])
        for version in ModelVersion.objects.filter(pk__in=[key for key in by_version if key])
        for row in (by_version[version.pk],)
    ]


def drift(readings: QuerySet[Diagnosis]) -> Drift:
    """Class mix and confidence of the last days against as many days before."""
    now = timezone.now()
    middle, start = now - timedelta(days=DAYS), now - timedelta(days=2 * DAYS)
    done = readings.filter(state=Diagnosis.State.DONE)
    recent = _answers(done.filter(created_at__gte=middle))
    before = _answers(done.filter(created_at__gte=start, created_at__lt=middle))
    labels = sorted({*recent["labels"], *before["labels"]}, key=lambda label: -recent["labels"].get(label, 0.0))
    enough = min(recent["count"], before["count"]) >= ENOUGH_ANSWERS
    return Drift(
        answers=recent["count"],
        answers_before=before["count"],
        confidence=recent["confidence"],
        confidence_before=before["confidence"],
        unsure=recent["unsure"],
        unsure_before=before["unsure"],
        classes=[
            ClassShare(
                presentation.label_name(label),
                recent["labels"].get(label, 0.0),
                before["labels"].get(label, 0.0) if before["count"] else None,
            )
            for label in labels
        ],
        psi=stability(recent["labels"], before["labels"]) if enough else None,
    )


def _answers(rows: QuerySet[Diagnosis]) -> dict[str, Any]:
    rows = rows.order_by()
    whole = rows.aggregate(
        count=Count("pk"), confidence=Avg("confidence"), unsure=Count("pk", filter=Q(abstained=True))
    )
    count = whole["count"]
    labels = {label: many / count for label, many in rows.values_list("label").annotate(many=Count("pk"))}
    return {
        "count": count,
        "confidence": whole["confidence"],
        "unsure": whole["unsure"] / count if count else None,
        "labels": labels,
    }


def stability(now: Mapping[str, float], before: Mapping[str, float]) -> float:
    """Population stability index of two class mixes: 0 for the same, above 0.25 for a large shift."""
    # A class that one side lacks counts as one page in a thousand, else the index would be infinite.
    pairs = ((max(now.get(label, 0), 1e-3), max(before.get(label, 0), 1e-3)) for label in {*now, *before})
    return sum((a - b) * math.log(a / b) for a, b in pairs)


def storage(uploads: QuerySet[Upload]) -> Storage:
    """What the originals take; of the pictures made of them nobody keeps the sizes."""
    # The pages of one PDF share its bytes: its first page counts.
    rows = uploads.order_by().aggregate(pages=Count("pk"), originals=Sum("byte_size", filter=Q(page_number=1)))
    used = free = None
    if isinstance(default_storage._wrapped, FileSystemStorage):  # type: ignore[attr-defined]  # noqa: SLF001
        disk = shutil.disk_usage(settings.DATA_DIR)
        used, free = disk.used, disk.free
    return Storage(rows["pages"], rows["originals"] or 0, used, free)

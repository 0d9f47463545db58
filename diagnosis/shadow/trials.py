"""What a candidate has to read: pages that clinicians signed last, and live ones as they come."""

from __future__ import annotations

from typing import Final

from django.db.models import Exists, OuterRef, QuerySet

from diagnosis import messages
from diagnosis.jobs import Line
from diagnosis.models import Diagnosis
from diagnosis.review.models import Report
from diagnosis.shadow.models import ShadowReading, Trial

# In one go; the next sweep goes on.
BATCH: Final = 200

LINE: Final = Line(
    ShadowReading,
    task="diagnosis.shadow.tasks.read_along",
    lease_setting="ISOLINE_LEASE_S",
    sentence_of=messages.reason,
    upload_path="diagnosis__upload",
)


def follow(trial: Trial) -> int:
    """Queue the readings that a trial still lacks.

    Returns:
        How many were queued.
    """
    wanted = [*_reviewed(trial).values_list("pk", flat=True), *_live(trial).values_list("pk", flat=True)]
    lacking = list(dict.fromkeys(wanted))[:BATCH]
    rows = [ShadowReading(diagnosis_id=pk, trial=trial, requested_by_id=trial.started_by_id) for pk in lacking]
    # Another sweep may have made the same rows at the same moment; those that lost are not there to be sent.
    ShadowReading.objects.bulk_create(rows, ignore_conflicts=True)
    made = list(ShadowReading.objects.filter(pk__in=[row.pk for row in rows]).values_list("pk", flat=True))
    LINE.dispatch_on_commit(made)
    return len(made)


def follow_all() -> None:
    """Every trial's turn, and what got lost on the way."""
    for trial in Trial.objects.all():
        follow(trial)
    LINE.sweep()


def last_reviewed(trial: Trial) -> QuerySet[Diagnosis]:
    """The diagnoses that clinicians signed last, as many as the trial asks for; deleted pages are none of them."""
    signed = Report.objects.filter(state=Report.State.SIGNED, diagnosis__upload__deleted_at__isnull=True)
    newest = list(signed.order_by("-signed_at").values_list("diagnosis", flat=True)[: trial.reviewed_pages])
    return Diagnosis.objects.filter(pk__in=newest)


def _reviewed(trial: Trial) -> QuerySet[Diagnosis]:
    return last_reviewed(trial).filter(~Exists(_of(trial)))


def _live(trial: Trial) -> QuerySet[Diagnosis]:
    if not trial.follows_live_pages:
        return Diagnosis.objects.none()
    return Diagnosis.objects.filter(
        ~Exists(_of(trial)),
        state=Diagnosis.State.DONE,
        created_at__gte=trial.started_at,
        upload__deleted_at__isnull=True,
    ).order_by("created_at")[:BATCH]


def _of(trial: Trial) -> QuerySet[ShadowReading]:
    return ShadowReading.objects.filter(trial=trial, diagnosis=OuterRef("pk"))

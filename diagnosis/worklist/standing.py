"""Keeps ``Standing`` true: worked out anew for a page whenever it, a reading of it or a report on it is saved."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable
from typing import Any, Final

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.db.models.signals import post_delete, post_save

from diagnosis.models import Diagnosis, Upload
from diagnosis.review.models import Report
from diagnosis.worklist.models import Standing

Stage = Standing.Stage
State = Diagnosis.State
Label = Diagnosis.Label

AT_ONCE: Final = 500
_FIELDS: Final = (
    *("diagnosis", "site", "came_in", "is_deleted", "stage", "urgency"),
    *("has_report", "drafted_by", "first_signed_by"),
)

# What may not wait comes first; what the model is unsure of before what it takes for old or normal.
_UNSURE: Final = 2
_URGENCY: Final[dict[str, int]] = {
    Label.MI: 0,
    Label.ABNORMAL_HEARTBEAT: 1,
    Label.COVID19: 3,
    Label.HISTORY_MI: 3,
    Label.NORMAL: 4,
}
_OF_STATE: Final[dict[str, str]] = {
    State.DONE: Stage.READ,
    State.REJECTED: Stage.REJECTED,
    State.FAILED: Stage.FAILED,
}


def refresh(uploads: Collection[uuid.UUID], *, only_present: bool = False) -> None:
    """Work out anew where pages stand; with ``only_present``, of those alone that have a standing already.

    Saving a row does this by itself; who changes readings or reports with ``QuerySet.update`` or ``bulk_create`` has
    to call it.
    """
    with transaction.atomic():
        # Under lock first, read afterwards: of two changes at the same moment the later one sees the other.
        locked = Standing.objects.select_for_update().filter(pk__in=uploads).order_by("pk")
        present = list(locked.values_list("pk", flat=True))
        uploads = present if only_present else uploads
        newest: dict[uuid.UUID, Diagnosis] = {}
        readings = Diagnosis.objects.filter(upload__in=uploads).select_related("upload")
        for reading in readings.order_by("created_at", "pk").only(
            *("upload", "state", "label", "abstained", "created_at"),
            *("upload__site_id", "upload__created_at", "upload__deleted_at"),
        ):
            newest[reading.upload_id] = reading
        reports: dict[uuid.UUID, list[Report]] = {}
        of_newest = Report.objects.filter(diagnosis__in=[reading.pk for reading in newest.values()])
        for report in of_newest.only("diagnosis", "state", "author", "signed_by"):
            reports.setdefault(report.diagnosis_id, []).append(report)
        Standing.objects.bulk_create(
            [_standing(reading, reports.get(reading.pk, [])) for reading in newest.values()],
            update_conflicts=True,
            unique_fields=["upload"],
            update_fields=list(_FIELDS),
        )


def refresh_all(*, only_missing: bool = False) -> int:
    """Work out anew where every page stands; for pages that were there before the worklist, and after a repair.

    Returns:
        How many pages.
    """
    uploads = Upload.objects.filter(diagnoses__isnull=False).distinct()
    if only_missing:
        uploads = Upload.objects.filter(Exists(Diagnosis.objects.filter(upload=OuterRef("pk"))), standing__isnull=True)
    pks = list(uploads.order_by("pk").values_list("pk", flat=True))
    for start in range(0, len(pks), AT_ONCE):
        refresh(pks[start : start + AT_ONCE])
    return len(pks)


def _standing(reading: Diagnosis, reports: Iterable[Report]) -> Standing:
    by_state = {report.state: report for report in reports}
    draft = by_state.get(Report.State.DRAFT)
    awaiting = by_state.get(Report.State.AWAITING_SECOND)
    if awaiting is not None:
        stage = str(Stage.SECOND)
    elif Report.State.SIGNED in by_state:
        stage = str(Stage.SIGNED)
    else:
        stage = _OF_STATE.get(reading.state, Stage.UNDER_WAY)
    return Standing(
        upload_id=reading.upload_id,
        diagnosis_id=reading.pk,
        site_id=reading.upload.site_id,
        came_in=reading.upload.created_at,
        is_deleted=reading.upload.deleted_at is not None,
        stage=stage,
        urgency=_UNSURE if reading.abstained else _URGENCY.get(reading.label, _UNSURE),
        has_report=bool(by_state),
        drafted_by_id=draft.author_id if draft else None,
        first_signed_by_id=awaiting.signed_by_id if awaiting else None,
    )


def _on_reading(sender: type[Diagnosis], instance: Diagnosis, **_: Any) -> None:
    refresh([instance.upload_id])


def _on_upload(sender: type[Upload], instance: Upload, created: bool, **_: Any) -> None:
    # A new page has no reading yet; that comes next.
    if not created:
        refresh([instance.pk])


def _on_report(sender: type[Report], instance: Report, **_: Any) -> None:
    refresh(_upload_of(instance))


def _on_report_gone(sender: type[Report], instance: Report, **_: Any) -> None:
    # A report also goes with its page, and then the standing must not come back.
    refresh(_upload_of(instance), only_present=True)


def _upload_of(report: Report) -> list[uuid.UUID]:
    return list(Diagnosis.objects.filter(pk=report.diagnosis_id).values_list("upload_id", flat=True))


def connect() -> None:
    """Listen to the rows that a standing follows from."""
    post_save.connect(_on_reading, sender=Diagnosis, dispatch_uid="worklist.standing")
    post_save.connect(_on_upload, sender=Upload, dispatch_uid="worklist.standing")
    post_save.connect(_on_report, sender=Report, dispatch_uid="worklist.standing")
    post_delete.connect(_on_report_gone, sender=Report, dispatch_uid="worklist.standing")

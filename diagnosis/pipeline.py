"""The way of a Diagnosis: enqueue, claim, finish, reject, fail, sweep. What is common to all jobs is in ``jobs``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from django.db import IntegrityError, transaction

from accounts.audit.actions import Action
from accounts.audit.log import record
from diagnosis import messages, tracing_files
from diagnosis.heatmap_files import DrawnHeatmap, clear_away_all_but, heatmap_folder, save
from diagnosis.jobs import Line
from diagnosis.models import Diagnosis, Heatmap, ModelVersion, Upload
from diagnosis.stored_files import Batch

if TYPE_CHECKING:
    from accounts.models import User

State = Diagnosis.State

LINE: Final = Line(
    Diagnosis,
    task="diagnosis.tasks.diagnose",
    lease_setting="ISOLINE_LEASE_S",
    sentence_of=messages.reason,
    when_deleted=State.REJECTED,
)
dispatch = LINE.dispatch
claim = LINE.claim
fail = LINE.fail
sweep = LINE.sweep


@dataclass(frozen=True)
class Reading:
    """What a model found on a page, ready to be stored."""

    model_version: ModelVersion
    label: str
    confidence: float
    abstained: bool
    probabilities: dict[str, float]
    crop: dict[str, int]
    warnings: Sequence[str] = ()
    possible: Sequence[str] = ()
    answered_by: str = Diagnosis.Source.PICTURE
    second_opinion: dict[str, float] | None = None
    distance: float | None = None
    heatmaps: Sequence[DrawnHeatmap] = field(default_factory=tuple)


def enqueue(*, upload: Upload, requested_by: User) -> Diagnosis:
    """Make a row that waits to be read and tell the queue once the transaction is committed."""
    return enqueue_all(uploads=[upload], requested_by=requested_by)[0]


def enqueue_all(*, uploads: Iterable[Upload], requested_by: User) -> list[Diagnosis]:
    """``enqueue`` for the pages of one file."""
    diagnoses = [Diagnosis.objects.create(upload=upload, requested_by=requested_by) for upload in uploads]
    LINE.dispatch_on_commit([diagnosis.pk for diagnosis in diagnoses])
    return diagnoses


def requeue(diagnosis: Diagnosis, *, requested_by: User) -> Diagnosis:
    """Have a page read again.

    An ended diagnosis is history and stays as it is; a new one is made. One that waits is sent to the queue once
    more. If the page is being read or waits already, no second reading is started.

    Returns:
        The diagnosis that will be read.
    """
    with transaction.atomic():
        # The lock on the page makes two requests at the same moment agree on one new row.
        upload = Upload.objects.select_for_update().get(pk=diagnosis.upload_id)
        pending = upload.diagnoses.exclude(state__in=Diagnosis.ENDED).order_by("created_at").first()
        if pending is None:
            wanted = enqueue(upload=upload, requested_by=requested_by)
        else:
            wanted = pending
            if pending.state == State.QUEUED:
                LINE.dispatch_on_commit([pending.pk])
        details = {"upload": upload.pk, "new": pending is None}
        record(Action.READING_REQUESTED, actor=requested_by, target=wanted, site=upload.site, details=details)
    return wanted


def finish(claimed: Diagnosis, reading: Reading) -> bool:
    """Store a result: pictures first, then the rows in one transaction.

    Args:
        claimed: the row as ``claim`` returned it.
        reading: the result.

    Returns:
        False if the claim was lost meanwhile; nothing of the reading is kept then.
    """
    batch = Batch()
    try:
        folder = heatmap_folder(claimed)
        rows = [save(batch, f"{folder}/{claimed.attempts}", drawn) for drawn in reading.heatmaps]
        with transaction.atomic(durable=True):
            diagnosis = LINE.still_held(claimed)
            if diagnosis is None:
                return False
            transaction.on_commit(batch.keep)
            diagnosis.model_version = reading.model_version
            diagnosis.label = reading.label
            diagnosis.confidence = reading.confidence
            diagnosis.abstained = reading.abstained
            diagnosis.probabilities = reading.probabilities
            diagnosis.warnings = list(reading.warnings)
            diagnosis.possible = list(reading.possible)
            diagnosis.answered_by = reading.answered_by
            diagnosis.second_opinion = reading.second_opinion
            diagnosis.distance = reading.distance
            diagnosis.crop = reading.crop
            LINE.end(diagnosis, State.DONE)
            for row in rows:
                row.diagnosis = diagnosis
            Heatmap.objects.bulk_create(rows)
        batch.keep()
    finally:
        batch.close()
    if claimed.attempts > 1:
        clear_away_all_but(rows, folder=folder)
    return True


def add_tracing(diagnosis: Diagnosis, drawn: tracing_files.Drawn) -> bool:
    """Store what the traces of a page that has been read say.

    Returns:
        False if that is there already, or if there is no finished diagnosis (any more) for it to belong to.
    """
    batch = Batch()
    try:
        row = tracing_files.save(batch, f"{heatmap_folder(diagnosis)}/{diagnosis.attempts}", drawn)
        row.diagnosis = diagnosis
        with transaction.atomic():
            # Under lock: an erased page takes nothing in any more.
            if not Diagnosis.objects.select_for_update().filter(pk=diagnosis.pk, state=State.DONE).exists():
                return False
            transaction.on_commit(batch.keep)
            row.save(force_insert=True)
        batch.keep()
    except IntegrityError:
        return False
    finally:
        batch.close()
    return True


def reject(claimed: Diagnosis, code: str, message: str = "", *, model_version: ModelVersion | None = None) -> bool:
    """End a diagnosis whose page cannot be read as an ECG. False if the claim was lost meanwhile."""
    with transaction.atomic():
        diagnosis = LINE.still_held(claimed)
        if diagnosis is None:
            return False
        diagnosis.model_version = model_version
        LINE.end(diagnosis, State.REJECTED, code, message)
    return True

"""The one state machine of a Diagnosis: enqueue, claim, finish, reject, fail, sweep.

The database is the truth and the queue only a hint. A message carries a primary key and may be lost, late or
delivered twice; whoever gets it has to claim the row first. ``attempts`` is the fencing token: a worker that was
presumed dead and comes back holds an old number, and nothing it writes counts.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from diagnosis import messages
from diagnosis.models import Diagnosis, Heatmap, ModelVersion, Upload
from diagnosis.stored_files import Batch, discard, names_under

if TYPE_CHECKING:
    from accounts.models import User

logger = logging.getLogger(__name__)

State = Diagnosis.State

# A row this young is still on its way to the queue in the process that made it.
GRACE: Final = timedelta(seconds=5)
LONGEST_RESEND: Final = timedelta(minutes=15)
SWEEP_BATCH: Final = 500
MAX_ERROR_LENGTH: Final = 10_000


@dataclass(frozen=True)
class DrawnHeatmap:
    """A heatmap as pictures: ``layer`` a transparent PNG of the page's aspect, ``overlay`` a JPEG of the page."""

    method: str
    label: str
    layer: bytes
    overlay: bytes


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
    heatmaps: Sequence[DrawnHeatmap] = field(default_factory=tuple)


def enqueue(*, upload: Upload, requested_by: User) -> Diagnosis:
    """Make a row that waits to be read and tell the queue once the transaction is committed."""
    return enqueue_all(uploads=[upload], requested_by=requested_by)[0]


def enqueue_all(*, uploads: Iterable[Upload], requested_by: User) -> list[Diagnosis]:
    """``enqueue`` for the pages of one file."""
    diagnoses = [Diagnosis.objects.create(upload=upload, requested_by=requested_by) for upload in uploads]
    _dispatch_on_commit([diagnosis.pk for diagnosis in diagnoses])
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
            return enqueue(upload=upload, requested_by=requested_by)
        if pending.state == State.QUEUED:
            _dispatch_on_commit([pending.pk])
        return pending


def dispatch(pks: Sequence[uuid.UUID], *, delay: timedelta = timedelta(0)) -> int:
    """Send the tasks of waiting rows. Never raises: what cannot be sent now is sent by the sweep.

    Returns:
        How many were sent.
    """
    from diagnosis.tasks import diagnose

    sent = 0
    for pk in pks:
        try:
            diagnose.apply_async(
                (str(pk),),
                countdown=delay.total_seconds() or None,
                # Once more on a fresh connection if the kept one turns out to be dead; the sweep does the waiting.
                retry=True,
                retry_policy={"max_retries": 1, "interval_start": 0, "interval_step": 0, "interval_max": 0},
            )
        # Each broker has errors of its own, and whatever they are, the page is safe.
        except Exception as error:  # noqa: BLE001
            logger.warning(
                "The queue cannot be reached (%s: %s); %d page(s) wait for the sweep.",
                type(error).__name__,
                error,
                len(pks) - sent,
            )
            break
        sent += 1
        _note_dispatch(pk, delay)
    return sent


def claim(pk: uuid.UUID | str, *, task_id: str) -> Diagnosis | None:
    """Take a row for reading.

    A waiting row is free. A row that somebody holds is free again once the claim expired, or when the task that holds
    it is delivered once more: brokers do that only after its worker is gone.

    Args:
        pk: the diagnosis.
        task_id: who asks.

    Returns:
        The row, now RUNNING, or None if there is nothing to do.
    """
    now = timezone.now()
    with transaction.atomic():
        diagnosis = (
            Diagnosis.objects.select_for_update(of=("self",)).select_related("upload__site").filter(pk=pk).first()
        )
        if diagnosis is None or not _is_free(diagnosis, task_id):
            return None
        if diagnosis.upload.deleted_at is not None:
            _end(diagnosis, State.REJECTED, "upload_deleted")
            return None
        if diagnosis.attempts >= settings.ISOLINE_MAX_ATTEMPTS:
            _end(diagnosis, State.FAILED, diagnosis.reason or "worker_lost")
            return None
        diagnosis.state = State.RUNNING
        diagnosis.attempts += 1
        diagnosis.claimed_by = task_id
        diagnosis.started_at = now
        diagnosis.leased_until = now + timedelta(seconds=settings.ISOLINE_LEASE_S)
        diagnosis.reason = ""
        diagnosis.save(update_fields=["state", "attempts", "claimed_by", "started_at", "leased_until", "reason"])
    return diagnosis


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
        rows = [
            Heatmap(
                method=drawn.method,
                label=drawn.label,
                layer=batch.save(f"{folder}/{claimed.attempts}-{drawn.method}-{drawn.label}-layer.png", drawn.layer),
                overlay=batch.save(
                    f"{folder}/{claimed.attempts}-{drawn.method}-{drawn.label}-overlay.jpg", drawn.overlay
                ),
            )
            for drawn in reading.heatmaps
        ]
        with transaction.atomic(durable=True):
            diagnosis = _still_held(claimed)
            if diagnosis is None:
                return False
            transaction.on_commit(batch.keep)
            diagnosis.model_version = reading.model_version
            diagnosis.label = reading.label
            diagnosis.confidence = reading.confidence
            diagnosis.abstained = reading.abstained
            diagnosis.probabilities = reading.probabilities
            diagnosis.warnings = list(reading.warnings)
            diagnosis.crop = reading.crop
            _end(diagnosis, State.DONE)
            for row in rows:
                row.diagnosis = diagnosis
            Heatmap.objects.bulk_create(rows)
        batch.keep()
    finally:
        batch.close()
    if claimed.attempts > 1:
        _clear_away_earlier_attempts(folder, rows)
    return True


def reject(claimed: Diagnosis, code: str, message: str = "", *, model_version: ModelVersion | None = None) -> bool:
    """End a diagnosis whose page cannot be read as an ECG. False if the claim was lost meanwhile."""
    with transaction.atomic():
        diagnosis = _still_held(claimed)
        if diagnosis is None:
            return False
        diagnosis.model_version = model_version
        _end(diagnosis, State.REJECTED, code, message)
    return True


def fail(claimed: Diagnosis, code: str, error: str, *, final: bool = False) -> bool:
    """Count a failed attempt: try again later, or give up after the last one.

    Args:
        claimed: the row as ``claim`` returned it.
        code: a code of ``messages.FAILURES``, shown to users in words.
        error: the technical error, for administrators.
        final: give up at once, because another attempt would end the same way.

    Returns:
        False if the claim was lost meanwhile.
    """
    with transaction.atomic():
        diagnosis = _still_held(claimed)
        if diagnosis is None:
            return False
        diagnosis.error = error[-MAX_ERROR_LENGTH:].replace("\x00", "")
        if final or diagnosis.attempts >= settings.ISOLINE_MAX_ATTEMPTS:
            _end(diagnosis, State.FAILED, code)
            return True
        diagnosis.reason = code
        _back_to_queue(diagnosis)
        delay = timedelta(seconds=settings.ISOLINE_RETRY_S * 2 ** (diagnosis.attempts - 1))
        _dispatch_on_commit([diagnosis.pk], delay=delay)
    return True


def sweep() -> int:
    """Bring back what was lost: claims that expired, and waiting rows whose message never came or went astray.

    Returns:
        How many rows were sent to the queue again.
    """
    now = timezone.now()
    lost = _take_back_expired_claims()
    never_sent = Q(resend_at__isnull=True, created_at__lt=now - GRACE)
    went_astray = Q(resend_at__lt=now)
    waiting = Diagnosis.objects.filter(never_sent | went_astray, state=State.QUEUED).exclude(pk__in=lost)
    pks = lost + list(waiting.order_by("created_at").values_list("pk", flat=True)[:SWEEP_BATCH])
    sent = dispatch(pks)
    if pks:
        logger.info("Sweep: %d claim(s) expired, %d of %d page(s) sent to the queue again", len(lost), sent, len(pks))
    return sent


def heatmap_folder(diagnosis: Diagnosis) -> str:
    """Where the pictures of a diagnosis lie in the storage; nothing else does."""
    return f"heatmaps/{diagnosis.upload.site_id}/{diagnosis.pk}"


def _dispatch_on_commit(pks: list[uuid.UUID], *, delay: timedelta = timedelta(0)) -> None:
    # Robust: after the commit nothing may fail any more, not even with a bug in here.
    transaction.on_commit(lambda: dispatch(pks, delay=delay) and None, robust=True)


def _note_dispatch(pk: uuid.UUID, delay: timedelta) -> None:
    """Remember when to send again, should the message get lost: later each time, so that a dead worker's queue
    does not fill up with copies."""
    now = timezone.now()
    row = Diagnosis.objects.filter(pk=pk, state=State.QUEUED)
    sent_before = row.values_list("sent_count", flat=True).first() or 0
    patience = timedelta(seconds=settings.ISOLINE_RESEND_S) * 2 ** min(sent_before, 10)
    row.update(
        dispatched_at=now,
        sent_count=F("sent_count") + 1,
        resend_at=now + delay + min(patience, max(LONGEST_RESEND, timedelta(seconds=settings.ISOLINE_RESEND_S))),
    )


def _is_free(diagnosis: Diagnosis, task_id: str) -> bool:
    if diagnosis.state == State.QUEUED:
        return True
    if diagnosis.state != State.RUNNING:
        return False
    expired = diagnosis.leased_until is None or diagnosis.leased_until < timezone.now()
    return expired or diagnosis.claimed_by == task_id


def _still_held(claimed: Diagnosis) -> Diagnosis | None:
    """The row under lock if the claim still stands. Call inside a transaction."""
    held = (
        Diagnosis.objects.select_for_update()
        .filter(pk=claimed.pk, state=State.RUNNING, attempts=claimed.attempts)
        .first()
    )
    if held is None:
        logger.warning("Diagnosis %s: attempt %d lost its claim, its result is dropped", claimed.pk, claimed.attempts)
    return held


def _end(diagnosis: Diagnosis, state: Diagnosis.State, code: str = "", message: str = "") -> None:
    diagnosis.state = state
    diagnosis.reason = code
    diagnosis.message = messages.reason(code, message) if code else ""
    diagnosis.finished_at = timezone.now()
    diagnosis.leased_until = None
    diagnosis.resend_at = None
    diagnosis.save()
    level = logging.ERROR if state == State.FAILED else logging.INFO
    logger.log(level, "Diagnosis %s: %s %s after %d attempt(s)", diagnosis.pk, state, code, diagnosis.attempts)


def _back_to_queue(diagnosis: Diagnosis) -> None:
    diagnosis.state = State.QUEUED
    diagnosis.claimed_by = ""
    diagnosis.leased_until = None
    diagnosis.resend_at = None
    diagnosis.save(update_fields=["state", "claimed_by", "leased_until", "resend_at", "reason", "error"])


def _take_back_expired_claims() -> list[uuid.UUID]:
    taken: list[uuid.UUID] = []
    with transaction.atomic():
        expired: Any = (
            Diagnosis.objects.select_for_update(skip_locked=True)
            .filter(state=State.RUNNING)
            .filter(Q(leased_until__lt=timezone.now()) | Q(leased_until__isnull=True))
            .order_by("created_at")[:SWEEP_BATCH]
        )
        for diagnosis in expired:
            if diagnosis.attempts >= settings.ISOLINE_MAX_ATTEMPTS:
                _end(diagnosis, State.FAILED, "worker_lost")
            else:
                _back_to_queue(diagnosis)
                taken.append(diagnosis.pk)
    return taken


def _clear_away_earlier_attempts(folder: str, rows: list[Heatmap]) -> None:
    """A worker that died between its files and its rows left the files behind."""
    referred_to = {name for row in rows for name in (row.layer.name, row.overlay.name)}
    discard(name for name in names_under(folder) if name not in referred_to)

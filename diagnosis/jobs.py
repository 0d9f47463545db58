"""The one state machine of every row that a worker works on: dispatch, claim, end, fail, sweep.

The database is the truth and the queue only a hint. A message carries a primary key and may be lost, late or
delivered twice; whoever gets it has to claim the row first. ``attempts`` is the fencing token: a worker that was
presumed dead and comes back holds an old number, and nothing it writes counts.
"""

from __future__ import annotations

import logging
import traceback
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Generic, TypeVar

from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.dispatch import Signal
from django.utils import timezone
from django.utils.module_loading import import_string

from diagnosis.models import Job

logger = logging.getLogger(__name__)

State = Job.State
J = TypeVar("J", bound=Job)

# A row this young is still on its way to the queue in the process that made it.
GRACE: Final = timedelta(seconds=5)
LONGEST_RESEND: Final = timedelta(minutes=15)
# A message is not left with the broker for longer than this; what waits longer is sent by the sweep when it is time.
LONGEST_COUNTDOWN: Final = timedelta(minutes=1)
SWEEP_BATCH: Final = 500
MAX_ERROR_LENGTH: Final = 10_000

# Sent with ``row`` inside the transaction that writes the end of a row. What listens can lose nothing that way, and
# its own failure does not undo the end.
ended: Final = Signal()


@dataclass(frozen=True)
class Line(Generic[J]):
    """How rows of one kind come to their end.

    Attributes:
        model: the kind. A row has an ``upload``, in the database at ``upload_path``; with "" it belongs to no page.
        task: the task that works on one, by its dotted path.
        lease_setting: name of the setting that says how many seconds a claim holds.
        sentence_of: reason code and fallback → what people are told.
        when_deleted: state of a row whose page was deleted before it was worked on.
        attempts_setting, retry_setting: names of the settings that say how often a row is tried, and how many seconds
            pass before the second time; twice as many before each further one.
    """

    model: type[J]
    task: str
    lease_setting: str
    sentence_of: Callable[[str, str], str]
    upload_path: str = "upload"
    when_deleted: str = State.FAILED
    attempts_setting: str = "ISOLINE_MAX_ATTEMPTS"
    retry_setting: str = "ISOLINE_RETRY_S"

    @property
    def max_attempts(self) -> int:
        return int(getattr(settings, self.attempts_setting))

    # --- Into the queue ---------------------------------------------------------------------------

    def dispatch(self, pks: Sequence[uuid.UUID], *, delay: timedelta = timedelta(0)) -> int:
        """Send the tasks of waiting rows. Never raises: what cannot be sent now is sent by the sweep.

        Returns:
            How many were sent.
        """
        task = import_string(self.task)
        sent = 0
        for pk in pks:
            try:
                task.apply_async(
                    (str(pk),),
                    countdown=delay.total_seconds() or None,
                    # Once more on a fresh connection if the kept one turns out to be dead; the sweep does the waiting.
                    retry=True,
                    retry_policy={"max_retries": 1, "interval_start": 0, "interval_step": 0, "interval_max": 0},
                )
            # Each broker has errors of its own, and whatever they are, the row is safe.
            except Exception as error:  # noqa: BLE001
                logger.warning(
                    "The queue cannot be reached (%s: %s); %d %s(s) wait for the sweep.",
                    type(error).__name__,
                    error,
                    len(pks) - sent,
                    self.model.__name__,
                )
                break
            sent += 1
            self._note_dispatch(pk, delay)
        return sent

    def dispatch_on_commit(self, pks: list[uuid.UUID], *, delay: timedelta = timedelta(0)) -> None:
        """``dispatch`` once the transaction is committed."""
        # Robust: after the commit nothing may fail any more, not even with a bug in here.
        transaction.on_commit(lambda: self.dispatch(pks, delay=delay) and None, robust=True)

    def _note_dispatch(self, pk: uuid.UUID, delay: timedelta) -> None:
        """Remember when to send again, should the message get lost: later each time, so that a dead worker's queue
        does not fill up with copies."""
        now = timezone.now()
        row = self._rows().filter(pk=pk, state=State.QUEUED)
        sent_before = row.values_list("sent_count", flat=True).first() or 0
        patience = timedelta(seconds=settings.ISOLINE_RESEND_S) * 2 ** min(sent_before, 10)
        row.update(
            dispatched_at=now,
            sent_count=F("sent_count") + 1,
            resend_at=now + delay + min(patience, max(LONGEST_RESEND, timedelta(seconds=settings.ISOLINE_RESEND_S))),
        )

    # --- In a worker's hands ----------------------------------------------------------------------

    def claim(self, pk: uuid.UUID | str, *, task_id: str) -> J | None:
        """Take a row to work on it.

        A waiting row is free. A row that somebody holds is free again once the claim expired, or when the task that
        holds it is delivered once more: brokers do that only after its worker is gone.

        Args:
            pk: the row.
            task_id: who asks.

        Returns:
            The row, now RUNNING, or None if there is nothing to do.
        """
        now = timezone.now()
        with transaction.atomic():
            site_path = f"{self.upload_path}__site" if self.upload_path else "site"
            row = self._rows().select_for_update(of=("self",)).select_related(site_path).filter(pk=pk).first()
            if row is None or not _is_free(row, task_id):
                return None
            if self.upload_path and row.upload.deleted_at is not None:
                self.end(row, self.when_deleted, "upload_deleted")
                return None
            if self._is_spent(row):
                self.end(row, State.FAILED, row.reason or "worker_lost")
                return None
            row.state = State.RUNNING
            row.attempts += 1
            row.claimed_by = task_id
            row.started_at = now
            row.leased_until = now + timedelta(seconds=getattr(settings, self.lease_setting))
            row.reason = ""
            row.save(update_fields=["state", "attempts", "claimed_by", "started_at", "leased_until", "reason"])
        return row

    def still_held(self, claimed: J) -> J | None:
        """The row under lock if the claim still stands. Call inside a transaction."""
        held = self.held(claimed).select_for_update().first()
        if held is None:
            name = self.model.__name__
            logger.warning(
                "%s %s: attempt %d lost its claim, its result is dropped", name, claimed.pk, claimed.attempts
            )
        return held

    def held(self, claimed: J) -> Any:
        """The row as a queryset: empty once the claim is lost."""
        return self._rows().filter(pk=claimed.pk, state=State.RUNNING, attempts=claimed.attempts)

    @contextmanager
    def counting_failures(self, claimed: J) -> Iterator[None]:
        """Around the work on a claimed row: whatever goes wrong in it counts as a failed attempt."""
        name = self.model.__name__
        try:
            yield
        except FileNotFoundError:
            logger.exception("%s %s: the page image is missing", name, claimed.pk)
            self.fail(claimed, "page_missing", traceback.format_exc())
        except SoftTimeLimitExceeded:
            logger.warning("%s %s: attempt %d took too long", name, claimed.pk, claimed.attempts)
            self.fail(claimed, "timed_out", traceback.format_exc())
        except Exception:
            logger.exception("%s %s: attempt %d failed", name, claimed.pk, claimed.attempts)
            self.fail(claimed, "internal_error", traceback.format_exc())

    def fail(self, claimed: J, code: str, error: str, *, final: bool = False) -> bool:
        """Count a failed attempt: try again later, or give up after the last one.

        Args:
            claimed: the row as ``claim`` returned it.
            code: a reason code, shown to users in words.
            error: the technical error, for administrators.
            final: give up at once, because another attempt would end the same way.

        Returns:
            False if the claim was lost meanwhile.
        """
        with transaction.atomic():
            row = self.still_held(claimed)
            if row is None:
                return False
            row.error = error[-MAX_ERROR_LENGTH:].replace("\x00", "")
            if final or self._is_spent(row):
                self.end(row, State.FAILED, code)
                return True
            row.reason = code
            tries = max(row.attempts_without_progress - 1, 0)
            delay = timedelta(seconds=getattr(settings, self.retry_setting) * 2**tries)
            if delay > LONGEST_COUNTDOWN:
                _back_to_queue(row, resend_at=timezone.now() + delay)
            else:
                _back_to_queue(row)
                self.dispatch_on_commit([row.pk], delay=delay)
        return True

    def go_on_later(self, claimed: J) -> bool:
        """Give a row back whose work is done in part, and send its task again.

        Returns:
            False if the claim was lost meanwhile.
        """
        with transaction.atomic():
            row = self.still_held(claimed)
            if row is None:
                return False
            _back_to_queue(row)
            # A new stretch, not a message that got lost.
            row.sent_count = 0
            row.save(update_fields=["sent_count"])
            self.dispatch_on_commit([row.pk])
        return True

    def end(self, row: J, state: str, code: str = "", message: str = "") -> None:
        """Write the end of a row that is locked by this transaction."""
        row.state = state
        row.reason = code
        row.message = self.sentence_of(code, message) if code else ""
        row.finished_at = timezone.now()
        row.leased_until = None
        row.resend_at = None
        row.save()
        level = logging.ERROR if state == State.FAILED and code != "upload_deleted" else logging.INFO
        ended.send_robust(sender=self.model, row=row)
        name = self.model.__name__
        logger.log(level, "%s %s: %s %s after %d attempt(s)", name, row.pk, state, code, row.attempts)

    # --- What was lost ----------------------------------------------------------------------------

    def sweep(self) -> int:
        """Bring back what was lost: claims that expired, and waiting rows whose message never came or went astray.

        Returns:
            How many rows were sent to the queue again.
        """
        now = timezone.now()
        lost = self._take_back_expired_claims()
        never_sent = Q(resend_at__isnull=True, created_at__lt=now - GRACE)
        went_astray = Q(resend_at__lt=now)
        waiting = self._rows().filter(never_sent | went_astray, state=State.QUEUED).exclude(pk__in=lost)
        pks = lost + list(waiting.order_by("created_at").values_list("pk", flat=True)[:SWEEP_BATCH])
        sent = self.dispatch(pks)
        if pks:
            logger.info(
                "Sweep: %d claim(s) expired, %d of %d %s(s) sent to the queue again",
                len(lost),
                sent,
                len(pks),
                self.model.__name__,
            )
        return sent

    def _take_back_expired_claims(self) -> list[uuid.UUID]:
        taken: list[uuid.UUID] = []
        with transaction.atomic():
            expired: Any = (
                self._rows()
                .select_for_update(skip_locked=True)
                .filter(state=State.RUNNING)
                .filter(Q(leased_until__lt=timezone.now()) | Q(leased_until__isnull=True))
                .order_by("created_at")[:SWEEP_BATCH]
            )
            for row in expired:
                if self._is_spent(row):
                    self.end(row, State.FAILED, "worker_lost")
                else:
                    _back_to_queue(row)
                    taken.append(row.pk)
        return taken

    def _is_spent(self, row: J) -> bool:
        return bool(row.attempts_without_progress >= self.max_attempts)

    def _rows(self) -> Any:
        # Managers of abstract models are beyond the type checker.
        return self.model.objects  # type: ignore[attr-defined]


def _is_free(row: Job, task_id: str) -> bool:
    if row.state == State.QUEUED:
        return True
    if row.state != State.RUNNING:
        return False
    expired = row.leased_until is None or row.leased_until < timezone.now()
    return expired or row.claimed_by == task_id


def _back_to_queue(row: Job, *, resend_at: datetime | None = None) -> None:
    row.state = State.QUEUED
    row.claimed_by = ""
    row.leased_until = None
    row.resend_at = resend_at
    row.save(update_fields=["state", "claimed_by", "leased_until", "resend_at", "reason", "error"])

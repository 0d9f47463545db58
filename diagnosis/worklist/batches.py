"""The way of a Batch: sent, taken in file by file by a worker, ended, tried again, cleared away.

A worker takes a batch in stretches of some seconds and gives it back in between, so that pages are read meanwhile.
Each file's outcome is written before the next one is begun: a worker that dies loses at most the file it held, which
is found again by its checksum. A file that takes a worker down is given up after a second one, the others go on.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import IO, TYPE_CHECKING, Any, Final

from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from accounts.audit.actions import Action
from accounts.audit.log import record
from accounts.permissions import may_upload
from diagnosis import intake
from diagnosis.jobs import Line
from diagnosis.stored_files import discard
from diagnosis.worklist import messages, unpacking
from diagnosis.worklist.models import Batch, BatchFile

if TYPE_CHECKING:
    from django.core.files.uploadedfile import UploadedFile

    from accounts.models import Site, User

logger = logging.getLogger(__name__)

State = Batch.State
FileState = BatchFile.State

LINE: Final = Line(
    Batch,
    task="diagnosis.worklist.tasks.take_in_batch",
    lease_setting="ISOLINE_LEASE_S",
    sentence_of=messages.of_batch,
    upload_path="",
)
dispatch = LINE.dispatch
sweep = LINE.sweep

# How long a worker takes files in before pages get their turn; far below the soft limit of a task.
STRETCH_S: Final = 10.0
FILES_AT_ONCE: Final = 200
# A file that was begun so often and never ended takes workers down.
MAX_FILE_ATTEMPTS: Final = 2
MEGABYTE: Final = 2**20
# What trying again can change; a refused file stays refused.
RETRYABLE: Final = (FileState.FAILED,)


class BatchRefused(Exception):
    """Nothing of it is taken; ``code`` has its sentence in ``messages``."""

    def __init__(self, code: str) -> None:
        self.code = code
        self.message = messages.refusal(code)
        super().__init__(self.message)


def max_archive_bytes() -> int:
    return settings.ISOLINE_ARCHIVE_MAX_MB * MEGABYTE


# --- In ---------------------------------------------------------------------------------------------


def begin(
    *,
    files: Sequence[UploadedFile],
    user: User,
    site: Site,
    patient_reference: str = "",
    note: str = "",
) -> Batch:
    """Keep what was sent, list its files, and have a worker take them in.

    Args:
        files: one ZIP archive, or files of which none is one.
        user: who sends them; must be allowed to upload for the site.
        site: the hospital or department the pages belong to.
        patient_reference: of every page; up to 64 characters, optional.
        note: to every page; up to 2000 characters, optional.

    Raises:
        BatchRefused: with a code of ``messages.REFUSALS``.
        UploadRefused: what was said with the files is not valid, or the site is not open to the user.
    """
    if not may_upload(user, site):
        raise intake.UploadRefused("site_not_allowed" if site.is_active else "site_inactive")
    fields: dict[str, Any] = {
        "requested_by": user,
        "site": site,
        "patient_reference": intake.checked_reference(patient_reference),
        "note": intake.checked_note(note),
    }
    if not files:
        raise BatchRefused("nothing_sent")
    archives = [file for file in files if is_archive(file)]
    if archives and len(files) > 1:
        raise BatchRefused("one_archive_at_a_time")
    if sum(file.size or 0 for file in files) > max_archive_bytes():
        raise BatchRefused("archive_too_large")
    if len(files) > settings.ISOLINE_BATCH_MAX_FILES:
        raise BatchRefused("too_many_files")
    return _of_archive(archives[0], fields) if archives else _of_files(files, fields)


def is_archive(file: UploadedFile) -> bool:
    """Whether a file that was sent is a ZIP archive, by its first bytes, or calls itself one."""
    file.seek(0)
    start = file.read(4)
    file.seek(0)
    return start in (b"PK\x03\x04", b"PK\x05\x06") or (file.name or "").lower().endswith(".zip")


def _of_archive(file: UploadedFile, fields: dict[str, Any]) -> Batch:
    try:
        with unpacking.opened(file) as archive:
            members = archive.members()
    except unpacking.ArchiveRefused as refused:
        logger.info("Batch refused (%s): %s bytes", refused.code, file.size)
        raise BatchRefused(refused.code) from refused
    batch = Batch(**fields, name=intake.clean_name(file.name or ""))
    rows = [
        BatchFile(batch=batch, position=member.position, name=member.name, byte_size=member.byte_size)
        for member in members
    ]
    file.seek(0)
    with _kept_if_committed() as stored:
        batch.archive = _store(stored, f"{_folder(batch)}/archive.zip", file)
        _save(batch, rows)
    return batch


def _of_files(files: Sequence[UploadedFile], fields: dict[str, Any]) -> Batch:
    names = [intake.clean_name(file.name or "") for file in files]
    batch = Batch(**fields, name=names[0] if len(names) == 1 else f"{names[0]} + {len(names) - 1}")
    rows = []
    with _kept_if_committed() as stored:
        for position, (file, name) in enumerate(zip(files, names, strict=True)):
            source = _store(stored, f"{_folder(batch)}/{position}", file)
            rows.append(BatchFile(batch=batch, position=position, name=name, byte_size=file.size or 0, source=source))
        _save(batch, rows)
    return batch


def _save(batch: Batch, rows: list[BatchFile]) -> None:
    with transaction.atomic():
        batch.save(force_insert=True)
        BatchFile.objects.bulk_create(rows, batch_size=500)
        LINE.dispatch_on_commit([batch.pk])
        details = {"files": len(rows)}
        record(Action.BATCH_SENT, actor=batch.requested_by, target=batch, site=batch.site, details=details)
    logger.info("Batch %s: %d file(s), user %s, site %s", batch.pk, len(rows), batch.requested_by_id, batch.site_id)


def _folder(batch: Batch) -> str:
    return f"batches/{batch.site_id}/{batch.pk}"


@contextmanager
def _kept_if_committed() -> Iterator[list[str]]:
    """Names of files that are taken away again if what follows fails."""
    stored: list[str] = []
    try:
        yield stored
    except BaseException:
        discard(stored)
        raise


def _store(stored: list[str], name: str, file: UploadedFile) -> str:
    stored.append(name)
    stored[-1] = default_storage.save(name, file)
    return stored[-1]


# --- In a worker's hands ----------------------------------------------------------------------------


def take_in(pk: str, *, task_id: str) -> None:
    """Take files of a batch in for one stretch. Does nothing if the row cannot be claimed."""
    claimed = LINE.claim(pk, task_id=task_id)
    if claimed is None:
        return
    with LINE.counting_failures(claimed):
        try:
            with _bytes_of(claimed) as read:
                all_done = _one_stretch(claimed, read)
        except FileNotFoundError:
            LINE.fail(claimed, "archive_gone", "the stored archive is missing", final=True)
            return
        except unpacking.ArchiveRefused as refused:
            # It was whole when it came in.
            LINE.fail(claimed, "damaged_archive", refused.code, final=True)
            return
        if all_done:
            _end(claimed)
        else:
            LINE.go_on_later(claimed)


class _Reader:
    """Gives the bytes of one file of a batch."""

    def __init__(self, archive: unpacking.Archive | None) -> None:
        self._archive = archive

    def __call__(self, file: BatchFile) -> bytes:
        """
        Raises:
            MemberRefused: this member of the archive cannot be taken.
            UploadRefused: ``file_too_large``.
        """
        if self._archive is not None:
            return self._archive.read(file.position)
        try:
            with default_storage.open(file.source.name or "") as stored:
                return intake.read_bytes(stored)
        except FileNotFoundError:
            raise unpacking.MemberRefused("file_gone") from None


@contextmanager
def _bytes_of(batch: Batch) -> Iterator[_Reader]:
    if not batch.archive:
        yield _Reader(None)
        return
    with default_storage.open(batch.archive.name or "") as stored:
        file: IO[bytes] = stored
        with unpacking.opened(file) as archive:
            yield _Reader(archive)


def _one_stretch(claimed: Batch, read: _Reader) -> bool:
    """Returns whether no file waits any more."""
    began = time.monotonic()
    waiting = claimed.files.filter(state=FileState.WAITING).order_by("position")
    for number, file in enumerate(waiting[:FILES_AT_ONCE]):
        # At least one, so that every stretch gets on.
        is_over = number > 0 and time.monotonic() - began > STRETCH_S
        if is_over or not LINE.held(claimed).exists():
            return False
        _take_in_one(claimed, file, read)
        LINE.held(claimed).update(advanced_at_attempt=claimed.attempts)
    return not waiting.exists()


def _take_in_one(claimed: Batch, file: BatchFile, read: _Reader) -> None:
    if file.attempts >= MAX_FILE_ATTEMPTS:
        _note(file, FileState.FAILED, file.reason or "worker_lost")
        return
    # Before it is touched, so that a file which takes the worker down is known.
    BatchFile.objects.filter(pk=file.pk).update(attempts=F("attempts") + 1)
    try:
        accepted = intake.accept(
            data=read(file),
            original_name=file.name,
            user=claimed.requested_by,
            site=claimed.site,
            patient_reference=claimed.patient_reference,
            note=claimed.note,
        )
    except (intake.UploadRefused, unpacking.MemberRefused) as refused:
        gone = refused.code == "file_gone"
        _note(file, FileState.FAILED if gone else FileState.REFUSED, refused.code)
        return
    except SoftTimeLimitExceeded:
        BatchFile.objects.filter(pk=file.pk).update(reason="timed_out")
        raise
    except Exception:
        logger.exception("Batch %s: file %d could not be taken in", claimed.pk, file.position)
        _note(file, FileState.FAILED, "internal_error")
        return
    first = accepted.uploads[0]
    was_there = accepted.duplicate_of is not None and not _was_ours(claimed, file, first.pk)
    _note(file, FileState.DUPLICATE if was_there else FileState.STORED, upload_id=first.pk)


def _was_ours(batch: Batch, file: BatchFile, upload_id: uuid.UUID) -> bool:
    """Whether an earlier attempt at this very file stored the page and died before it could say so."""
    if file.attempts == 0:
        return False
    made_by_us = batch.site.uploads.filter(
        pk=upload_id, uploaded_by=batch.requested_by_id, created_at__gte=batch.created_at
    )
    return made_by_us.exists() and not batch.files.exclude(pk=file.pk).filter(upload=upload_id).exists()


def _note(file: BatchFile, state: str, reason: str = "", *, upload_id: uuid.UUID | None = None) -> None:
    rows = BatchFile.objects.filter(pk=file.pk, state=FileState.WAITING)
    rows.update(state=state, reason=reason, upload_id=upload_id, ended_at=timezone.now())
    if file.source and state not in RETRYABLE:
        BatchFile.objects.filter(pk=file.pk).update(source="")
        discard([file.source.name or ""])


def _end(claimed: Batch) -> None:
    with transaction.atomic():
        batch = LINE.still_held(claimed)
        if batch is None:
            return
        unneeded = ""
        if not batch.files.filter(state__in=RETRYABLE).exists():
            unneeded = batch.archive.name or ""
            batch.archive = ""
        LINE.end(batch, State.DONE)
    # After the commit: a row without its file would be worse than a file without its row.
    discard([unneeded] if unneeded else [])


# --- Afterwards -------------------------------------------------------------------------------------


def can_retry(batch: Batch) -> bool:
    """Whether a file of this ended batch failed, and is still kept."""
    if not batch.is_ended:
        return False
    # A batch that was given up may have files that nobody began.
    open_files = batch.files.filter(state__in=(*RETRYABLE, FileState.WAITING))
    return open_files.exists() if batch.archive else open_files.exclude(source="").exists()


def retry(batch: Batch) -> int:
    """Have the failed files of an ended batch taken in once more.

    Returns:
        How many.

    Raises:
        BatchRefused: ``still_under_way``, ``nothing_to_retry``.
    """
    with transaction.atomic():
        locked = Batch.objects.select_for_update().get(pk=batch.pk)
        if not locked.is_ended:
            raise BatchRefused("still_under_way")
        if not can_retry(locked):
            raise BatchRefused("nothing_to_retry")
        files = locked.files.filter(state__in=(*RETRYABLE, FileState.WAITING))
        if not locked.archive:
            files = files.exclude(source="")
        count = files.update(state=FileState.WAITING, reason="", attempts=0, ended_at=None)
        locked.state = State.QUEUED
        locked.reason = locked.message = locked.error = locked.claimed_by = ""
        locked.finished_at = locked.resend_at = None
        locked.sent_count = 0
        # What went before counts no more; the number itself keeps rising, because it fences off lost workers.
        locked.advanced_at_attempt = locked.attempts
        locked.save()
        LINE.dispatch_on_commit([locked.pk])
    return count


def clear_away() -> int:
    """Let go of what batches that ended some days ago still keep for trying again.

    Returns:
        How many files went.
    """
    before = timezone.now() - timedelta(days=settings.ISOLINE_BATCH_KEEP_DAYS)
    old = Batch.objects.filter(state__in=Batch.ENDED, finished_at__lt=before)
    archives = list(old.exclude(archive="").values_list("pk", "archive")[:100])
    files = list(BatchFile.objects.filter(batch__in=old).exclude(source="").values_list("pk", "source")[:1000])
    Batch.objects.filter(pk__in=[pk for pk, _ in archives]).update(archive="")
    BatchFile.objects.filter(pk__in=[pk for pk, _ in files]).update(source="")
    names = [name for _, name in (*archives, *files)]
    discard(names)
    return len(names)

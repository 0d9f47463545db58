"""Many files at once: taken in one by one, through everything that may happen on the way."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from accounts.audit.models import Entry
from accounts.models import Role, Site, User
from diagnosis import intake, messages
from diagnosis.models import Upload
from diagnosis.worklist import batches, selectors
from diagnosis.worklist.models import Batch
from tests.views.pictures import picture
from tests.worklist.conftest import zipped

Outcomes = Callable[[Batch], dict[str, tuple[str, str]]]


def work(batch: Batch) -> Batch:
    batches.take_in(str(batch.pk), task_id=uuid.uuid4().hex)
    return Batch.objects.get(pk=batch.pk)


def kept() -> set[str]:
    folder = Path(django_settings.MEDIA_ROOT) / "batches"
    return {path.name for path in folder.rglob("*") if path.is_file()}


def test_every_page_of_an_archive_is_stored_once_and_the_archive_goes(
    send_archive: Callable[..., Batch], outcomes: Outcomes
) -> None:
    batch = send_archive(patient_reference="P-1", note="from the archive")
    assert batch.state == Batch.State.QUEUED
    assert kept() == {"archive.zip"}
    sent = Entry.objects.get(action="batch.sent")
    assert (sent.actor, sent.site, sent.target_id) == (batch.requested_by, batch.site, str(batch.pk))
    assert sent.details == {"files": 3}

    done = work(batch)

    assert done.state == Batch.State.DONE
    assert set(outcomes(batch).values()) == {("stored", "")}
    assert {(upload.patient_reference, upload.note) for upload in Upload.objects.all()} == {("P-1", "from the archive")}
    assert Upload.objects.count() == 3
    assert all(upload.diagnoses.count() == 1 for upload in Upload.objects.all())
    assert kept() == set()


def test_each_file_has_its_own_outcome(send_archive: Callable[..., Batch], outcomes: Outcomes, take_in: Any) -> None:
    take_in(11)
    batch = send_archive(
        [
            ("ward/new.png", picture(12)),
            ("ward/known.png", picture(11)),
            ("ward/twice.png", picture(12)),
            ("letter.txt", b"words"),
            ("empty.png", b""),
            ("inner.zip", b"PK\x03\x04"),
        ]
    )
    work(batch)
    assert outcomes(batch) == {
        "ward/new.png": ("stored", ""),
        "ward/known.png": ("duplicate", ""),
        "ward/twice.png": ("duplicate", ""),
        "letter.txt": ("refused", "unsupported_type"),
        "empty.png": ("refused", "empty_file"),
        "inner.zip": ("refused", "nested_archive"),
    }
    assert Upload.objects.get(original_name="new.png")


def test_files_sent_together_are_a_batch_too(clinician: User, site: Site, outcomes: Outcomes) -> None:
    files = [SimpleUploadedFile("a.png", picture(11)), SimpleUploadedFile("b.txt", b"words")]
    batch = batches.begin(files=files, user=clinician, site=site)
    assert kept() == {"0", "1"}
    work(batch)
    assert outcomes(batch) == {"a.png": ("stored", ""), "b.txt": ("refused", "unsupported_type")}
    assert kept() == set()


def test_a_long_batch_is_given_back_between_stretches(
    send_archive: Callable[..., Batch], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "STRETCH_S", 0)
    batch = send_archive({f"{seed}.png": picture(seed) for seed in range(30, 35)})
    stretches = 0
    while batch.state != Batch.State.DONE:
        batch = work(batch)
        stretches += 1
        assert batch.state in (Batch.State.QUEUED, Batch.State.DONE)
        assert stretches < 10
    # More than a row has attempts: those that got on do not count.
    assert stretches > django_settings.ISOLINE_MAX_ATTEMPTS
    assert Upload.objects.count() == 5


class Died(BaseException):
    """A worker that is killed: nothing after it runs."""


def lost(batch: Batch) -> None:
    """The worker is gone; its claim expires."""
    Batch.objects.filter(pk=batch.pk).update(leased_until=timezone.now() - timedelta(seconds=1))


def test_a_worker_that_dies_goes_on_where_it_stopped_and_takes_nothing_in_twice(
    send_archive: Callable[..., Batch], outcomes: Outcomes, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = send_archive()
    accept, taken = intake.accept, []

    def dies_after_storing(**fields: Any) -> Any:
        accepted = accept(**fields)
        taken.append(fields["original_name"])
        if len(taken) == 2:
            raise Died
        return accepted

    monkeypatch.setattr(intake, "accept", dies_after_storing)
    with pytest.raises(Died):
        work(batch)
    assert outcomes(batch)["page 12.png"] == ("waiting", "")
    assert Upload.objects.count() == 2

    lost(batch)
    done = work(batch)

    assert done.state == Batch.State.DONE
    # The second was stored before the worker died, and that is what is said of it.
    assert set(outcomes(batch).values()) == {("stored", "")}
    assert taken == ["page 11.png", "page 12.png", "page 12.png", "page 13.png"]
    assert Upload.objects.count() == 3


def test_a_file_that_takes_workers_down_is_given_up_and_the_others_come_in(
    send_archive: Callable[..., Batch], outcomes: Outcomes, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = send_archive({name: picture(seed) for seed, name in enumerate(("a", "killer b", "c", "killer d", "e"))})
    accept = intake.accept

    def deadly(**fields: Any) -> Any:
        if "killer" in fields["original_name"]:
            raise Died
        return accept(**fields)

    monkeypatch.setattr(intake, "accept", deadly)
    for _ in range(10):
        try:
            batch = work(batch)
        except Died:
            lost(batch)
        if batch.state == Batch.State.DONE:
            break
    assert batch.state == Batch.State.DONE
    gone = ("failed", "worker_lost")
    stored = ("stored", "")
    assert outcomes(batch) == {"a": stored, "killer b": gone, "c": stored, "killer d": gone, "e": stored}


def test_what_failed_is_tried_again_and_only_that(
    send_archive: Callable[..., Batch], outcomes: Outcomes, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = send_archive([("a.png", picture(11)), ("b.png", picture(12)), ("c.txt", b"words")])
    accept, is_down = intake.accept, True

    def full_disk(**fields: Any) -> Any:
        if is_down and fields["original_name"] == "b.png":
            raise OSError("no space left")
        return accept(**fields)

    monkeypatch.setattr(intake, "accept", full_disk)
    done = work(batch)
    assert outcomes(batch)["b.png"] == ("failed", "internal_error")
    assert batches.can_retry(done)
    assert kept() == {"archive.zip"}

    is_down = False
    assert batches.retry(done) == 1
    with pytest.raises(batches.BatchRefused, match="still under way"):
        batches.retry(done)
    done = work(done)

    assert outcomes(batch) == {
        "a.png": ("stored", ""),
        "b.png": ("stored", ""),
        "c.txt": ("refused", "unsupported_type"),
    }
    assert kept() == set()
    assert not batches.can_retry(done)
    with pytest.raises(batches.BatchRefused, match="No file of this batch"):
        batches.retry(done)


def test_a_batch_whose_archive_is_gone_says_so(send_archive: Callable[..., Batch]) -> None:
    batch = send_archive()
    (Path(django_settings.MEDIA_ROOT) / batch.archive.name).unlink()
    done = work(batch)
    assert (done.state, done.reason) == (Batch.State.FAILED, "archive_gone")
    assert "no longer kept" in done.message


def test_a_worker_that_was_presumed_dead_takes_nothing_more_in(
    send_archive: Callable[..., Batch], monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = send_archive()
    accept = intake.accept

    def overtaken(**fields: Any) -> Any:
        # Another worker claims the batch meanwhile.
        Batch.objects.filter(pk=batch.pk).update(attempts=7)
        return accept(**fields)

    monkeypatch.setattr(intake, "accept", overtaken)
    work(batch)
    assert Upload.objects.count() == 1


def test_a_batch_whose_message_was_lost_is_sent_again(send_archive: Callable[..., Batch]) -> None:
    batch = send_archive()
    Batch.objects.filter(pk=batch.pk).update(created_at=timezone.now() - timedelta(minutes=1), resend_at=None)
    assert batches.sweep() == 1


def test_what_is_kept_for_trying_again_goes_after_some_days(
    send_archive: Callable[..., Batch], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(**fields: Any) -> Any:
        raise OSError

    monkeypatch.setattr(intake, "accept", broken)
    batch = work(send_archive())
    assert batches.clear_away() == 0
    Batch.objects.filter(pk=batch.pk).update(finished_at=timezone.now() - timedelta(days=8))
    assert batches.clear_away() == 1
    assert kept() == set()
    assert not batches.can_retry(Batch.objects.get(pk=batch.pk))


REFUSED: dict[str, tuple[Callable[[], list[SimpleUploadedFile]], str]] = {
    "nothing": (list, "nothing_sent"),
    "two archives": (lambda: [zipped({"a": b"a"}), zipped({"b": b"b"})], "one_archive_at_a_time"),
    "no archive under its name": (lambda: [SimpleUploadedFile("a.zip", b"words")], "damaged_archive"),
    "too many megabytes": (lambda: [SimpleUploadedFile("a.png", b"x" * (2**20 + 1))], "archive_too_large"),
    "too many files": (lambda: [SimpleUploadedFile(f"{n}.png", b"x") for n in range(4)], "too_many_files"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_refused_as_a_whole_leaves_nothing_behind(
    what: str, clinician: User, site: Site, settings: Any
) -> None:
    settings.ISOLINE_ARCHIVE_MAX_MB = 1
    settings.ISOLINE_BATCH_MAX_FILES = 3
    make, code = REFUSED[what]
    with pytest.raises(batches.BatchRefused) as refused:
        batches.begin(files=make(), user=clinician, site=site)
    assert refused.value.code == code
    assert refused.value.message != messages.refusal("")
    assert not Batch.objects.exists()
    assert kept() == set()


def test_nobody_sends_files_to_a_site_that_is_not_theirs(clinician: User, other_site: Site) -> None:
    with pytest.raises(intake.UploadRefused) as refused:
        batches.begin(files=[zipped({"a.png": picture(1)})], user=clinician, site=other_site)
    assert refused.value.code == "site_not_allowed"


def test_batches_are_seen_at_their_site_alone(
    send_archive: Callable[..., Batch],
    clinician: User,
    reviewer: User,
    administrator: User,
    api_client_user: User,
    other_clinician: User,
) -> None:
    send_archive()
    nowhere = User.objects.create_user("nowhere", role=Role.CLINICIAN)
    sees = {clinician: 1, reviewer: 1, administrator: 1, api_client_user: 1, other_clinician: 0, nowhere: 0}
    assert {user: selectors.batches_visible_to(user).count() for user in sees} == sees

"""The state machine: who may claim, what an end leaves behind, and what the sweep brings back."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from kombu.exceptions import OperationalError

from accounts.models import User
from diagnosis import deletion, pipeline, tasks
from diagnosis.models import Diagnosis, Heatmap, Upload

State = Diagnosis.State
Claim = Callable[..., Diagnosis]
MakeReading = Callable[..., pipeline.Reading]


class Queue:
    """What was sent to the queue; can be away."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, float | None]] = []
        self.asked = 0
        self.is_away = False

    def apply_async(self, args: tuple[str], countdown: float | None = None, **_: Any) -> None:
        self.asked += 1
        if self.is_away:
            raise OperationalError("connection refused")
        self.sent.append((args[0], countdown))

    @property
    def keys(self) -> list[str]:
        return [key for key, _ in self.sent]


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> Queue:
    """The real one has its tests in tests/services."""
    queue = Queue()
    monkeypatch.setattr(tasks.diagnose, "apply_async", queue.apply_async)
    return queue


def rewind(diagnosis: Diagnosis, **fields: timedelta) -> None:
    Diagnosis.objects.filter(pk=diagnosis.pk).update(**{name: timezone.now() - by for name, by in fields.items()})


# --- Queueing -------------------------------------------------------------------------------------


def test_a_message_is_sent_only_once_the_row_is_committed(
    upload: Upload, clinician: User, queue: Queue, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        diagnosis = pipeline.enqueue(upload=upload, requested_by=clinician)
        assert queue.sent == []
    assert queue.keys == [str(diagnosis.pk)]
    diagnosis.refresh_from_db()
    assert diagnosis.dispatched_at is not None
    assert diagnosis.sent_count == 1


def test_a_broker_that_is_away_costs_nothing_but_time(
    upload: Upload, clinician: User, queue: Queue, django_capture_on_commit_callbacks: Any
) -> None:
    queue.is_away = True
    with django_capture_on_commit_callbacks(execute=True):
        diagnosis = pipeline.enqueue(upload=upload, requested_by=clinician)
    diagnosis.refresh_from_db()
    assert (diagnosis.state, diagnosis.sent_count, diagnosis.dispatched_at) == (State.QUEUED, 0, None)


def test_with_the_broker_away_only_one_page_of_a_file_waits_for_it(db: None, queue: Queue) -> None:
    queue.is_away = True
    assert pipeline.dispatch([uuid.uuid4() for _ in range(20)]) == 0
    assert queue.asked == 1


# --- Claiming -------------------------------------------------------------------------------------


def test_a_claim_counts_the_attempt_and_sets_a_lease(queued: Diagnosis, settings: Any) -> None:
    claimed = pipeline.claim(queued.pk, task_id="one")
    assert claimed is not None
    queued.refresh_from_db()
    assert (queued.state, queued.attempts, queued.claimed_by) == (State.RUNNING, 1, "one")
    assert queued.leased_until is not None
    assert queued.leased_until > timezone.now() + timedelta(seconds=settings.ISOLINE_HARD_LIMIT_S)


def test_a_page_that_is_being_read_cannot_be_claimed_by_another_task(queued: Diagnosis, claim: Claim) -> None:
    claim(queued, task_id="one")
    assert pipeline.claim(queued.pk, task_id="two") is None
    queued.refresh_from_db()
    assert (queued.attempts, queued.claimed_by) == (1, "one")


def test_a_task_that_comes_back_after_its_worker_died_claims_again(queued: Diagnosis, claim: Claim) -> None:
    claim(queued, task_id="one")
    again = pipeline.claim(queued.pk, task_id="one")
    assert again is not None
    assert again.attempts == 2


def test_an_expired_claim_is_free(queued: Diagnosis, claim: Claim) -> None:
    claim(queued, task_id="one")
    rewind(queued, leased_until=timedelta(seconds=1))
    again = pipeline.claim(queued.pk, task_id="two")
    assert again is not None
    assert again.attempts == 2


@pytest.mark.parametrize("state", [State.DONE, State.REJECTED, State.FAILED])
def test_what_has_ended_is_never_claimed_again(queued: Diagnosis, state: str) -> None:
    Diagnosis.objects.filter(pk=queued.pk).update(state=state, claimed_by="one")
    assert pipeline.claim(queued.pk, task_id="one") is None
    queued.refresh_from_db()
    assert (queued.state, queued.attempts) == (state, 0)


def test_a_key_that_does_not_exist_is_nothing_to_do(db: None) -> None:
    assert pipeline.claim(uuid.uuid4(), task_id="one") is None


def test_a_page_deleted_while_it_waited_is_not_read(queued: Diagnosis, upload: Upload, clinician: User) -> None:
    deletion.delete(upload, clinician)
    assert pipeline.claim(queued.pk, task_id="one") is None
    queued.refresh_from_db()
    assert (queued.state, queued.reason) == (State.REJECTED, "upload_deleted")


def test_a_page_that_kills_its_worker_each_time_is_given_up(queued: Diagnosis, claim: Claim, settings: Any) -> None:
    for _ in range(settings.ISOLINE_MAX_ATTEMPTS):
        claim(queued, task_id="one")
    assert pipeline.claim(queued.pk, task_id="one") is None
    queued.refresh_from_db()
    assert (queued.state, queued.reason, queued.attempts) == (State.FAILED, "worker_lost", 3)
    assert "administrator" in queued.message


# --- Finishing ------------------------------------------------------------------------------------


def test_a_result_is_stored_with_its_pictures_and_its_model(
    queued: Diagnosis, claim: Claim, reading: MakeReading, stored_files: Callable[[], set[str]]
) -> None:
    found = reading()
    assert pipeline.finish(claim(queued), found)
    queued.refresh_from_db()
    assert (queued.state, queued.label, queued.confidence, queued.abstained) == (State.DONE, "mi", 0.8, False)
    assert queued.model_version == found.model_version
    assert queued.probabilities == found.probabilities
    assert queued.crop == {"x": 1, "y": 2, "width": 300, "height": 200}
    assert queued.warnings == ["grid_not_found"]
    assert queued.finished_at is not None
    assert queued.leased_until is None
    heatmap = queued.heatmaps.get()
    assert {heatmap.layer.name, heatmap.overlay.name} <= stored_files()
    with heatmap.overlay.open("rb") as file:
        assert file.read() == b"overlay"


def test_a_worker_that_was_taken_for_dead_writes_nothing(
    queued: Diagnosis, claim: Claim, reading: MakeReading, stored_files: Callable[[], set[str]]
) -> None:
    late = claim(queued, task_id="one")
    files = stored_files()
    second = claim(queued, task_id="one")
    assert pipeline.finish(late, reading(label="normal")) is False
    assert pipeline.reject(late, "not_an_ecg_page") is False
    assert pipeline.fail(late, "internal_error", "late") is False
    assert stored_files() == files
    assert pipeline.finish(second, reading())
    queued.refresh_from_db()
    assert (queued.state, queued.label, queued.error) == (State.DONE, "mi", "")
    assert Heatmap.objects.count() == 1


def test_a_result_is_written_once(queued: Diagnosis, claim: Claim, reading: MakeReading) -> None:
    claimed = claim(queued)
    assert pipeline.finish(claimed, reading())
    assert pipeline.finish(claimed, reading(label="normal")) is False
    queued.refresh_from_db()
    assert queued.label == "mi"
    assert queued.heatmaps.count() == 1


def test_pictures_of_a_worker_that_died_before_its_rows_are_cleared_away(
    queued: Diagnosis, claim: Claim, reading: MakeReading, stored_files: Callable[[], set[str]]
) -> None:
    from django.core.files.base import ContentFile
    from django.core.files.storage import default_storage

    first = claim(queued, task_id="one")
    left_behind = default_storage.save(f"{pipeline.heatmap_folder(first)}/1-grad_cam-mi-layer.png", ContentFile(b"x"))
    pipeline.finish(claim(queued, task_id="one"), reading())
    assert left_behind not in stored_files()
    assert len([name for name in stored_files() if name.startswith("heatmaps/")]) == 2


@pytest.mark.django_db(transaction=True)
def test_a_result_that_cannot_be_stored_leaves_neither_rows_nor_pictures(
    queued: Diagnosis, claim: Claim, reading: MakeReading, stored_files: Callable[[], set[str]]
) -> None:
    claimed = claim(queued)
    files = stored_files()
    twice = reading().heatmaps * 2
    with pytest.raises(Exception, match=r"(?i)unique"):
        pipeline.finish(claimed, reading(heatmaps=twice))
    queued.refresh_from_db()
    assert (queued.state, queued.heatmaps.count()) == (State.RUNNING, 0)
    assert stored_files() == files


def test_a_rejection_keeps_the_code_the_words_and_the_model(queued: Diagnosis, claim: Claim, model: Any) -> None:
    assert pipeline.reject(claim(queued), "not_an_ecg_page", "no grid", model_version=model)
    queued.refresh_from_db()
    assert (queued.state, queued.reason, queued.model_version) == (State.REJECTED, "not_an_ecg_page", model)
    assert "does not look like an ECG" in queued.message


def test_a_reason_without_words_of_ours_keeps_the_reader_s(queued: Diagnosis, claim: Claim) -> None:
    pipeline.reject(claim(queued), "upside_down", "Turn the page.")
    queued.refresh_from_db()
    assert queued.message == "Turn the page."


# --- Failing --------------------------------------------------------------------------------------


def test_a_failed_attempt_is_tried_again_a_little_later_each_time(
    queued: Diagnosis, claim: Claim, queue: Queue, settings: Any, django_capture_on_commit_callbacks: Any
) -> None:
    settings.ISOLINE_RETRY_S = 5
    for delay in (5, 10):
        with django_capture_on_commit_callbacks(execute=True):
            assert pipeline.fail(claim(queued), "internal_error", "Traceback: boom")
        queued.refresh_from_db()
        assert (queued.state, queued.error, queued.claimed_by) == (State.QUEUED, "Traceback: boom", "")
        assert queue.sent[-1] == (str(queued.pk), delay)
    pipeline.fail(claim(queued), "internal_error", "Traceback: last\x00")
    queued.refresh_from_db()
    assert (queued.state, queued.reason, queued.attempts) == (State.FAILED, "internal_error", 3)
    assert queued.error == "Traceback: last"
    assert "Traceback" not in queued.message
    assert len(queue.sent) == 2


def test_a_failure_that_would_repeat_itself_ends_at_once(queued: Diagnosis, claim: Claim) -> None:
    pipeline.fail(claim(queued), "no_active_model", "none", final=True)
    queued.refresh_from_db()
    assert (queued.state, queued.attempts) == (State.FAILED, 1)


def test_success_after_a_failed_attempt_keeps_the_error_for_administrators(
    queued: Diagnosis, claim: Claim, reading: MakeReading
) -> None:
    pipeline.fail(claim(queued), "internal_error", "Traceback: boom")
    pipeline.finish(claim(queued), reading())
    queued.refresh_from_db()
    assert (queued.state, queued.reason, queued.message) == (State.DONE, "", "")
    assert queued.error == "Traceback: boom"


# --- Sweeping -------------------------------------------------------------------------------------


def test_the_sweep_leaves_alone_what_is_on_its_way(queued: Diagnosis, queue: Queue) -> None:
    assert pipeline.sweep() == 0
    pipeline.dispatch([queued.pk])
    rewind(queued, created_at=timedelta(minutes=1))
    assert pipeline.sweep() == 0


def test_the_sweep_sends_what_never_was_sent(queued: Diagnosis, queue: Queue) -> None:
    rewind(queued, created_at=timedelta(minutes=1))
    assert pipeline.sweep() == 1
    assert queue.keys == [str(queued.pk)]
    assert pipeline.sweep() == 0


def test_the_sweep_sends_again_what_went_astray_but_ever_more_rarely(
    queued: Diagnosis, queue: Queue, settings: Any
) -> None:
    settings.ISOLINE_RESEND_S = 100
    patience = []
    for _ in range(5):
        pipeline.dispatch([queued.pk])
        queued.refresh_from_db()
        assert queued.resend_at is not None
        patience.append(round((queued.resend_at - timezone.now()).total_seconds()))
    assert patience == pytest.approx([100, 200, 400, 800, 900], abs=2)
    rewind(queued, resend_at=timedelta(seconds=1))
    assert pipeline.sweep() == 1


def test_the_sweep_brings_back_a_page_whose_worker_is_gone(queued: Diagnosis, claim: Claim, queue: Queue) -> None:
    claim(queued)
    assert pipeline.sweep() == 0
    rewind(queued, leased_until=timedelta(seconds=1), created_at=timedelta(minutes=1))
    assert pipeline.sweep() == 1
    queued.refresh_from_db()
    assert (queued.state, queued.attempts, queued.claimed_by) == (State.QUEUED, 1, "")
    assert queue.keys == [str(queued.pk)]


def test_the_sweep_gives_up_after_the_last_attempt(
    queued: Diagnosis, claim: Claim, queue: Queue, settings: Any
) -> None:
    settings.ISOLINE_MAX_ATTEMPTS = 1
    claim(queued)
    rewind(queued, leased_until=timedelta(seconds=1))
    assert pipeline.sweep() == 0
    queued.refresh_from_db()
    assert (queued.state, queued.reason) == (State.FAILED, "worker_lost")


def test_the_sweep_stops_at_a_broker_that_is_away_and_goes_on_when_it_is_back(
    queued: Diagnosis, claim: Claim, queue: Queue
) -> None:
    claim(queued)
    rewind(queued, leased_until=timedelta(seconds=1), created_at=timedelta(minutes=1))
    queue.is_away = True
    assert pipeline.sweep() == 0
    queue.is_away = False
    assert pipeline.sweep() == 1


# --- Reading again --------------------------------------------------------------------------------


def test_reading_again_makes_a_new_row_and_keeps_the_old_one(
    queued: Diagnosis, claim: Claim, reading: MakeReading, administrator: User
) -> None:
    pipeline.finish(claim(queued), reading())
    before = Diagnosis.objects.filter(pk=queued.pk).values().get()
    queued.refresh_from_db()
    again = pipeline.requeue(queued, requested_by=administrator)
    assert again.pk != queued.pk
    assert (again.state, again.upload, again.requested_by) == (State.QUEUED, queued.upload, administrator)
    assert Diagnosis.objects.filter(pk=queued.pk).values().get() == before
    assert pipeline.requeue(queued, requested_by=administrator) == again


def test_a_waiting_row_is_sent_once_more(
    queued: Diagnosis, administrator: User, queue: Queue, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        assert pipeline.requeue(queued, requested_by=administrator) == queued
    assert queue.keys == [str(queued.pk)]


def test_a_page_that_is_being_read_is_left_alone(
    queued: Diagnosis, claim: Claim, administrator: User, queue: Queue, django_capture_on_commit_callbacks: Any
) -> None:
    claim(queued)
    with django_capture_on_commit_callbacks(execute=True):
        assert pipeline.requeue(queued, requested_by=administrator) == queued
    assert queue.sent == []
    assert Diagnosis.objects.count() == 1

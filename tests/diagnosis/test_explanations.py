"""Explanations on request: who gets one, what a worker leaves behind, and when it stops."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import User
from diagnosis import deletion, explaining, explanations, model_registry, pipeline, tasks
from diagnosis.heatmap_files import DrawnHeatmap, heatmap_folder
from diagnosis.models import Diagnosis, Explanation, Heatmap, ModelVersion
from ml.errors import BundleCorrupt
from ml.explain import METHODS, TRACE_METHODS
from ml.page import Crop

State = Explanation.State
DRAWN = DrawnHeatmap("saliency", "mi", layer=b"layer", overlay=b"overlay")


@pytest.fixture
def done(queued: Diagnosis, claim: Any, reading: Any) -> Diagnosis:
    pipeline.finish(claim(queued), reading())
    queued.refresh_from_db()
    return queued


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Keys that went to the queue; the real one has its tests in tests/services."""
    keys: list[str] = []
    monkeypatch.setattr(tasks.explain, "apply_async", lambda args, **_: keys.append(args[0]))
    return keys


@pytest.fixture
def ask(done: Diagnosis, clinician: User) -> Callable[..., Explanation]:
    def request(method: str = "saliency", label: str = "") -> Explanation:
        return explanations.request(done, method=method, label=label, requested_by=clinician)[0]

    return request


def take(explanation: Explanation, task_id: str = "one") -> Explanation:
    claimed = explanations.claim(explanation.pk, task_id=task_id)
    assert claimed is not None
    return claimed


# --- Asking ---------------------------------------------------------------------------------------


def test_a_request_waits_for_a_worker_and_explains_the_answer_given(
    done: Diagnosis, clinician: User, sent: list[str], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        made, is_new = explanations.request(done, method="saliency", requested_by=clinician)
    assert (made.state, made.label, made.progress, is_new) == (State.QUEUED, "mi", 0, True)
    assert sent == [str(made.pk)]


def test_asking_for_the_same_again_makes_nothing_new(done: Diagnosis, clinician: User, ask: Any) -> None:
    first = ask()
    assert explanations.request(done, method="saliency", label="mi", requested_by=clinician) == (first, False)
    assert ask(label="normal") != first
    assert ask(method="lime") != first
    assert Explanation.objects.count() == 3


def test_the_heatmap_of_the_reading_is_not_computed_a_second_time(done: Diagnosis, ask: Any, sent: list[str]) -> None:
    made = ask("grad_cam")
    assert (made.state, made.progress, made.heatmap) == (State.DONE, 100, done.heatmaps.get())
    assert ask("grad_cam") == made
    assert sent == []


def test_one_that_failed_stays_and_asking_again_makes_a_new_one(ask: Any) -> None:
    failed = ask()
    explanations.fail(take(failed), "timed_out", "late", final=True)
    again = ask()
    assert (again.state, again.pk == failed.pk) == (State.QUEUED, False)
    failed.refresh_from_db()
    assert (failed.state, failed.error) == (State.FAILED, "late")
    assert "took too long" in failed.message


def test_the_database_itself_allows_one_that_has_not_failed(ask: Any, clinician: User) -> None:
    there = ask()
    with pytest.raises(IntegrityError), transaction.atomic():
        Explanation.objects.create(diagnosis=there.diagnosis, method="saliency", label="mi", requested_by=clinician)


@pytest.mark.parametrize(
    ("method", "label", "code"),
    [
        ("tea_leaves", "mi", "unknown_method"),
        ("spatial_attention", "mi", "unknown_method"),
        ("saliency", "covid19", "unknown_label"),
    ],
)
def test_what_the_model_cannot_explain_is_refused(ask: Any, method: str, label: str, code: str) -> None:
    with pytest.raises(explanations.CannotExplain) as refused:
        ask(method, label)
    assert refused.value.code == code
    assert not Explanation.objects.exists()


def test_a_method_of_one_architecture_is_offered_for_its_networks_alone(model: ModelVersion) -> None:
    diagnosis = Diagnosis(model_version=model)
    assert "spatial_attention" not in {method.name for method in explanations.methods_for(diagnosis)}
    model.architecture = "efficientnet_b0_msa"
    assert {method.name for method in explanations.methods_for(diagnosis)} == set(METHODS)


def test_methods_on_the_traces_are_for_answers_from_the_traces(ask: Any, queued: Diagnosis) -> None:
    with pytest.raises(explanations.CannotExplain) as refused:
        ask("lead_occlusion")
    assert refused.value.code == "unknown_method"
    Diagnosis.objects.filter(pk=queued.pk).update(answered_by=Diagnosis.Source.TRACES)
    queued.refresh_from_db()
    offered = [choice.method.name for choice in explanations.choices(queued, "mi")]
    assert offered[:2] == list(TRACE_METHODS), "those of the network that answered come first"
    assert explanations.request(queued, method="lead_occlusion", requested_by=queued.requested_by)[1]


def test_only_a_page_that_was_read_is_explained(queued: Diagnosis, clinician: User) -> None:
    with pytest.raises(explanations.CannotExplain, match="Wait until"):
        explanations.request(queued, method="saliency", requested_by=clinician)


def test_nobody_fills_the_queue_alone(ask: Any, settings: Any) -> None:
    settings.ISOLINE_MAX_WAITING_EXPLANATIONS = 2
    first, _ = ask("saliency"), ask("lime")
    with pytest.raises(explanations.CannotExplain, match="still waiting"):
        ask("score_cam")
    assert ask("saliency") == first
    explanations.finish(take(first), DRAWN, {})
    assert ask("score_cam").state == State.QUEUED


@pytest.mark.parametrize(
    ("judged", "verdict"),
    [
        ({}, "not_tested"),
        ({"saliency": {"passes_randomisation": True, "correlation": 0.1}}, "passed"),
        ({"saliency": {"passes_randomisation": False}}, "failed"),
        ({"saliency": {"passes_randomisation": None}}, "not_tested"),
        ({"saliency": True}, "not_tested"),
        ({"lime": {"passes_randomisation": True}}, "not_tested"),
    ],
)
def test_only_a_verdict_in_the_bundle_counts_as_tested(model: ModelVersion, judged: Any, verdict: str) -> None:
    model.explanations = judged
    assert explanations.randomisation_check(model, "saliency") == verdict


# --- In the worker --------------------------------------------------------------------------------


def test_a_claim_holds_as_long_as_an_explanation_may_take(ask: Any, settings: Any) -> None:
    settings.ISOLINE_LEASE_S, settings.ISOLINE_EXPLAIN_LEASE_S = 10, 1000
    claimed = take(ask())
    assert claimed.leased_until is not None
    assert claimed.leased_until - timezone.now() > timedelta(seconds=900)
    assert explanations.claim(claimed.pk, task_id="two") is None


def test_the_pictures_join_those_of_the_diagnosis(done: Diagnosis, ask: Any, stored_files: Any) -> None:
    explanation = ask()
    assert explanations.finish(take(explanation), DRAWN, {"found_evidence": True})
    explanation.refresh_from_db()
    heatmap = explanation.heatmap
    assert (explanation.state, explanation.progress, explanation.details) == (
        State.DONE,
        100,
        {"found_evidence": True},
    )
    assert list(done.heatmaps.values_list("method", flat=True)) == ["grad_cam", "saliency"]
    assert {heatmap.layer.name, heatmap.overlay.name} <= stored_files()
    assert heatmap.layer.name.startswith(heatmap_folder(done))


def test_a_worker_that_was_taken_for_dead_writes_nothing(ask: Any, stored_files: Any) -> None:
    explanation = ask()
    late, second = take(explanation), take(explanation)
    files = stored_files()
    assert explanations.finish(late, DRAWN, {}) is False
    assert explanations.fail(late, "internal_error", "late") is False
    assert explanations.note_progress(late, 50) == "claim_lost"
    assert stored_files() == files
    assert explanations.note_progress(second, 60) == ""
    assert explanations.finish(second, DRAWN, {})
    explanation.refresh_from_db()
    assert (explanation.state, explanation.error) == (State.DONE, "")


def test_what_a_dead_worker_left_is_cleared_away_and_nothing_else(done: Diagnosis, ask: Any, stored_files: Any) -> None:
    from django.core.files.base import ContentFile
    from django.core.files.storage import default_storage

    explanation = ask()
    take(explanation)
    left = default_storage.save(f"{heatmap_folder(done)}/{explanation.pk}-1-saliency-mi-layer.png", ContentFile(b"x"))
    before = stored_files() - {left}
    explanations.finish(take(explanation), DRAWN, {})
    assert left not in stored_files()
    assert before < stored_files()


def test_a_page_deleted_while_it_waited_is_not_explained(ask: Any, clinician: User) -> None:
    explanation = ask()
    deletion.delete(explanation.upload, clinician)
    assert explanations.claim(explanation.pk, task_id="one") is None
    explanation.refresh_from_db()
    assert (explanation.state, explanation.reason) == (State.FAILED, "upload_deleted")


def test_a_page_deleted_in_the_last_moment_gets_no_picture(ask: Any, clinician: User, stored_files: Any) -> None:
    claimed = take(ask())
    deletion.delete(claimed.upload, clinician)
    files = stored_files()
    assert explanations.finish(claimed, DRAWN, {}) is False
    claimed.refresh_from_db()
    assert (claimed.state, claimed.reason) == (State.FAILED, "upload_deleted")
    assert stored_files() == files
    assert Heatmap.objects.count() == 1


def test_erasing_a_page_takes_its_explanations_along(
    ask: Any, clinician: User, administrator: User, stored_files: Any
) -> None:
    claimed = take(ask())
    explanations.finish(claimed, DRAWN, {})
    deletion.delete(claimed.upload, clinician)
    deletion.erase(claimed.upload, administrator)
    assert not Explanation.objects.exists()
    assert stored_files() == set()


def test_the_sweep_brings_back_what_was_lost_pages_first(
    ask: Any, sent: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    explanation = ask()
    take(explanation)
    Explanation.objects.update(leased_until=timezone.now() - timedelta(seconds=1))
    order: list[str] = []
    monkeypatch.setattr(pipeline, "sweep", lambda: order.append("pages"))
    monkeypatch.setattr(tasks.explain, "apply_async", lambda args, **_: order.append(args[0]))
    tasks.sweep()
    assert order == ["pages", str(explanation.pk)]
    explanation.refresh_from_db()
    assert (explanation.state, explanation.attempts) == (State.QUEUED, 1)


# --- A method at work -----------------------------------------------------------------------------


class Clock:
    """Time that passes when told to."""

    now = 100.0

    def monotonic(self) -> float:
        return self.now


class StandIn:
    """Where a loaded network would be; the real one has its tests in tests/ml and tests/services."""

    def __init__(self, work: Callable[[Callable[[float], None]], None] = lambda progress: None) -> None:
        self.work = work
        self.asked: list[Any] = []

    def explain(self, page: Any, method: str, *, label: str, progress: Callable[[float], None]) -> Any:
        from ml.explain.explainer import Explanation as Made

        self.asked.append((method, label))
        self.work(progress)
        heat = np.zeros((4, 4), np.float32)
        return Made(method, label, Crop(0, 0, page.shape[1], page.shape[0]), heat, {"local_r2": 0.9})


@pytest.fixture
def at_work(monkeypatch: pytest.MonkeyPatch) -> Callable[..., StandIn]:
    def put(work: Callable[[Callable[[float], None]], None] = lambda progress: None) -> StandIn:
        explainer = StandIn(work)
        monkeypatch.setattr(explaining.worker, "explainer_for", lambda version: explainer)
        return explainer

    return put


def test_the_row_hears_of_progress_about_once_a_second(ask: Any, at_work: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, written = Clock(), []
    monkeypatch.setattr(explaining, "time", clock)
    noted = explanations.note_progress
    monkeypatch.setattr(explanations, "note_progress", lambda row, share: written.append(share) or noted(row, share))

    def work(progress: Callable[[float], None]) -> None:
        for step in range(100):
            clock.now += 0.1
            progress(step / 99)

    explanation = ask()
    at_work(work)
    explaining.explain(str(explanation.pk), task_id="one")
    assert 9 <= len(written) <= 12
    assert written == sorted(written)
    explanation.refresh_from_db()
    assert (explanation.state, explanation.progress) == (State.DONE, 100)
    assert explanation.details == {"local_r2": 0.9, "found_evidence": False}


def test_the_method_and_class_of_the_row_are_what_is_computed_once(ask: Any, at_work: Any) -> None:
    explanation, explainer = ask("lime", "normal"), at_work()
    explaining.explain(str(explanation.pk), task_id="one")
    explaining.explain(str(explanation.pk), task_id="one")
    assert explainer.asked == [("lime", "normal")]


def test_a_method_stops_when_the_page_is_deleted_under_it(
    ask: Any, at_work: Any, clinician: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    explanation, clock = ask(), Clock()
    monkeypatch.setattr(explaining, "time", clock)

    def work(progress: Callable[[float], None]) -> None:
        deletion.delete(explanation.upload, clinician)
        clock.now += 2
        progress(0.5)
        pytest.fail("it went on")

    at_work(work)
    explaining.explain(str(explanation.pk), task_id="one")
    explanation.refresh_from_db()
    assert (explanation.state, explanation.reason) == (State.FAILED, "upload_deleted")


def test_a_model_whose_bundle_is_gone_explains_nothing(ask: Any, caplog: pytest.LogCaptureFixture) -> None:
    explanation = ask()
    with pytest.raises(BundleCorrupt):
        model_registry.load_explainer(explanation.diagnosis.model_version)
    explaining.explain(str(explanation.pk), task_id="one")
    explanation.refresh_from_db()
    assert (explanation.state, explanation.reason, explanation.attempts) == (State.FAILED, "model_gone", 1)
    assert "no longer installed" in explanation.message
    assert "cannot be used" in caplog.text


def test_an_unexpected_error_is_tried_again(ask: Any, at_work: Any, sent: list[str]) -> None:
    explanation = ask()

    def work(progress: object) -> None:
        raise RuntimeError("boom")

    at_work(work)
    explaining.explain(str(explanation.pk), task_id="one")
    explanation.refresh_from_db()
    assert (explanation.state, explanation.attempts) == (State.QUEUED, 1)
    assert "RuntimeError: boom" in explanation.error

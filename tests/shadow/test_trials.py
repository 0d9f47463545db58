"""A candidate model reads along, unseen, and is compared where clinicians have signed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Site, User
from diagnosis import deletion, intake
from diagnosis.models import Diagnosis
from diagnosis.review.models import Report
from diagnosis.shadow import reading, trials
from diagnosis.shadow.comparison import Share, compare, mcnemar
from diagnosis.shadow.models import ShadowReading, Trial
from ml.decode import encode_png
from ml.render import render_page
from ml.synthetic import synthetic_signals

Make = Callable[..., Any]


def sign(diagnosis: Diagnosis, user: User, verdict: str = "agree", label: str = "") -> Report:
    return Report.objects.create(
        diagnosis=diagnosis,
        author=user,
        signed_by=user,
        signed_at=timezone.now(),
        verdict=verdict,
        label=label,
        state=Report.State.SIGNED,
    )


def answer(one: ShadowReading, label: str, *, unsure: bool = False) -> None:
    ShadowReading.objects.filter(pk=one.pk).update(state="done", label=label, confidence=0.8, abstained=unsure)


def test_live_pages_are_followed_from_the_start_of_the_trial(take_in: Make, read: Make, reject: Make, trial: Trial):
    before, after = read(take_in(0)), read(take_in(1))
    Diagnosis.objects.filter(pk=before.pk).update(created_at=trial.started_at - timedelta(seconds=1))
    reject(take_in(2))
    take_in(3)

    assert trials.follow(trial) == 1
    assert trials.follow(trial) == 0
    assert trial.readings.get().diagnosis == after


def test_a_trial_may_leave_live_pages_alone(take_in: Make, read: Make, trial: Trial):
    trial.follows_live_pages = False
    read(take_in(0))

    assert trials.follow(trial) == 0


def test_the_pages_signed_last_are_read_whenever_they_came(take_in: Make, read: Make, trial: Trial, reviewer: User):
    trial.follows_live_pages, trial.reviewed_pages = False, 2
    diagnoses = [read(take_in(seed)) for seed in range(3)]
    for diagnosis in diagnoses:
        sign(diagnosis, reviewer)

    assert trials.follow(trial) == 2
    assert {one.diagnosis for one in trial.readings.all()} == set(diagnoses[1:])


def test_deleted_pages_are_not_read(take_in: Make, read: Make, trial: Trial, administrator: User):
    diagnosis = read(take_in(0))
    deletion.delete(diagnosis.upload, administrator)

    assert trials.follow(trial) == 0


def test_a_worker_reads_by_the_candidate_and_leaves_the_diagnosis_as_it_is(
    read: Make, trial: Trial, clinician: User, site: Site
):
    page = encode_png(render_page(synthetic_signals(seed=4), seed=4).image)
    upload = intake.accept(data=page, original_name="page.png", user=clinician, site=site).uploads[0]
    diagnosis = read(upload)
    trials.follow(trial)
    one = trial.readings.get()

    reading.read_along(str(one.pk), task_id="t")

    one.refresh_from_db()
    assert one.state == "done"
    assert sum(one.probabilities.values()) == pytest.approx(1)
    assert Diagnosis.objects.get(pk=diagnosis.pk).probabilities == diagnosis.probabilities


def test_a_page_that_the_candidate_refuses_counts_as_failed(take_in: Make, read: Make, trial: Trial):
    read(take_in(0))
    trials.follow(trial)
    one = trial.readings.get()

    reading.read_along(str(one.pk), task_id="t")

    one.refresh_from_db()
    assert (one.state, one.reason) == ("failed", "not_an_ecg_page")


def test_both_models_are_held_to_the_clinicians_class(take_in: Make, read: Make, trial: Trial, reviewer: User):
    rights = [read(take_in(seed)) for seed in range(3)]
    wrong = read(take_in(3))
    unreadable = read(take_in(4))
    for diagnosis in rights:
        sign(diagnosis, reviewer)
    sign(wrong, reviewer, "override", "normal")
    sign(unreadable, reviewer, "unreadable")
    trials.follow(trial)
    readings = {one.diagnosis_id: one for one in trial.readings.all()}
    answer(readings[rights[0].pk], "mi")
    answer(readings[rights[1].pk], "mi", unsure=True)
    answer(readings[wrong.pk], "normal")

    found = compare(trial)

    assert (found.pages, found.pending, found.failed) == (3, 1, 0)
    assert found.active.answers == Share(3, 3)
    assert found.active.right == Share(2, 3)
    assert found.candidate.answers == Share(2, 3)
    assert found.candidate.right == Share(2, 2)
    assert found.candidate.top == Share(3, 3)
    assert (found.only_active, found.only_candidate) == (0, 1)
    assert {(row.clinician, row.active, row.candidate) for row in found.differing} == {
        ("Myocardial infarction", "Myocardial infarction", "(Myocardial infarction)"),
        ("Normal", "Myocardial infarction", "Normal"),
    }


def test_intervals_and_test_as_in_the_textbook():
    low, high = Share(8, 10).interval or (0, 0)

    assert (round(low, 3), round(high, 3)) == (0.490, 0.943)
    assert Share(0, 0).interval is None
    assert mcnemar(0, 0) is None
    assert mcnemar(1, 9) == pytest.approx(0.0215, abs=1e-4)
    assert mcnemar(5, 5) == 1


def test_an_administrator_starts_a_trial_and_sees_the_comparison_before_activating(
    signed_in: Make, administrator: User, candidate: Any, take_in: Make, read: Make, reviewer: User
):
    sign(read(take_in(0)), reviewer)
    browser = signed_in(administrator)
    form = {"model_version": candidate.pk, "follows_live_pages": "on", "reviewed_pages": 50}

    assert browser.post("/admin/shadow/trial/add/", form).status_code == 302

    trial = Trial.objects.get()
    assert (trial.started_by, trial.readings.count()) == (administrator, 1)
    answer(trial.readings.get(), "mi")
    page = browser.get(f"/admin/shadow/trial/{trial.pk}/change/").content.decode()
    assert "1 of 1" in page
    ask = {"action": "activate", "_selected_action": [candidate.pk]}
    asked = browser.post("/admin/diagnosis/modelversion/", ask).content.decode()
    assert "Most probable class right" in asked
    assert 'class="card-text"' in asked


@pytest.mark.parametrize("who", ["clinician", "reviewer", "api_client_user"])
def test_nobody_else_sees_what_a_candidate_says(
    request: pytest.FixtureRequest, signed_in: Make, take_in: Make, read: Make, trial: Trial, who: str
):
    diagnosis = read(take_in(0))
    trials.follow(trial)
    answer(trial.readings.get(), "history_mi")
    browser: Client = signed_in(request.getfixturevalue(who))

    assert browser.get("/admin/shadow/trial/").status_code in (302, 403)
    result = browser.get(f"/api/v1/diagnoses/{diagnosis.pk}/").content.decode()
    assert "shadow" not in result
    assert str(trial.model_version.sha256) not in result

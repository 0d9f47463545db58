"""Nothing that comes in gets lost, and nothing is diagnosed twice: with real processes that are really killed."""

from __future__ import annotations

import os
import signal
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from tests.diagnosis.files import encoded
from tests.services.installation import Installation, PrivateRedis, wait_for

MakePage = Callable[[], bytes]


@pytest.fixture(
    params=[
        "embedded",
        pytest.param("on_redis", marks=pytest.mark.services),
        pytest.param("on_rabbitmq", marks=pytest.mark.services),
    ]
)
def isoline(request: pytest.FixtureRequest) -> Installation:
    """A running installation on each broker."""
    installation: Installation = request.getfixturevalue(request.param)
    if "worker" not in installation.processes:
        installation.start_worker()
    return installation


def is_done_once(isoline: Installation, key: str, *, attempts: int) -> bool:
    row = isoline.row(key)
    assert (row.state, row.heatmaps, row.reason) == ("done", 1, "")
    # Two pictures of the heatmap, the signals and their drawing; nothing of an attempt that was lost.
    # The measurements follow the answer.
    wait_for(lambda: isoline.diagnosis(key)["measurements"], within_s=90)
    kinds = sorted(name.rsplit("-", 1)[-1] for name in isoline.stored_files(key))
    assert kinds == ["layer.png", "leads.json.gz", "overlay.jpg", "traces.svgz"]
    assert row.attempts == attempts
    return True


def test_a_page_becomes_a_diagnosis(isoline: Installation, make_page: MakePage) -> None:
    key = isoline.upload(make_page())
    result = isoline.wait_until(key, "done")
    assert sum(result["probabilities"].values()) == pytest.approx(1, abs=1e-4)
    assert result["model"]["sha256"]
    assert result["crop"]["width"] > 0.5 * result["upload"]["width"]
    assert is_done_once(isoline, key, attempts=1)


def test_a_message_delivered_again_after_the_end_changes_nothing(isoline: Installation, make_page: MakePage) -> None:
    key, task_id = isoline.upload(make_page()), uuid.uuid4().hex
    isoline.send_task(key, task_id=task_id)
    isoline.send_task(key, task_id=task_id)
    before = isoline.wait_until(key, "done")
    # A page behind them shows that the queue has come past the copies.
    isoline.wait_until(isoline.upload(make_page()), "done")
    assert isoline.diagnosis(key) == before
    assert is_done_once(isoline, key, attempts=1)


def test_a_child_killed_in_mid_task_costs_an_attempt_and_no_page(isoline: Installation, make_page: MakePage) -> None:
    key = isoline.upload(make_page(), note="hold")
    child, _ = isoline.wait_until_held(key)
    os.kill(child, signal.SIGKILL)
    isoline.wait_until(key, "done")
    assert is_done_once(isoline, key, attempts=2)


def test_a_whole_worker_killed_in_mid_task_loses_no_page(isoline: Installation, make_page: MakePage) -> None:
    key = isoline.upload(make_page(), note="hold")
    isoline.wait_until_held(key)
    isoline.kill("worker")
    waiting = isoline.upload(make_page())
    isoline.start_worker()
    isoline.wait_until(waiting, "done")
    isoline.wait_until(key, "done")
    assert is_done_once(isoline, key, attempts=2)
    assert is_done_once(isoline, waiting, attempts=1)


# What follows is between a worker and its child or the database; the broker has no part in it.
on_one_broker = pytest.mark.parametrize("isoline", ["embedded"], indirect=True)


@on_one_broker
def test_a_page_that_takes_too_long_is_tried_again(isoline: Installation, make_page: MakePage) -> None:
    key = isoline.upload(make_page(), note="hold")
    isoline.wait_until_held(key)
    isoline.wait_until(key, "done")
    assert is_done_once(isoline, key, attempts=2)
    assert "SoftTimeLimitExceeded" in isoline.row(key).error


@pytest.mark.services
def test_a_page_that_sits_in_native_code_is_taken_away_from_its_child(
    on_redis: Installation, make_page: MakePage
) -> None:
    key = on_redis.upload(make_page(), note="stuck")
    on_redis.wait_until(key, "done")
    assert is_done_once(on_redis, key, attempts=2)


def test_a_picture_that_is_no_ecg_is_rejected_at_once(isoline: Installation) -> None:
    result = isoline.wait_until(isoline.upload(encoded("PNG", uuid.uuid4().int % 10**6)), "rejected")
    assert result["reason"] == "not_an_ecg_page"
    assert result["model"]["sha256"]


@pytest.mark.services
def test_a_page_that_crashes_the_reader_each_time_fails_and_the_queue_goes_on(
    on_redis: Installation, make_page: MakePage
) -> None:
    fatal = on_redis.upload(make_page(), note="crash")
    harmless = on_redis.upload(make_page())
    result = on_redis.wait_until(fatal, "failed", within_s=120)
    assert (result["reason"], on_redis.row(fatal).attempts) == ("worker_lost", 3)
    assert "Scan or export the page again" in result["message"]
    on_redis.wait_until(harmless, "done")


@pytest.mark.services
def test_a_broker_that_is_away_at_upload_loses_no_page(
    on_redis: Installation, private_redis: PrivateRedis, make_page: MakePage
) -> None:
    private_redis.stop()
    try:
        started = time.monotonic()
        key = on_redis.upload(make_page())
        took_s = time.monotonic() - started
        assert on_redis.diagnosis(key)["status"] == "queued"
        assert on_redis.row(key).sent_count == 0
        assert took_s < 5
    finally:
        private_redis.start()
    on_redis.wait_until(key, "done", within_s=90)
    assert is_done_once(on_redis, key, attempts=1)


@pytest.mark.services
def test_the_same_message_in_two_workers_at_once_makes_one_diagnosis(
    on_redis: Installation, make_page: MakePage
) -> None:
    on_redis.start_worker("second", queues="diagnose")
    try:
        key = on_redis.upload(make_page(), note="hold")
        _, task_id = on_redis.wait_until_held(key)
        # Another task for the page while it is being read: nothing to do for it.
        on_redis.send_task(key)
        on_redis.wait_until(on_redis.upload(make_page()), "done")
        assert (on_redis.row(key).state, on_redis.row(key).attempts) == ("running", 1)
        # The very task, as a broker sends it again that takes its worker for dead.
        on_redis.send_task(key, task_id=task_id)
        on_redis.wait_until(key, "done")
        before = on_redis.diagnosis(key)
        on_redis.release(key)
        wait_for_the_late_one(on_redis, key)
        assert on_redis.diagnosis(key) == before
        assert is_done_once(on_redis, key, attempts=2)
    finally:
        on_redis.kill("second")


@pytest.mark.services
def test_an_explanation_survives_its_worker_and_keeps_no_page_waiting(
    on_redis: Installation, make_page: MakePage
) -> None:
    key = on_redis.upload(make_page())
    on_redis.wait_until(key, "done")
    on_redis.start_explainer()
    try:
        asked = on_redis.ask_for_explanation(key, "saliency")["id"]
        wait_for(lambda: explanation_in(on_redis, asked, "running"), within_s=90)
        child = on_redis.child_of("explainer")
        os.kill(child, signal.SIGSTOP)
        # A page that comes now is read beside it.
        on_redis.wait_until(on_redis.upload(make_page()), "done")
        assert explanation_in(on_redis, asked, "running")

        os.kill(child, signal.SIGKILL)
        made = wait_for(lambda: explanation_in(on_redis, asked, "done"), within_s=140)
    finally:
        on_redis.kill("explainer")
    assert (made["progress"], made["heatmap"]["method"]) == (100, "saliency")
    said = [line for line in on_redis.log("explainer").splitlines() if f"Explanation {asked}" in line]
    assert any("done  after 2 attempt(s)" in line for line in said), said
    assert [heatmap["method"] for heatmap in on_redis.diagnosis(key)["heatmaps"]] == ["trace_relevance", "saliency"]
    assert len(on_redis.stored_files(key)) == 6


def explanation_in(isoline: Installation, key: str, state: str) -> dict[str, Any] | None:
    found = isoline.explanation(key)
    assert found["status"] != "failed", found
    return found if found["status"] == state else None


def wait_for_the_late_one(isoline: Installation, key: str) -> None:
    lost = f"Diagnosis {key}: attempt 1 lost its claim"
    wait_for(lambda: lost in isoline.log("worker") + isoline.log("second"), within_s=90)


@on_one_broker
def test_another_active_model_is_loaded_without_a_restart(isoline: Installation, make_page: MakePage) -> None:
    first = isoline.wait_until(isoline.upload(make_page()), "done")["model"]["sha256"]
    changed = isoline.folder / "changed_bundle"
    isoline.run(
        "import json, shutil\n"
        "from django.conf import settings\n"
        f"folder = shutil.copytree(settings.ISOLINE_BUNDLE, {str(changed)!r}, dirs_exist_ok=True)\n"
        f"manifest = json.load(open(folder + '/bundle.json'))\n"
        "json.dump(manifest | {'version': 'changed'}, open(folder + '/bundle.json', 'w'))\n"
    )
    isoline.manage("register_model", str(changed), "--activate")
    try:
        model = isoline.wait_until(isoline.upload(make_page()), "done")["model"]
        assert (model["version"], model["sha256"] == first) == ("changed", False)
        (changed / "model.keras").write_bytes(b"damaged")
    finally:
        isoline.manage("register_model", "--activate")
    assert isoline.wait_until(isoline.upload(make_page()), "done")["model"]["sha256"] == first

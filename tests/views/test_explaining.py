"""The choice of method and class beside the page: with scripts in parts, without them as whole pages."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from diagnosis import explanations, tracing_files
from diagnosis.heatmap_files import DrawnHeatmap
from diagnosis.models import Diagnosis, Explanation, ModelVersion, Upload
from tests.views.pictures import picture

HTMX = {"HX-Request": "true"}


@pytest.fixture
def done(take_in: Callable[..., Upload], read: Callable[..., Diagnosis]) -> Diagnosis:
    return read(take_in(1), tracing=tracing_files.Drawn({"reason": "no_traces"}))


@pytest.fixture
def path(done: Diagnosis) -> str:
    return reverse("diagnosis:explain", kwargs={"pk": done.pk})


def running(diagnosis: Diagnosis, progress: int) -> Explanation:
    claimed = explanations.claim(diagnosis.explanations.get().pk, task_id="one")
    assert claimed is not None
    explanations.note_progress(claimed, progress)
    return claimed


def finish(claimed: Explanation, **details: Any) -> None:
    drawn = DrawnHeatmap(claimed.method, claimed.label, layer=picture(98), overlay=picture(99))
    assert explanations.finish(claimed, drawn, details)


def text_of(response: Any) -> str:
    return str(response.content.decode())


def test_the_result_page_shows_the_heatmap_of_the_reading_and_offers_others(browser: Client, done: Diagnosis) -> None:
    text = text_of(browser.get(done.get_absolute_url()))
    assert re.findall(r'<option value="(\w+)" selected', text) == ["grad_cam", "mi"]
    assert reverse("diagnosis:heat_layer", args=[done.heatmaps.get().pk]) in text
    assert "Compute" not in text
    assert "not yet tested" in text


def test_another_choice_brings_a_button_and_takes_the_heat_away(browser: Client, path: str, done: Diagnosis) -> None:
    response = browser.get(path, {"method": "lime", "label": "normal"}, headers=HTMX)
    text = text_of(response)
    assert "Compute" in text
    assert 'hx-swap-oob="innerHTML:#stage-layers"' in text
    assert "heat-layer" not in text
    assert response.headers["HX-Replace-Url"] == f"{done.get_absolute_url()}?method=lime&label=normal"
    assert not Explanation.objects.exists()


def test_a_request_is_followed_until_the_heat_is_there(browser: Client, path: str, done: Diagnosis) -> None:
    wanted = {"method": "lime", "label": "normal"}
    text = text_of(browser.post(path, wanted, headers=HTMX))
    assert "seen=queued" in text
    claimed = running(done, 42)
    text = text_of(browser.get(path, {**wanted, "seen": "queued"}, headers=HTMX))
    assert "Computing" in text
    assert "seen=running" in text
    text = text_of(browser.get(path, {**wanted, "seen": "running"}, headers=HTMX))
    assert re.search(r'<progress id="explain-progress"[^>]*value="42"[^>]*hx-swap-oob', text)
    assert "Computing" not in text
    finish(claimed)
    response = browser.get(path, {**wanted, "seen": "running"}, headers=HTMX)
    text = text_of(response)
    assert reverse("diagnosis:heat_layer", args=[claimed.diagnosis.heatmaps.last().pk]) in text
    assert "seen=" not in text
    assert "HX-Replace-Url" not in response.headers


def test_without_scripts_the_choice_is_in_the_address_and_the_page_reloads_itself(
    browser: Client, path: str, done: Diagnosis
) -> None:
    response: Any = browser.post(path, {"method": "lime", "label": "normal"})
    assert response.url == f"{done.get_absolute_url()}?method=lime&label=normal"
    text = text_of(browser.get(response.url))
    assert "Waiting…" in text
    assert 'http-equiv="refresh"' in text
    finish(running(done, 1))
    text = text_of(browser.get(response.url))
    assert re.findall(r'<option value="(\w+)" selected', text) == ["lime", "normal"]
    assert reverse("diagnosis:heat_layer", args=[done.heatmaps.last().pk]) in text
    assert 'http-equiv="refresh"' not in text


def test_a_failure_says_why_and_offers_another_try(browser: Client, path: str, done: Diagnosis) -> None:
    browser.post(path, {"method": "lime"}, headers=HTMX)
    explanations.fail(running(done, 1), "timed_out", "Traceback: the secret path", final=True)
    text = text_of(browser.get(path, {"method": "lime"}, headers=HTMX))
    assert "took too long" in text
    assert "Try again" in text
    assert "secret path" not in text
    browser.post(path, {"method": "lime"}, headers=HTMX)
    assert done.explanations.count() == 2


@pytest.mark.parametrize(
    ("verdict", "words"),
    [(False, "stays partly the same without what the network learned"), (True, "Passed the randomisation check")],
)
def test_the_verdict_on_a_method_is_plain_to_see(
    browser: Client, done: Diagnosis, path: str, model: ModelVersion, verdict: bool, words: str
) -> None:
    ModelVersion.objects.filter(pk=model.pk).update(explanations={"lime": {"passes_randomisation": verdict}})
    assert words in text_of(browser.get(path, {"method": "lime"}, headers=HTMX))
    assert words not in text_of(browser.get(path, {"method": "saliency"}, headers=HTMX))
    choices = text_of(browser.get(done.get_absolute_url()))
    assert ("LIME – failed the randomisation check" in choices) is not verdict


def test_a_map_that_says_little_says_so(browser: Client, path: str, done: Diagnosis) -> None:
    browser.post(path, {"method": "lime"}, headers=HTMX)
    finish(running(done, 1), local_r2=0.2, found_evidence=False)
    text = text_of(browser.get(path, {"method": "lime"}, headers=HTMX))
    assert "fits the network poorly" in text
    assert "found no evidence" in text


def test_nonsense_in_the_address_shows_the_reading_s_own_heatmap(browser: Client, done: Diagnosis) -> None:
    text = text_of(browser.get(done.get_absolute_url(), {"method": "<b>", "label": "gout"}))
    assert re.findall(r'<option value="(\w+)" selected', text) == ["grad_cam", "mi"]


def test_nothing_is_explained_before_the_page_is_read(
    browser: Client, take_in: Callable[..., Upload], model: ModelVersion
) -> None:
    waiting = take_in(2).diagnoses.get()
    assert "explain-method" not in text_of(browser.get(waiting.get_absolute_url()))
    response: Any = browser.post(reverse("diagnosis:explain", kwargs={"pk": waiting.pk}), {"method": "lime"})
    assert "Wait until its reading is done" in text_of(browser.get(response.url))


def test_too_many_requests_are_told_in_place(browser: Client, path: str, settings: Any) -> None:
    settings.ISOLINE_MAX_WAITING_EXPLANATIONS = 0
    assert "still waiting" in text_of(browser.post(path, {"method": "lime"}, headers=HTMX))
    assert not Explanation.objects.exists()


def test_strangers_neither_see_nor_ask(
    signed_in: Callable[[User], Client], other_clinician: User, path: str, done: Diagnosis
) -> None:
    stranger = signed_in(other_clinician)
    assert stranger.get(path, headers=HTMX).status_code == 404
    assert stranger.post(path, {"method": "lime"}, headers=HTMX).status_code == 404
    assert not Explanation.objects.exists()

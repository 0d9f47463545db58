"""The result page in each state, and the fragment that keeps it live."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from diagnosis import pipeline, tracing_files
from diagnosis.models import Diagnosis, ModelVersion, Upload

Make = Callable[..., Diagnosis]


def page(client: Client, diagnosis: Diagnosis) -> str:
    return client.get(diagnosis.get_absolute_url()).content.decode()


def status(client: Client, diagnosis: Diagnosis, seen: str) -> str:
    path = reverse("diagnosis:result_status", kwargs={"pk": diagnosis.pk})
    return client.get(path, {"seen": seen}, headers={"HX-Request": "true"}).content.decode()


def headline(text: str) -> str:
    found = re.search(r'<h1 class="verdict-head[^>]*>(.*?)</h1>', text, re.DOTALL)
    assert found
    return re.sub(r"<[^>]+>|\s+", " ", found[1]).strip()


@pytest.fixture
def upload(take_in: Callable[..., Upload]) -> Upload:
    return take_in(1, patient_reference="P-1", note="first line\nsecond line")


def test_a_result_shows_its_answer_with_every_probability_in_order(browser: Client, upload: Upload, read: Make) -> None:
    text = page(browser, read(upload))
    assert headline(text) == "Myocardial infarction"
    shown = re.findall(r'data-label="(\w+)".*?class="bar-percent">(.*?)</td>', text, re.DOTALL)
    expected = [("mi", "72 %"), ("normal", "20 %"), ("history_mi", "7 %"), ("abnormal_heartbeat", "1 %")]
    assert shown == expected


def test_no_probability_is_shown_as_certain(browser: Client, upload: Upload, read: Make) -> None:
    sure = {"mi": 0.9999, "normal": 0.0001}
    text = page(browser, read(upload, probabilities=sure, confidence=0.9999))
    assert "&gt; 99 %" in text
    assert "&lt; 1 %" in text
    assert "100 %" not in text


def test_not_sure_never_names_a_class_as_the_answer(browser: Client, upload: Upload, read: Make) -> None:
    text = page(browser, read(upload, abstained=True))
    assert headline(text) == "Not sure"
    assert "is-answer" not in text
    assert "<title>Not sure" in text
    assert "72 %" in text


FROM_TRACES = {
    "answered_by": Diagnosis.Source.TRACES,
    "possible": ("mi", "normal"),
    "second_opinion": {"normal": 0.6, "mi": 0.4},
    "distance": 1.2,
}


def test_an_answer_from_the_traces_says_what_remains_possible_and_what_the_picture_says(
    browser: Client, upload: Upload, read: Make
) -> None:
    text = page(browser, read(upload, **FROM_TRACES))
    assert "<strong>Myocardial infarction or Normal</strong>" in text
    assert 'data-agrees="no"' in text
    assert "<strong>Normal</strong> (60 %)" in text
    agreeing = FROM_TRACES | {"second_opinion": {"mi": 0.9, "normal": 0.1}}
    again = pipeline.requeue(upload.diagnoses.get(), requested_by=upload.uploaded_by)
    assert again.upload_id == upload.pk
    assert "says the same (90 %)" in page(browser, read(upload, **agreeing))


def test_an_answer_from_the_picture_claims_neither(browser: Client, upload: Upload, read: Make) -> None:
    text = page(browser, read(upload, warnings=("traces_unread",)))
    assert 'id="possible"' not in text
    assert 'id="second-opinion"' not in text
    assert "less reliable" in text


def test_warnings_come_in_words(browser: Client, upload: Upload, read: Make) -> None:
    text = page(browser, read(upload, warnings=("grid_not_found",)))
    assert "No ECG grid was found" in text


def test_the_result_says_who_when_where_and_by_which_model(browser: Client, upload: Upload, read: Make) -> None:
    text = page(browser, read(upload))
    for words in ("P-1", "first line<br>second line", "page-1.png", "carla", "North Hospital", "custom_cnn 1.0.0"):
        assert words in text
    assert "c0ffee000000" in text
    assert upload.sha256[:12] in text
    assert "Research use only" in text


def test_the_layers_lie_in_page_coordinates(browser: Client, upload: Upload, read: Make) -> None:
    text = page(browser, read(upload))
    assert f'viewBox="0 0 {upload.width} {upload.height}"' in text
    assert '<rect x="20" y="30" width="240" height="150"' in text


def test_a_page_that_cannot_be_read_says_why_and_offers_another_upload(
    browser: Client, upload: Upload, reject: Make
) -> None:
    text = page(browser, reject(upload))
    assert headline(text) == "This page cannot be read"
    assert "does not look like an ECG page" in text
    assert "Upload another page" in text
    assert "Try again" not in text
    assert "heat-layer" not in text


def test_a_failure_can_be_tried_again_and_keeps_its_technical_side_to_itself(
    browser: Client, upload: Upload, fail: Make
) -> None:
    failed = fail(upload)
    text = page(browser, failed)
    assert headline(text) == "The reading failed"
    assert "secret path" not in text
    response: Any = browser.post(reverse("diagnosis:read_again", kwargs={"pk": failed.pk}))
    again = upload.diagnoses.exclude(pk=failed.pk).get()
    assert response.url == again.get_absolute_url()
    assert again.state == Diagnosis.State.QUEUED


def test_asking_twice_for_another_reading_makes_one(browser: Client, upload: Upload, fail: Make) -> None:
    path = reverse("diagnosis:read_again", kwargs={"pk": fail(upload).pk})
    browser.post(path)
    browser.post(path)
    assert upload.diagnoses.count() == 2


def test_another_reading_is_offered_where_another_model_is_active(
    browser: Client, upload: Upload, read: Make, model: ModelVersion
) -> None:
    done = read(upload)
    assert "Read again" not in page(browser, done)
    ModelVersion.objects.filter(pk=model.pk).update(is_active=False)
    ModelVersion.objects.create(name="newer", version="2", sha256="d" * 64, path="x", is_active=True)
    assert "Read again with the current model" in page(browser, done)


def test_other_readings_of_this_page_and_of_no_other_are_listed(
    browser: Client, upload: Upload, take_in: Any, fail: Make, read: Make
) -> None:
    failed = fail(upload)
    browser.post(reverse("diagnosis:read_again", kwargs={"pk": failed.pk}))
    done = read(upload)
    read(take_in(2))

    def listed(diagnosis: Diagnosis) -> list[str]:
        listing = page(browser, diagnosis).partition('<ul class="other-readings">')[2].partition("</ul>")[0]
        return re.findall(r'href="([^"]+)"', listing)

    assert listed(done) == [failed.get_absolute_url()]
    assert listed(failed) == [done.get_absolute_url()]


def test_the_neighbours_are_one_step_away(browser: Client, take_in: Any, read: Make) -> None:
    oldest, middle, newest = (read(take_in(seed)) for seed in (1, 2, 3))
    text = page(browser, middle)
    assert f'rel="prev" href="{newest.get_absolute_url()}"' in text
    assert f'rel="next" href="{oldest.get_absolute_url()}"' in text


def test_while_nothing_changes_the_poll_brings_only_the_next_poll(browser: Client, upload: Upload) -> None:
    text = status(browser, upload.diagnoses.get(), seen="queued")
    assert "hx-get" in text
    assert "hx-swap-oob" not in text


def test_a_change_brings_the_new_state_and_goes_on(
    browser: Client, upload: Upload, start: Callable[[Upload], Diagnosis]
) -> None:
    text = status(browser, start(upload), seen="queued")
    assert "Being read" in text
    assert "seen=running" in text


@pytest.mark.parametrize("end", ["read", "reject", "fail"])
def test_the_end_brings_the_result_and_no_further_poll(
    browser: Client, upload: Upload, end: str, request: pytest.FixtureRequest
) -> None:
    ended = request.getfixturevalue(end)(upload)
    text = status(browser, ended, seen="running")
    assert headline(text) == headline(page(browser, ended))
    assert f"<title>{headline(text)}" in text
    assert "result-poll" not in text


def test_polls_are_quick_at_first_and_slow_down(browser: Client, upload: Upload) -> None:
    delays = []
    for waited in (1, 10, 30, 120, 3600):
        upload.diagnoses.update(created_at=timezone.now() - timedelta(seconds=waited))
        found = re.search(r"load delay:(\d+)ms", status(browser, upload.diagnoses.get(), seen=""))
        assert found
        delays.append(int(found[1]))
    assert delays[0] <= 300
    assert delays == sorted(set(delays))


def test_a_long_wait_is_explained_once(browser: Client, upload: Upload) -> None:
    upload.diagnoses.update(created_at=timezone.now() - timedelta(minutes=1))
    reading = upload.diagnoses.get()
    assert "longer than usual" in status(browser, reading, seen="queued")
    assert "longer than usual" not in status(browser, reading, seen="queued-long")


def test_without_scripts_a_waiting_page_reloads_itself(browser: Client, upload: Upload, read: Make) -> None:
    assert 'http-equiv="refresh"' in page(browser, upload.diagnoses.get())
    assert 'http-equiv="refresh"' not in page(
        browser, read(upload, tracing=tracing_files.Drawn({"reason": "no_traces"}))
    )


def test_the_model_card_can_be_read(browser: Client, upload: Upload, read: Make, model: ModelVersion) -> None:
    path = reverse("diagnosis:model_card", kwargs={"pk": model.pk})
    assert path in page(browser, read(upload))
    ModelVersion.objects.filter(pk=model.pk).update(card="# What it is\n\n| a |\n|---|\n| b |\n\n<script>x</script>")
    text = browser.get(path).content.decode()
    assert "<h1>What it is</h1>" in text
    assert "<td>b</td>" in text
    assert "<script>x" not in text


MEASURED = {
    "regular": True,
    "beats_s": [],
    "values": [
        {"name": "heart_rate", "value": 104.2, "confidence": 0.9, "lead": None, "unit": "/min", "unusual": True},
        {"name": "qrs_axis", "value": -45.0, "confidence": 0.3, "lead": None, "unit": "deg", "unusual": True},
    ],
    "per_lead": [
        {"name": "st_j60", "value": 0.2, "confidence": 0.9, "lead": "V2", "unit": "mV", "unusual": False},
        {"name": "st_j60", "value": -0.001, "confidence": 0.9, "lead": "V3", "unit": "mV", "unusual": False},
    ],
}


def test_measurements_stand_beside_the_page_the_unusual_marked(browser: Client, upload: Upload, read: Make) -> None:
    sentence = {"code": "st_elevation", "text": "ST elevation <up>.", "values": {}, "unusual": True}
    values = {"measurements": MEASURED, "sentences": [sentence], "poor_leads": ["V3"], "layout": "4x2.5"}
    text = page(browser, read(upload, tracing=tracing_files.Drawn(values, {"leads": []}, "<svg/>")))
    assert "ST elevation &lt;up&gt;." in text
    assert "Read badly, so that values may be missing or wrong: V3." in text
    rows = dict(re.findall(r'<tr data-measured="(\w+)"(.*?)</tr>', text, re.DOTALL))
    assert "104 /min" in rows["heart_rate"]
    assert "unusual" in rows["heart_rate"]
    assert "uncertain" not in rows["heart_rate"]
    assert "−45°" in rows["qrs_axis"]
    assert "uncertain" in rows["qrs_axis"]
    assert re.search(r'<th scope="row">V2</th>.*?0\.20', text, re.DOTALL)
    assert "−0.00" not in text
    assert 'data-shows="traces-layer"' in text


def test_traces_that_were_not_read_say_why(browser: Client, upload: Upload, read: Make) -> None:
    text = page(browser, read(upload, tracing=tracing_files.Drawn({"reason": "scale_unknown"})))
    assert "Neither grid nor calibration pulse" in text
    assert "traces-layer" not in text
    assert "measured" not in re.sub(r"so nothing was measured", "", text)


def test_measurements_follow_the_answer_without_a_reload(browser: Client, upload: Upload, read: Make) -> None:
    diagnosis = read(upload)
    path = reverse("diagnosis:tracing", kwargs={"pk": diagnosis.pk})
    assert f'hx-get="{path}"' in page(browser, diagnosis)
    assert f'hx-get="{path}"' in browser.get(path).content.decode(), "not there yet: ask again"
    assert pipeline.add_tracing(diagnosis, tracing_files.Drawn({"measurements": MEASURED}, {"leads": []}, "<svg/>"))
    followed = browser.get(path).content.decode()
    assert 'data-measured="heart_rate"' in followed
    assert 'id="traces-layer"' in followed
    assert 'data-shows="traces-layer"' in followed
    assert "hx-get" not in followed


def test_a_reading_from_before_measurements_waits_for_none(browser: Client, upload: Upload, read: Make) -> None:
    diagnosis = read(upload)
    Diagnosis.objects.filter(pk=diagnosis.pk).update(finished_at=timezone.now() - timedelta(minutes=2))
    assert "Measuring on the traces" not in page(browser, diagnosis)

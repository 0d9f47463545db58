"""The traces of a page, from the worker's reading to the storage and out again."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from accounts.models import Site, User
from diagnosis import deletion, intake, pipeline, tracing_files
from diagnosis import reading as page_reading
from diagnosis.models import Diagnosis, Tracing, Upload
from ml import traces
from ml.decode import encode_png
from ml.page import Crop, find_ecg
from ml.predictor import Finding
from ml.render import render_page
from ml.synthetic import synthetic_signals

Files = Callable[[], set[str]]


@pytest.fixture(scope="module")
def page() -> Any:
    return render_page(synthetic_signals(seed=4, heart_rate_bpm=84.0, findings=["anterior_st_elevation"]), seed=4).image


def finding_on(page: Any) -> Finding:
    region = find_ecg(page)
    attribution = np.full((12, 12), 0.2, np.float32)
    return Finding("mi", 0.8, False, {"mi": 0.8, "normal": 0.2}, region.warnings, region.crop, attribution)


@pytest.fixture
def drawn(page: Any) -> tracing_files.Drawn:
    return page_reading._tracing(page, finding_on(page))


def test_a_page_is_measured_and_put_into_words(drawn: tracing_files.Drawn) -> None:
    values = {row["name"]: row["value"] for row in drawn.values["measurements"]["values"]}
    assert values["heart_rate"] == pytest.approx(84, abs=3)
    assert drawn.values["layout"] == "4x2.5"
    assert any(sentence["code"] == "st_elevation" for sentence in drawn.values["sentences"])
    assert drawn.leads is not None
    assert {stretch["name"] for stretch in drawn.leads["leads"]} >= {"I", "II", "V6"}
    assert drawn.layer.startswith("<svg")


def test_a_page_without_traces_says_why_and_keeps_its_diagnosis(queued: Diagnosis, claim: Any, reading: Any) -> None:
    blank = np.full((600, 900, 3), 250, np.uint8)
    drawn = page_reading._tracing(blank, finding_on(blank))
    claimed = claim(queued)
    assert pipeline.finish(claimed, reading())
    assert pipeline.add_tracing(claimed, drawn)
    tracing = Tracing.objects.get(diagnosis=queued)
    assert tracing.reason == "no_traces"
    assert not tracing.is_read
    with pytest.raises(FileNotFoundError):
        tracing_files.signals(tracing)


def test_a_defect_of_the_trace_reader_costs_the_traces_only(
    page: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def breaks(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr(page_reading, "traces_behind", breaks)
    assert page_reading._tracing(page, finding_on(page)).values == {"reason": "internal_error"}
    assert "a defect" in caplog.text


def test_signals_come_back_as_they_were_stored(
    queued: Diagnosis, claim: Any, reading: Any, drawn: tracing_files.Drawn
) -> None:
    claimed = claim(queued)
    pipeline.finish(claimed, reading())
    pipeline.add_tracing(claimed, drawn)
    tracing = Tracing.objects.get(diagnosis=queued)
    assert tracing_files.signals(tracing) == json.loads(json.dumps(drawn.leads))
    with tracing.layer.open("rb") as file:
        assert gzip.decompress(file.read()).decode() == drawn.layer


def test_a_worker_that_was_taken_for_dead_leaves_no_traces(
    queued: Diagnosis, claim: Any, reading: Any, drawn: tracing_files.Drawn, stored_files: Files
) -> None:
    claimed = claim(queued)
    Diagnosis.objects.filter(pk=queued.pk).update(claimed_by="another", attempts=2)
    before = stored_files()
    assert not pipeline.finish(claimed, reading())
    assert not pipeline.add_tracing(claimed, drawn)
    assert stored_files() == before
    assert not Tracing.objects.exists()


def test_traces_of_a_second_attempt_stay_when_the_first_is_cleared_away(
    queued: Diagnosis, claim: Any, reading: Any, drawn: tracing_files.Drawn, stored_files: Files
) -> None:
    claimed = claim(queued)
    Diagnosis.objects.filter(pk=queued.pk).update(attempts=2)
    claimed.attempts = 2
    assert pipeline.finish(claimed, reading())
    assert pipeline.add_tracing(claimed, drawn)
    tracing = Tracing.objects.get(diagnosis=queued)
    assert {tracing.leads.name, tracing.layer.name} <= stored_files()


def test_erasing_a_page_takes_its_traces_with_it(
    upload: Upload,
    queued: Diagnosis,
    claim: Any,
    reading: Any,
    drawn: tracing_files.Drawn,
    stored_files: Files,
    clinician: User,
    administrator: User,
) -> None:
    claimed = claim(queued)
    pipeline.finish(claimed, reading())
    pipeline.add_tracing(claimed, drawn)
    assert any(name.endswith("leads.json.gz") for name in stored_files())
    deletion.delete(upload, clinician)
    deletion.erase(upload, administrator)
    assert stored_files() == set()
    assert not Tracing.objects.exists()


def test_attention_falls_on_the_lead_where_the_heat_is(page: Any) -> None:
    leads = traces.read_traces(page).leads
    height, width = page.shape[:2]
    heat = np.zeros((height, width), np.float32)
    path = leads.leads["V5"].path
    heat[int(np.nanmin(path[:, 1])) : int(np.nanmax(path[:, 1])), int(path[0, 0]) : int(path[-1, 0])] = 1.0
    shares = traces.attention(leads, heat, Crop(0, 0, width, height))
    assert shares["V5"] > 0.7
    assert sum(shares.values()) <= 1.001
    assert traces.attention(leads, np.zeros((4, 4), np.float32), Crop(0, 0, width, height)) == {}


def test_measurements_that_a_dying_worker_left_undone_are_made_when_its_message_comes_back(
    site: Site, clinician: User, page: Any, claim: Any, reading: Any
) -> None:
    upload = intake.accept(data=encode_png(page), original_name="p.png", user=clinician, site=site).uploads[0]
    queued = upload.diagnoses.get()
    assert pipeline.finish(claim(queued, task_id="one"), reading())
    page_reading.read(str(queued.pk), task_id="one")
    tracing = Tracing.objects.get(diagnosis=queued)
    assert tracing.is_read
    page_reading.read(str(queued.pk), task_id="one")
    assert Tracing.objects.get(diagnosis=queued) == tracing


def test_two_workers_that_measure_one_page_leave_one_tracing(
    queued: Diagnosis, claim: Any, reading: Any, drawn: tracing_files.Drawn, stored_files: Files
) -> None:
    pipeline.finish(claim(queued), reading())
    queued.refresh_from_db()
    assert pipeline.add_tracing(queued, drawn)
    before = stored_files()
    assert not pipeline.add_tracing(queued, drawn)
    assert stored_files() == before


def test_measurements_of_a_page_erased_meanwhile_leave_nothing(
    upload: Upload,
    queued: Diagnosis,
    claim: Any,
    reading: Any,
    drawn: tracing_files.Drawn,
    stored_files: Files,
    clinician: User,
    administrator: User,
) -> None:
    pipeline.finish(claim(queued), reading())
    held = Diagnosis.objects.select_related("upload").get(pk=queued.pk)
    deletion.delete(upload, clinician)
    deletion.erase(upload, administrator)
    assert not pipeline.add_tracing(held, drawn)
    assert stored_files() == set()

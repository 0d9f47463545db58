"""The client of the documentation, run as it stands there against a live server; a thread stands in for the worker."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from accounts.models import Role, Site, User
from accounts.tokens import make_token
from diagnosis import pipeline
from diagnosis.models import Diagnosis, ModelVersion, Upload
from tests.diagnosis.files import encoded

CLIENT = Path(__file__).resolve().parents[2] / "docs" / "examples" / "client.py"
CLASSES = {"normal": 0.1, "abnormal_heartbeat": 0.05, "history_mi": 0.05, "mi": 0.8}


def read(claimed: Diagnosis, model: ModelVersion) -> None:
    if claimed.upload.original_name == "blank.png":
        pipeline.reject(claimed, "not_an_ecg_page", model_version=model)
        return
    picture = encoded("PNG")
    reading = pipeline.Reading(
        model_version=model,
        label="mi",
        confidence=0.8,
        abstained=False,
        probabilities=CLASSES,
        crop={"x": 1, "y": 2, "width": 300, "height": 200},
        heatmaps=(pipeline.DrawnHeatmap("grad_cam", "mi", layer=picture, overlay=picture),),
    )
    assert pipeline.finish(claimed, reading)


@pytest.fixture
def worker(transactional_db: None) -> Iterator[None]:
    """Carries every page that comes in through the pipeline, as a worker does, but knows its answers before."""
    model = ModelVersion.objects.create(
        name="test", version="1", sha256="a" * 64, path="nowhere", classes=list(CLASSES), is_active=True
    )
    stop = threading.Event()

    def work() -> None:
        try:
            while not stop.wait(0.1):
                for pk in Diagnosis.objects.filter(state="queued").values_list("pk", flat=True):
                    if claimed := pipeline.claim(pk, task_id="thread"):
                        read(claimed, model)
        finally:
            connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    yield
    stop.set()
    thread.join()


@pytest.fixture
def run(live_server: Any, worker: None, tmp_path: Path) -> Any:
    site = Site.objects.create(name="North Hospital")
    user = User.objects.create_user("gateway", role=Role.API_CLIENT)
    user.sites.add(site)
    scopes = ["uploads:write", "pages:read", "diagnoses:read"]
    _, token = make_token(user=user, name="x", wanted=scopes, days=1, made_by=user)

    def client(*files: Path, token: str = token) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(CLIENT), live_server.url, *map(str, files)]
        environment = {**os.environ, "ISOLINE_TOKEN": token}
        return subprocess.run(
            command, capture_output=True, text=True, timeout=120, check=False, cwd=tmp_path, env=environment
        )

    return client


def test_the_client_sends_pages_and_prints_what_was_read(run: Any, tmp_path: Path) -> None:
    page, blank = tmp_path / "page.png", tmp_path / "blank.png"
    page.write_bytes(encoded("PNG", 1))
    blank.write_bytes(encoded("PNG", 2))
    done = run(page, blank)
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert said[0] == "page.png, page 1: mi (80%)"
    assert said[1].startswith("blank.png, page 1: rejected: This does not look like an ECG page.")
    assert said[-1] == "1 pages have been read so far."
    assert (tmp_path / "page.grad_cam.jpg").read_bytes() == encoded("PNG")
    assert {upload.note for upload in Upload.objects.all()} == {"sent by client.py"}


def test_the_client_says_in_words_what_is_refused(run: Any, tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("no picture")
    refused = run(text)
    assert refused.returncode != 0
    assert "unsupported_type: This is not a JPEG" in refused.stderr
    assert "authentication_failed" in run(text, token="iso_" + "0" * 60).stderr

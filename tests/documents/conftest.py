"""Readings of a real page, made by the parts that make them in the house, and reports on them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from django.test import Client

from accounts.models import Site, User
from diagnosis import intake, pipeline, reading, tracing_files
from diagnosis.documents import rendering, requests
from diagnosis.documents.models import Document
from diagnosis.models import Diagnosis, ModelVersion, Upload
from diagnosis.review.models import Report
from ml.decode import decode
from ml.page import Crop
from tests.views.conftest import claim, model, nobody, signed_in  # noqa: F401

PAGE = Path(__file__).parents[2] / "static" / "examples" / "synthetic_ecg_page.png"
SIGNED_AT = dt.datetime(2026, 11, 21, 14, 3, tzinfo=dt.UTC)
PROBABILITIES = {"mi": 0.72, "normal": 0.2, "history_mi": 0.07, "abnormal_heartbeat": 0.01}


@cache
def page_bytes() -> bytes:
    return PAGE.read_bytes()


@cache
def measured() -> tracing_files.Drawn:
    """What the reader of traces says of the page; no network is needed for that."""
    return reading._tracing(decode(page_bytes()).pages[0], None)


@cache
def heat() -> pipeline.DrawnHeatmap:
    page = decode(page_bytes()).pages[0]
    spot = cv2.GaussianBlur(np.eye(60, 80, dtype=np.float32), (15, 15), 5)
    crop = Crop(40, 120, page.shape[1] - 80, page.shape[0] - 200)
    return reading.draw(page, method="grad_cam", label="mi", attribution=spot / spot.max(), crop=crop)


@pytest.fixture
def take_in(clinician: User, site: Site) -> Callable[..., Upload]:
    def accept(data: bytes | None = None, **fields: str) -> Upload:
        fields = {"original_name": "synthetic.png", "patient_reference": "P-417"} | fields
        return intake.accept(data=data or page_bytes(), user=clinician, site=site, **fields).uploads[0]

    return accept


@pytest.fixture
def read(model: ModelVersion, take_in: Callable[..., Upload]) -> Callable[..., Diagnosis]:  # noqa: F811
    """A page that has been read; ``tracing=None`` leaves it unmeasured."""

    def finish(*, tracing: tracing_files.Drawn | None = None, unmeasured: bool = False, **changes: Any) -> Diagnosis:
        claimed = claim(take_in())
        values: dict[str, Any] = {
            "model_version": model,
            "label": "mi",
            "confidence": PROBABILITIES["mi"],
            "abstained": False,
            "probabilities": PROBABILITIES,
            "possible": ["mi", "normal"],
            "warnings": ("unlike_training_pages",),
            "crop": {"x": 40, "y": 120, "width": 900, "height": 500},
            "heatmaps": [heat()],
        }
        assert pipeline.finish(claimed, pipeline.Reading(**(values | changes)))
        if not unmeasured:
            assert pipeline.add_tracing(claimed, tracing or measured())
        return Diagnosis.objects.get(pk=claimed.pk)

    return finish


@pytest.fixture
def done(read: Callable[..., Diagnosis]) -> Diagnosis:
    return read()


@pytest.fixture
def rejected(model: ModelVersion, take_in: Callable[..., Upload]) -> Diagnosis:  # noqa: F811
    claimed = claim(take_in())
    assert pipeline.reject(claimed, "not_an_ecg_page", model_version=model)
    return Diagnosis.objects.get(pk=claimed.pk)


Sign = Callable[..., Report]


@pytest.fixture
def sign(clinician: User) -> Sign:
    """A report as it is once signed; an earlier one of the same reading becomes amended."""

    def make(diagnosis: Diagnosis, **fields: Any) -> Report:
        version = diagnosis.reports.count() + 1
        diagnosis.reports.filter(state=Report.State.SIGNED).update(state=Report.State.AMENDED)
        values: dict[str, Any] = {
            "diagnosis": diagnosis,
            "version": version,
            "state": Report.State.SIGNED,
            "verdict": Report.Verdict.AGREE,
            "label": diagnosis.label,
            "author": clinician,
            "signed_by": clinician,
            "signed_at": SIGNED_AT + dt.timedelta(hours=version),
            "signed_with": Report.Proof.PASSWORD,
        }
        return Report.objects.create(**(values | fields))

    return make


@pytest.fixture
def made() -> Callable[..., Document]:
    """Request a document and let the worker's part run."""

    def make(diagnosis: Diagnosis, by: User, **wanted: Any) -> Document:
        document = requests.request(diagnosis, requested_by=by, **wanted)
        rendering.render(str(document.pk), task_id="a-task")
        return Document.objects.get(pk=document.pk)

    return make


@pytest.fixture
def browser(signed_in: Callable[[User], Client], clinician: User) -> Client:  # noqa: F811
    return signed_in(clinician)

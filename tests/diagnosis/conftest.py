"""Pages at a site, and readings in every state, made by the parts that make them in production."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings

from accounts.models import Site, User
from diagnosis import intake, pipeline
from diagnosis.models import Diagnosis, ModelVersion, Upload
from tests.diagnosis.files import encoded

CLASSES = ["normal", "abnormal_heartbeat", "history_mi", "mi"]


@pytest.fixture
def model(db: None) -> ModelVersion:
    return ModelVersion.objects.create(
        name="test_model", version="1", sha256="a" * 64, path="nowhere", classes=CLASSES, is_active=True
    )


@pytest.fixture
def upload(clinician: User, site: Site) -> Upload:
    return intake.accept(data=encoded("PNG"), original_name="page.png", user=clinician, site=site).uploads[0]


@pytest.fixture
def queued(upload: Upload) -> Diagnosis:
    return upload.diagnoses.get()


@pytest.fixture
def claim() -> Callable[..., Diagnosis]:
    def take(diagnosis: Diagnosis, *, task_id: str = "") -> Diagnosis:
        claimed = pipeline.claim(diagnosis.pk, task_id=task_id or uuid.uuid4().hex)
        assert claimed is not None
        return claimed

    return take


@pytest.fixture
def reading(model: ModelVersion) -> Callable[..., pipeline.Reading]:
    def make(**changes: Any) -> pipeline.Reading:
        values: dict[str, Any] = {
            "model_version": model,
            "label": "mi",
            "confidence": 0.8,
            "abstained": False,
            "probabilities": {"normal": 0.1, "abnormal_heartbeat": 0.05, "history_mi": 0.05, "mi": 0.8},
            "crop": {"x": 1, "y": 2, "width": 300, "height": 200},
            "warnings": ("grid_not_found",),
            "heatmaps": (pipeline.DrawnHeatmap("grad_cam", "mi", layer=b"layer", overlay=b"overlay"),),
        }
        return pipeline.Reading(**(values | changes))

    return make


@pytest.fixture
def stored_files(settings: Any) -> Callable[[], set[str]]:
    """Every file in the media folder, relative to it."""

    def names() -> set[str]:
        root = Path(django_settings.MEDIA_ROOT)
        return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}

    return names

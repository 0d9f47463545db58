"""What a worker makes of INFERENCE_BACKEND."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from diagnosis import model_registry

if TYPE_CHECKING:
    from pytest_django.fixtures import SettingsWrapper

    from ml.bundle import BundleManifest

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.mark.django_db
def test_a_worker_serves_through_the_backend_of_its_settings(settings: SettingsWrapper, exported: Path) -> None:
    version = model_registry.register(exported)
    assert model_registry.load(version).backend == "tensorflow"
    settings.INFERENCE_BACKEND = "litert"
    assert model_registry.load(version).backend == "litert"


@pytest.mark.django_db
def test_where_a_backend_cannot_serve_tensorflow_does_and_the_log_says_why(
    settings: SettingsWrapper, small: BundleManifest, caplog: pytest.LogCaptureFixture
) -> None:
    settings.INFERENCE_BACKEND = "onnx"
    with caplog.at_level(logging.ERROR, logger="diagnosis"):
        predictor = model_registry.load(model_registry.register(small.folder))
    assert predictor.backend == "tensorflow"
    assert "INFERENCE_BACKEND=onnx cannot serve" in caplog.text
    assert "python -m ml export" in caplog.text


def test_an_unknown_backend_stops_the_start(tmp_path: Path) -> None:
    variables = {"DJANGO_SETTINGS_MODULE": "ecgsite.settings.local", "ISOLINE_DATA_DIR": str(tmp_path)}
    result = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=REPOSITORY,
        env=os.environ | variables | {"INFERENCE_BACKEND": "torch"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode != 0
    assert "INFERENCE_BACKEND is 'torch': set it to one of tensorflow, onnx, litert, fastest." in result.stderr

"""Pages in every state, and a candidate model."""

from __future__ import annotations

from pathlib import Path

import pytest

from accounts.models import User
from diagnosis import model_registry
from diagnosis.models import ModelVersion
from diagnosis.shadow.models import Trial
from ml.bundle import PICTURE_BUNDLE
from tests.views.conftest import browser, model, read, reject, signed_in, take_in

__all__ = ["browser", "model", "read", "reject", "signed_in", "take_in"]


@pytest.fixture
def candidate(model: ModelVersion) -> ModelVersion:
    """A real bundle, registered beside the active model."""
    return model_registry.register(Path(PICTURE_BUNDLE))


@pytest.fixture
def trial(candidate: ModelVersion, administrator: User) -> Trial:
    return Trial.objects.create(model_version=candidate, started_by=administrator)

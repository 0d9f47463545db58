"""Patients with pages over time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Site, User
from diagnosis import intake, tracing_files
from diagnosis.models import Diagnosis, Upload
from tests.api.conftest import sign_in  # noqa: F401
from tests.views.conftest import browser, colleague, fail, model, nobody, read, signed_in, take_in  # noqa: F401
from tests.views.pictures import picture


def drawn(**values: float) -> tracing_files.Drawn:
    """A tracing on which these were measured."""
    measured = [
        {"name": name, "value": value, "confidence": 0.9, "unusual": name == "qrs_duration", "lead": None}
        for name, value in values.items()
    ]
    fields: dict[str, Any] = {
        "layout": "4x2.5",
        "measurements": {"values": measured, "per_lead": []},
        "sentences": [
            {"code": "heart_rate", "text": "", "values": {"heart_rate": values["heart_rate"]}, "unusual": False}
        ],
    }
    return tracing_files.Drawn(fields, {"leads": []}, "<svg/>")


@pytest.fixture
def over_time(take_in: Callable[..., Upload], read: Callable[..., Diagnosis]) -> list[Diagnosis]:  # noqa: F811
    """Three pages of P-1, oldest first, uploaded in another order; the middle one was not measured."""
    tracings = [
        drawn(heart_rate=70, qrs_duration=92, qrs_axis=170),
        None,
        drawn(heart_rate=85.4, qrs_duration=118, qrs_axis=-170, qtc_fridericia=430),
    ]
    made: dict[int, Diagnosis] = {}
    for place in (1, 0, 2):
        upload = take_in(place + 1, patient_reference="P-1")
        Upload.objects.filter(pk=upload.pk).update(created_at=timezone.now() - timedelta(days=30 - 10 * place))
        made[place] = read(Upload.objects.get(pk=upload.pk), tracing=tracings[place])
    return [made[place] for place in range(3)]


@pytest.fixture
def elsewhere(other_clinician: User, other_site: Site) -> Upload:
    """The same reference at another site: another patient."""
    return intake.accept(
        data=picture(50), original_name="x.png", user=other_clinician, site=other_site, patient_reference="P-1"
    ).uploads[0]

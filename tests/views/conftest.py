"""Pages in every state, made by the parts that make them in the house, and somebody to look at them."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from accounts.models import Role, Site, User
from diagnosis import intake, pipeline, tracing_files
from diagnosis.models import Diagnosis, ModelVersion, Upload
from tests.views.pictures import picture

PROBABILITIES = {"mi": 0.72, "normal": 0.2, "history_mi": 0.07, "abnormal_heartbeat": 0.01}
SignIn = Callable[[User], Client]


class ReadingClient(Client):
    """Reads what is streamed to its end, as a browser does; it is in ``body`` then."""

    def request(self, **request: Any) -> Any:
        response: Any = super().request(**request)
        response.body = b"".join(response) if response.streaming else response.content
        return response


@pytest.fixture
def colleague(site: Site) -> User:
    """A clinician of the same site as ``clinician``."""
    user = User.objects.create_user("colin", role=Role.CLINICIAN)
    user.sites.add(site)
    return user


@pytest.fixture
def signed_in() -> SignIn:
    def sign_in(user: User) -> Client:
        client = ReadingClient()
        client.force_login(user)
        return client

    return sign_in


@pytest.fixture
def nobody() -> Client:
    """A browser in which nobody is signed in."""
    return ReadingClient()


@pytest.fixture
def browser(signed_in: SignIn, clinician: User) -> Client:
    """The clinician's."""
    return signed_in(clinician)


@pytest.fixture
def model(db: None) -> ModelVersion:
    return ModelVersion.objects.create(
        name="custom_cnn",
        version="1.0.0",
        sha256="c0ffee" + "0" * 58,
        path="nowhere",
        classes=list(PROBABILITIES),
        card="# What it is\nA small network.",
        is_active=True,
    )


@pytest.fixture
def take_in(clinician: User, site: Site) -> Callable[..., Upload]:
    """Upload a page of its own for every seed."""

    def accept(seed: int = 0, *, by: User | None = None, **fields: str) -> Upload:
        name = fields.pop("original_name", f"page-{seed}.png")
        data = picture(seed)
        return intake.accept(data=data, original_name=name, user=by or clinician, site=site, **fields).uploads[0]

    return accept


def claim(upload: Upload) -> Diagnosis:
    newest = upload.diagnoses.first()
    assert newest is not None
    claimed = pipeline.claim(newest.pk, task_id=uuid.uuid4().hex)
    assert claimed is not None
    return claimed


@pytest.fixture
def start() -> Callable[[Upload], Diagnosis]:
    """Carry the newest diagnosis of an upload to RUNNING."""
    return claim


@pytest.fixture
def read(model: ModelVersion) -> Callable[..., Diagnosis]:
    """Carry the newest diagnosis of an upload through the pipeline to DONE."""

    def finish(
        upload: Upload, label: str = "mi", *, tracing: tracing_files.Drawn | None = None, **changes: Any
    ) -> Diagnosis:
        claimed = claim(upload)
        values: dict[str, Any] = {
            "model_version": model,
            "label": label,
            "confidence": PROBABILITIES[label],
            "abstained": False,
            "probabilities": PROBABILITIES,
            "crop": {"x": 20, "y": 30, "width": 240, "height": 150},
            "heatmaps": [pipeline.DrawnHeatmap("grad_cam", label, layer=picture(98), overlay=picture(99))],
        }
        assert pipeline.finish(claimed, pipeline.Reading(**(values | changes)))
        if tracing is not None:
            assert pipeline.add_tracing(claimed, tracing)
        return Diagnosis.objects.get(pk=claimed.pk)

    return finish


@pytest.fixture
def reject(model: ModelVersion) -> Callable[..., Diagnosis]:
    def end(upload: Upload, code: str = "not_an_ecg_page") -> Diagnosis:
        claimed = claim(upload)
        assert pipeline.reject(claimed, code, model_version=model)
        return Diagnosis.objects.get(pk=claimed.pk)

    return end


@pytest.fixture
def fail(model: ModelVersion) -> Callable[..., Diagnosis]:
    def end(upload: Upload, code: str = "internal_error") -> Diagnosis:
        claimed = claim(upload)
        assert pipeline.fail(claimed, code, "Traceback: the secret path", final=True)
        return Diagnosis.objects.get(pk=claimed.pk)

    return end

"""Registering and activating bundles, and what a page says when its model is gone."""

from __future__ import annotations

import io
import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.models import User
from diagnosis import model_registry, reading
from diagnosis.models import Diagnosis, ModelVersion
from ml.bundle import Calibration, write_manifest
from ml.errors import BundleCorrupt
from ml.preprocessing import PreprocessingSpec


@pytest.fixture
def make_bundle(tmp_path: Path) -> Callable[..., Path]:
    """A sealed bundle whose weights nobody will get to load."""

    def make(version: str, folder: str = "") -> Path:
        path = tmp_path / (folder or version)
        path.mkdir(exist_ok=True)
        (path / "model.keras").write_bytes(b"weights of " + version.encode())
        (path / "CARD.md").write_text(f"# Card of {version}")
        write_manifest(
            path,
            name="custom_cnn",
            version=version,
            classes=("normal", "mi"),
            architecture="custom_cnn",
            attribution_layer="last",
            preprocessing=PreprocessingSpec(),
            calibration=Calibration(temperature=1.0, threshold=0.5),
            metrics={},
        )
        return path

    return make


def register_model(*arguments: Any) -> str:
    output = io.StringIO()
    call_command("register_model", *arguments, stdout=output)
    return output.getvalue()


def test_a_bundle_becomes_a_row_with_its_card(db: None, make_bundle: Any) -> None:
    version = model_registry.register(make_bundle("1"))
    assert (version.name, version.version, version.classes) == ("custom_cnn", "1", ["normal", "mi"])
    assert version.card == "# Card of 1"
    assert len(version.sha256) == 64
    assert not version.is_active


def test_registering_twice_makes_one_row_and_notes_where_the_bundle_lies_now(
    db: None, make_bundle: Any, tmp_path: Path
) -> None:
    folder = make_bundle("1")
    first = model_registry.register(folder)
    moved = Path(shutil.move(folder, tmp_path / "elsewhere"))
    assert model_registry.register(moved).pk == first.pk
    assert model_registry.folder_of(ModelVersion.objects.get()) == moved


def test_a_bundle_inside_the_project_is_known_by_a_path_that_survives_a_move(
    db: None, make_bundle: Any, settings: Any
) -> None:
    folder = make_bundle("1")
    settings.BASE_DIR = folder.parent
    assert model_registry.register(folder).path == "1"


def test_a_folder_without_a_bundle_is_refused(db: None, tmp_path: Path) -> None:
    with pytest.raises(BundleCorrupt):
        model_registry.register(tmp_path)
    with pytest.raises(CommandError, match="not a readable bundle"):
        register_model(tmp_path)


def test_a_pipeline_without_heatmaps_is_refused_in_a_sentence(db: None, make_bundle: Any) -> None:
    folder = make_bundle("1")
    (folder / "model.keras").rename(folder / "pipeline.skops")
    write_manifest(
        folder,
        name="svm",
        version="1",
        classes=("normal", "mi"),
        architecture="svm",
        attribution_layer="",
        preprocessing=PreprocessingSpec(),
        calibration=Calibration(temperature=1.0, threshold=0.5),
        metrics={},
        kind="pipeline",
    )
    with pytest.raises(CommandError, match="cannot show where on the page it looked"):
        register_model(folder)
    assert not ModelVersion.objects.exists()


def test_only_one_model_is_active(db: None, make_bundle: Any, administrator: User) -> None:
    one, two = (model_registry.register(make_bundle(version)) for version in "12")
    model_registry.activate(one)
    model_registry.activate(two, administrator)
    assert model_registry.active() == two
    assert ModelVersion.objects.filter(is_active=True).count() == 1
    two.refresh_from_db()
    assert two.activated_by == administrator
    assert two.activated_at is not None


def test_a_bundle_that_was_changed_since_is_not_activated(db: None, make_bundle: Any) -> None:
    version = model_registry.register(make_bundle("1"))
    make_bundle("2", folder="1")
    with pytest.raises(BundleCorrupt, match="another bundle"):
        model_registry.activate(version)
    with pytest.raises(model_registry.NoActiveModel):
        model_registry.active()


def test_the_command_activates_the_first_model_and_no_later_one_unasked(db: None, make_bundle: Any) -> None:
    assert "active" in register_model(make_bundle("1"))
    assert "not active" in register_model(make_bundle("2"))
    assert model_registry.active().version == "1"
    register_model(make_bundle("2"), "--activate")
    assert model_registry.active().version == "2"
    register_model(make_bundle("2"))
    assert model_registry.active().version == "2"
    assert ModelVersion.objects.count() == 2


def test_the_command_takes_the_shipped_bundle_by_default(db: None, make_bundle: Any, settings: Any) -> None:
    settings.ISOLINE_BUNDLE = make_bundle("shipped")
    register_model()
    assert model_registry.active().version == "shipped"


def test_a_release_that_replaced_the_active_model_s_files_brings_its_own(db: None, make_bundle: Any) -> None:
    register_model(make_bundle("1", folder="bundle"))
    register_model(make_bundle("2", folder="bundle"))
    assert model_registry.active().version == "2"


def test_without_a_model_a_page_fails_with_a_way_out(queued: Diagnosis, caplog: pytest.LogCaptureFixture) -> None:
    reading.read(str(queued.pk), task_id="one")
    queued.refresh_from_db()
    assert (queued.state, queued.reason, queued.attempts) == ("failed", "no_active_model", 1)
    assert "Ask an administrator to activate one" in queued.message


def test_with_a_damaged_bundle_a_page_fails_with_a_way_out_and_an_error_in_the_log(
    queued: Diagnosis, make_bundle: Any, caplog: pytest.LogCaptureFixture
) -> None:
    folder = make_bundle("1")
    register_model(folder)
    (folder / "model.keras").write_bytes(b"tampered with")
    with caplog.at_level(logging.ERROR):
        reading.read(str(queued.pk), task_id="one")
    queued.refresh_from_db()
    assert (queued.state, queued.reason, queued.attempts) == ("failed", "model_unavailable", 1)
    assert "install it anew" in queued.message
    assert "SHA-256" in queued.error
    assert "cannot be used" in caplog.text


def test_with_another_bundle_in_the_active_one_s_place_nothing_is_read(queued: Diagnosis, make_bundle: Any) -> None:
    folder = make_bundle("1")
    register_model(folder)
    manifest = json.loads((folder / "bundle.json").read_text())
    (folder / "bundle.json").write_text(json.dumps(manifest | {"version": "forged"}))
    reading.read(str(queued.pk), task_id="one")
    queued.refresh_from_db()
    assert (queued.state, queued.reason) == ("failed", "model_unavailable")

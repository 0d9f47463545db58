"""The models this installation knows, and the one that reads pages now."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.audit.actions import Action
from accounts.audit.log import record
from diagnosis.models import ModelVersion
from ml.bundle import read_manifest
from ml.errors import BundleCorrupt
from ml.export import BackendUnavailable

if TYPE_CHECKING:
    from accounts.models import User
    from ml.explain.explainer import Explainer
    from ml.predictor import Predictor

logger = logging.getLogger(__name__)


class NoActiveModel(Exception):
    """Nobody has activated a model yet."""


def register(folder: Path) -> ModelVersion:
    """Make a bundle known. Does nothing new for a bundle that is known already, except to note where it lies now.

    Raises:
        BundleCorrupt: the folder is no complete bundle, or holds no network.
    """
    folder = folder.resolve()
    manifest = read_manifest(folder)
    manifest.require_network()
    # The web process may have no bundles; what it says about them is kept here, also for those known since before.
    current = {
        "path": _portable(folder),
        "architecture": manifest.architecture,
        "explanations": dict(manifest.explanations),
    }
    version, is_new = ModelVersion.objects.update_or_create(
        sha256=manifest.sha256,
        defaults=current,
        create_defaults={
            **current,
            "name": manifest.name,
            "version": manifest.version,
            "classes": list(manifest.classes),
            "card": manifest.card,
        },
    )
    if is_new:
        logger.info("Model registered: %s (%s)", version, version.sha256[:12])
    return version


def activate(version: ModelVersion, user: User | None = None) -> ModelVersion:
    """Have this model read every page from now on. Readings already made keep the model that made them.

    Raises:
        BundleCorrupt: the bundle is no longer where it was registered, or another one is.
    """
    check_usable(version)
    with transaction.atomic():
        # Every row in one order, so that two activations wait for each other.
        rows = {row.pk: row for row in ModelVersion.objects.select_for_update().order_by("pk")}
        chosen = rows[version.pk]
        if chosen.is_active:
            return chosen
        ModelVersion.objects.filter(is_active=True).update(is_active=False)
        chosen.is_active = True
        chosen.activated_at = timezone.now()
        chosen.activated_by = user
        chosen.save(update_fields=["is_active", "activated_at", "activated_by"])
        record(Action.MODEL_ACTIVATED, actor=user, target=chosen, details={"sha256": chosen.sha256})
    logger.info("Model activated: %s (%s) by user %s", chosen, chosen.sha256[:12], user.pk if user else "–")
    return chosen


def active() -> ModelVersion:
    """The model that reads pages now.

    Raises:
        NoActiveModel: there is none.
    """
    version = ModelVersion.objects.filter(is_active=True).first()
    if version is None:
        raise NoActiveModel
    return version


def folder_of(version: ModelVersion) -> Path:
    """Where the bundle lies on this machine."""
    return Path(settings.BASE_DIR) / version.path


def check_usable(version: ModelVersion) -> None:
    """Quick look at the bundle's manifest; ``load`` checks every file.

    Raises:
        BundleCorrupt: the bundle is no longer where it was registered, or another one is.
    """
    folder = folder_of(version)
    found = read_manifest(folder).sha256
    if found != version.sha256:
        raise BundleCorrupt(
            f"{folder} holds another bundle ({found[:12]}) than the registered {version} ({version.sha256[:12]}). "
            "Put the registered one back, or register what is there now and activate it."
        )


def load(version: ModelVersion) -> Predictor:
    """Load a model into memory, to be run by ``INFERENCE_BACKEND``. Imports TensorFlow or another runtime: for workers.

    Where that backend cannot serve this model, TensorFlow does: it is slower or larger, never different, and pages
    need not wait for an administrator.

    Raises:
        BundleCorrupt: the bundle is missing, damaged, or no longer the one that was registered.
    """
    from ml.predictor import Predictor

    folder = folder_of(version)
    try:
        return Predictor.load(folder, expected_sha256=version.sha256, backend=settings.INFERENCE_BACKEND)
    except BackendUnavailable as unavailable:
        logger.error(  # noqa: TRY400  (the traceback says nothing more)
            "INFERENCE_BACKEND=%s cannot serve %s, TensorFlow does: %s",
            settings.INFERENCE_BACKEND,
            version,
            unavailable,
        )
    return Predictor.load(folder, expected_sha256=version.sha256)


def load_explainer(version: ModelVersion) -> Explainer:
    """Load a model and what explains it into memory. Imports TensorFlow: for workers only.

    Raises:
        BundleCorrupt: the bundle is missing, damaged, or no longer the one that was registered.
    """
    from ml.explain.explainer import Explainer

    return Explainer.load(folder_of(version), expected_sha256=version.sha256)


def _portable(folder: Path) -> str:
    """Relative to the project where possible, so that the path still holds in another checkout or container."""
    base = Path(settings.BASE_DIR)
    return str(folder.relative_to(base) if folder.is_relative_to(base) else folder)

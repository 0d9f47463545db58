"""The model in the memory of a worker child: loaded once, after the fork, and again when another is made active.

Importing this module is cheap. TensorFlow comes in with ``ml.predictor``, and only in workers that read pages.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from celery import current_app
from celery.signals import worker_process_init

from diagnosis import model_registry

if TYPE_CHECKING:
    from diagnosis.models import ModelVersion
    from ml.predictor import Predictor

logger = logging.getLogger(__name__)

DIAGNOSE_QUEUE: Final = "diagnose"

_loaded: Predictor | None = None


def predictor_for(version: ModelVersion) -> Predictor:
    """The predictor of a model version, loaded if this process holds another one or none.

    Raises:
        BundleCorrupt: the bundle is missing, damaged, or no longer the one that was registered.
    """
    global _loaded
    if _loaded is None or _loaded.identity.sha256 != version.sha256:
        # Let the old one go first: two models side by side are memory that a page may need.
        _loaded = None
        _loaded = model_registry.load(version)
        logger.info("Model loaded: %s (%s)", version, version.sha256[:12])
    return _loaded


def consumes_diagnose() -> bool:
    """Whether the worker that this process belongs to was started on the queue of pages."""
    return DIAGNOSE_QUEUE in current_app.amqp.queues.consume_from


@worker_process_init.connect
def load_before_the_first_page(**_: object) -> None:
    """Warm up a new worker child, so that the first page does not wait for the model."""
    if not consumes_diagnose():
        return
    try:
        predictor_for(model_registry.active())
    # A child that dies here would be started again and again. The next page tries once more and says what is wrong.
    except Exception:
        logger.exception("The model could not be loaded at start")

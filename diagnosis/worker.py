"""The model in the memory of a worker child: loaded once, after the fork, and again when another is made active.

Importing this module is cheap. TensorFlow comes in with ``ml.predictor``, and only in workers that read pages; one
that explains loads it with its first explanation.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

from celery import current_app
from celery.signals import worker_process_init

from diagnosis import model_registry

if TYPE_CHECKING:
    from diagnosis.models import ModelVersion
    from ml.explain.explainer import Explainer
    from ml.predictor import ModelIdentity, Predictor

logger = logging.getLogger(__name__)

DIAGNOSE_QUEUE: Final = "diagnose"
# As in nice(1).
NICENESS_BESIDE_PAGES: Final = 10


class _Loaded(Protocol):
    @property
    def identity(self) -> ModelIdentity: ...


L = TypeVar("L", bound=_Loaded)


class Kept(Generic[L]):
    """The one thing of its kind that this process holds in memory."""

    def __init__(self, kind: str, load: Callable[[ModelVersion], L]) -> None:
        self._kind = kind
        self._load = load
        self._loaded: L | None = None

    def of(self, version: ModelVersion) -> L:
        """What belongs to a model version, loaded if this process holds another one's or none.

        Raises:
            BundleCorrupt: the bundle is missing, damaged, or no longer the one that was registered.
        """
        if self._loaded is None or self._loaded.identity.sha256 != version.sha256:
            # Let the old one go first: two models side by side are memory that a page may need.
            self._loaded = None
            self._loaded = self._load(version)
            logger.info("%s loaded: %s (%s)", self._kind, version, version.sha256[:12])
        return self._loaded


_predictor: Final[Kept[Predictor]] = Kept("Model", model_registry.load)
_explainer: Final[Kept[Explainer]] = Kept("Explainer", model_registry.load_explainer)
predictor_for = _predictor.of
explainer_for = _explainer.of


def consumes_diagnose() -> bool:
    """Whether the worker that this process belongs to was started on the queue of pages."""
    return DIAGNOSE_QUEUE in current_app.amqp.queues.consume_from


@worker_process_init.connect
def step_back(**_: object) -> None:
    """A child that reads no pages takes the processor's time that those leave which do."""
    if not consumes_diagnose():
        os.nice(NICENESS_BESIDE_PAGES)


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

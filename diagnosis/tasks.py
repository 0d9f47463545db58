"""Thin Celery tasks: take a primary key, call the pipeline."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec

from celery import Task, shared_task
from django.conf import settings

# The worker module connects the signal that loads the model in worker children; it imports no TensorFlow.
from diagnosis import explanations, housekeeping, pipeline, worker  # noqa: F401

if TYPE_CHECKING:
    P = ParamSpec("P")

logger = logging.getLogger(__name__)


def house_task(
    *, soft_limit_s: float = settings.ISOLINE_SOFT_LIMIT_S, hard_limit_s: float = settings.ISOLINE_HARD_LIMIT_S
) -> Callable[[Callable[Concatenate[Task, P], None]], Task]:
    """How every task of this house behaves.

    A message is acknowledged when its task has ended, and comes back if the worker dies under it. Nothing is stored
    of the task itself, because the row tells how it went. Unexpected errors are counted on the row; Celery's own
    retries stay unused. Which queue a task goes to is set in ``CELERY_TASK_ROUTES``.

    Args:
        soft_limit_s: seconds before a task is asked to stop.
        hard_limit_s: seconds before its process is killed.
    """

    def make(function: Callable[Concatenate[Task, P], None]) -> Task:
        options: dict[str, Any] = {
            "bind": True,
            "name": f"{function.__module__}.{function.__name__}",
            "acks_late": True,
            "reject_on_worker_lost": True,
            "ignore_result": True,
            "max_retries": 0,
            "soft_time_limit": soft_limit_s,
            "time_limit": hard_limit_s,
        }
        return shared_task(**options)(function)

    return make


@house_task()
def diagnose(self: Task, pk: str) -> None:
    """Read the page of one diagnosis."""
    if is_key(pk):
        from diagnosis import reading

        reading.read(pk, task_id=self.request.id)


@house_task(soft_limit_s=settings.ISOLINE_EXPLAIN_SOFT_LIMIT_S, hard_limit_s=settings.ISOLINE_EXPLAIN_HARD_LIMIT_S)
def explain(self: Task, pk: str) -> None:
    """Make one explanation."""
    if is_key(pk):
        from diagnosis import explaining

        explaining.explain(pk, task_id=self.request.id)


@house_task()
def sweep(self: Task) -> None:
    """Bring back lost diagnoses and explanations, pages first; then what the other rooms have to clear up."""
    pipeline.sweep()
    explanations.sweep()
    housekeeping.sweep()


def is_key(text: str) -> bool:
    """Whether a message carries what can be a primary key; one that does not is dropped with a word in the log."""
    try:
        uuid.UUID(text)
    except (ValueError, TypeError, AttributeError):
        logger.warning("A message without a valid key was dropped: %.80r", text)
        return False
    return True

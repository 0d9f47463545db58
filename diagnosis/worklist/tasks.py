"""Thin Celery tasks of batches."""

from __future__ import annotations

from celery import Task

from diagnosis.tasks import house_task
from diagnosis.worklist import batches


@house_task()
def take_in_batch(self: Task, pk: str) -> None:
    """Take in files of one batch for a while."""
    batches.take_in(pk, task_id=self.request.id)


@house_task()
def look_after_batches(self: Task) -> None:
    """Bring back lost batches, and let go of what old ones still keep."""
    batches.sweep()
    batches.clear_away()

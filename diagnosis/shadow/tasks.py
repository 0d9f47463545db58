"""Thin Celery tasks of candidate models."""

from __future__ import annotations

from celery import Task

from diagnosis.shadow import trials
from diagnosis.tasks import house_task


@house_task()
def read_along(self: Task, pk: str) -> None:
    """Read one page by a candidate model."""
    from diagnosis.shadow import reading

    reading.read_along(pk, task_id=self.request.id)


@house_task()
def follow_trials(self: Task) -> None:
    """Queue what the trials still lack."""
    trials.follow_all()

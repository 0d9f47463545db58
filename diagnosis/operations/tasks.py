"""Thin Celery tasks of operations."""

from __future__ import annotations

from celery import Task

from diagnosis.operations import retention
from diagnosis.tasks import house_task


@house_task()
def keep_retention_rules(self: Task) -> None:
    """Delete and erase what the sites' rules no longer keep."""
    retention.keep_to_all()

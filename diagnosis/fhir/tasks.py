"""The Celery task of this room: a primary key in, the sender called."""

from __future__ import annotations

from celery import Task

from diagnosis.tasks import house_task, is_key


@house_task()
def push_fhir(self: Task, pk: str) -> None:
    """Send one report to its site's FHIR server."""
    if is_key(pk):
        from diagnosis.fhir import sending

        sending.push(pk, task_id=self.request.id)

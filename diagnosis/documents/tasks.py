"""The Celery task of this room: a primary key in, the renderer called."""

from __future__ import annotations

from celery import Task

from diagnosis.tasks import house_task, is_key


@house_task()
def render_document(self: Task, pk: str) -> None:
    """Make one PDF report."""
    if is_key(pk):
        from diagnosis.documents import rendering

        rendering.render(pk, task_id=self.request.id)

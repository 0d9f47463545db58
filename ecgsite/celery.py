"""The Celery application: ``celery -A ecgsite worker`` and ``celery -A ecgsite beat``.

https://docs.celeryq.dev/en/stable/django/first-steps-with-django.html
"""

from __future__ import annotations

import os
from logging.config import dictConfig
from pathlib import Path
from typing import Any

from celery import Celery
from celery.signals import beat_init, setup_logging, task_postrun, task_prerun, worker_init, worker_process_init

from . import (
    allocator,
    embedded_broker,  # noqa: F401  (makes embedded:// known)
    request_context,
)

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ecgsite.settings.production")
# Read by TensorFlow when a worker child loads it: only real problems on the console, and a GPU's memory taken
# as it is needed, so that one GPU can hold a worker and something else.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
# Seconds that a child of an autoscaled worker, such as the one that explains, outlives its last task; with it go the
# model and hundreds of megabytes.
os.environ.setdefault("AUTOSCALE_KEEPALIVE", "300")

app = Celery("isoline")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def log_as_django_does(**kwargs: Any) -> None:
    from django.conf import settings

    dictConfig(settings.LOGGING)


@worker_init.connect
def leave_signs_and_count(sender: Any, **kwargs: Any) -> None:
    """What a worker does beside its tasks, where anybody wants to know how it is."""
    import django

    django.setup()
    from diagnosis.operations.signs import SignsOfLife
    from ecgsite import metrics  # noqa: F401  (connects itself to the tasks)

    app.steps["worker"].add(SignsOfLife)


# What a task's first argument is the key of, in log lines.
_ROWS = {"diagnosis.tasks.diagnose": "diagnosis", "diagnosis.tasks.explain": "explanation"}


@task_prerun.connect
def name_the_job(task: Any, args: Any, **kwargs: Any) -> None:
    key = {_ROWS.get(task.name, "row"): str(args[0])} if args else {}
    request_context.job.set({"task": task.name.rpartition(".")[2], **key})


@task_postrun.connect
def forget_the_job(**kwargs: Any) -> None:
    request_context.job.set(None)


@worker_process_init.connect
def keep_large_buffers(**kwargs: Any) -> None:
    allocator.keep_large_buffers()


@worker_init.connect
@beat_init.connect
def refuse_demo_accounts_at_start(**kwargs: Any) -> None:
    """End the worker or beat before it starts where printed passwords would open the installation."""
    import django

    django.setup()
    from django.core.exceptions import ImproperlyConfigured

    from .checks import refuse_demo_accounts

    try:
        refuse_demo_accounts()
    except ImproperlyConfigured as refusal:
        # Celery logs any other exception of a signal handler and goes on.
        raise SystemExit(str(refusal)) from refusal


@app.task(name="ecgsite.celery.mark_ready")
def mark_ready() -> None:
    """Leave a sign that a message came all the way to a warm worker child; ``run_local`` waits for it."""
    from django.conf import settings

    sign = Path(settings.WORKER_READY_FILE)
    sign.parent.mkdir(parents=True, exist_ok=True)
    sign.touch()

"""The real Celery application, whose readings stumble where a page's note tells them to.

``hold``: the first attempt stops before the page is read, until it is released, killed or out of time.
``stuck``: the first attempt sits in native code, deaf to the soft time limit.
``crash``: every attempt ends like one in a picture library that brings the process down.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import django
from celery import current_task

django.setup()

from diagnosis import reading  # noqa: E402
from diagnosis.models import Diagnosis, ModelVersion  # noqa: E402
from ecgsite.celery import app  # noqa: E402

if TYPE_CHECKING:
    from ml.decode import Page
    from ml.predictor import Finding

__all__ = ("app",)

FAULTS = Path(os.environ["FAULTS_DIR"])
_look_truly = reading._look


def _look(claimed: Diagnosis, version: ModelVersion) -> tuple[Page, Finding]:
    if claimed.upload.note == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if claimed.upload.note == "stuck" and claimed.attempts == 1:
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
        time.sleep(600)
    if claimed.upload.note == "hold" and claimed.attempts == 1:
        unfinished = FAULTS / f"{claimed.pk}.unfinished"
        unfinished.write_text(f"{os.getpid()} {current_task.request.id}")
        unfinished.rename(FAULTS / f"held-{claimed.pk}")
        while not (FAULTS / f"release-{claimed.pk}").exists():
            time.sleep(0.02)
    return _look_truly(claimed, version)


reading._look = _look

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

import django
from celery import current_task

django.setup()

from diagnosis import reading  # noqa: E402
from diagnosis.models import Diagnosis  # noqa: E402
from diagnosis.pipeline import Reading  # noqa: E402
from ecgsite.celery import app  # noqa: E402

__all__ = ("app",)

FAULTS = Path(os.environ["FAULTS_DIR"])
_read_truly = reading._reading


def _read(claimed: Diagnosis, *others: object) -> Reading:
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
    return _read_truly(claimed, *others)  # type: ignore[arg-type]


reading._reading = _read

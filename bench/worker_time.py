"""Worker time for one page, beside the reference path on the same machine in the same run.

Ours is the very function a Celery task runs: claim, decode the stored page, find the grid, one compiled pass,
pictures, rows and files.

Run by ``python -m bench`` in a process of its own, so that TensorFlow's threads are gone before the servers start.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import uuid
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WARM_UP = 3
MEASURED = 20


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="isoline-bench-") as folder:
        os.environ["ISOLINE_DATA_DIR"] = folder
        os.environ.pop("DATABASE_URL", None)
        os.environ.pop("BROKER_URL", None)
        os.environ["DJANGO_SETTINGS_MODULE"] = "ecgsite.settings.local"
        os.environ.setdefault("LOG_LEVEL", "WARNING")
        # What a worker child does when it starts: environment for TensorFlow, memory settings.
        import ecgsite.celery

        files = _page_files(Path(folder))
        with _reference_process() as reference:
            ecgsite.celery.keep_large_buffers()
            ours = _isoline_path(files)
            # Each on its own, one page after another, as a busy worker has them: in turns, the threads and caches of
            # one would slow down the other.
            reference_ms = [reference(file) for file in files]
            from ml.bundle import DEFAULT_BUNDLE, PICTURE_BUNDLE

            picture, shipped = (ours(bundle)[WARM_UP:] for bundle in (PICTURE_BUNDLE, DEFAULT_BUNDLE))
    figures = {"reference_ms": median(reference_ms[WARM_UP:])}
    for name, times in (("picture", picture), ("shipped", shipped)):
        figures[f"{name}_answer_ms"] = median(answer for answer, _ in times)
        figures[f"{name}_whole_ms"] = median(answer + rest for answer, rest in times)
    print(json.dumps(figures))
    return 0


@contextmanager
def _reference_process() -> Iterator[Callable[[Path], float]]:
    """The reference path in a process of its own, so that none of our settings reaches it; gives milliseconds."""
    command = [sys.executable, "-m", "bench.reference"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        asked, answered = process.stdin, process.stdout
        if asked is None or answered is None:
            raise RuntimeError("the reference process has no pipes")

        def read(file: Path) -> float:
            print(file, file=asked, flush=True)
            return float(answered.readline())

        yield read
        asked.close()


def _page_files(folder: Path) -> list[Path]:
    from bench.pages import jpeg_page

    files = [folder / f"page-{seed}.jpg" for seed in range(WARM_UP + MEASURED)]
    for seed, file in enumerate(files):
        file.write_bytes(jpeg_page(seed))
    return files


def _isoline_path(files: list[Path]) -> Callable[[Path], list[tuple[float, float]]]:
    """Reads every page with a bundle; gives milliseconds until the answer is stored, and from there until all is."""
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    call_command("create_demo", stdout=sys.stderr)
    from accounts.models import Site, User
    from diagnosis import intake, model_registry, pipeline, reading, worker
    from diagnosis.models import Diagnosis, Upload

    user: Any = User.objects.get(username="clinician")
    site: Any = Site.objects.get(name="Demo Hospital")
    for file in files:
        intake.accept(data=file.read_bytes(), original_name=file.name, user=user, site=site)
    uploads = list(Upload.objects.order_by("created_at"))

    answered: list[float] = []
    finish = pipeline.finish

    def finish_and_note(*arguments: Any, **options: Any) -> bool:
        kept = finish(*arguments, **options)
        answered.append(time.perf_counter())
        return kept

    pipeline.finish = finish_and_note

    def read_all(bundle: Path) -> list[tuple[float, float]]:
        model_registry.activate(model_registry.register(bundle))
        worker.predictor_for(model_registry.active())
        # The one that waits since the page came in, or another reading of it.
        waiting = [pipeline.requeue(upload.diagnoses.latest("created_at"), requested_by=user) for upload in uploads]
        return [read(diagnosis.pk) for diagnosis in waiting]

    def read(pk: uuid.UUID) -> tuple[float, float]:
        start = time.perf_counter()
        reading.read(str(pk), task_id=str(uuid.uuid4()))
        end = time.perf_counter()
        state = Diagnosis.objects.values_list("state", flat=True).get(pk=pk)
        if state != Diagnosis.State.DONE:
            raise RuntimeError(f"a rendered page ended {state}")
        return 1000 * (answered[-1] - start), 1000 * (end - answered[-1])

    return read_all


if __name__ == "__main__":
    sys.exit(main())

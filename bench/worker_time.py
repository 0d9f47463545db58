"""Worker time for one page, beside the reference path on the same machine in the same process.

The reference is what a short script does: read the file in gray, resize the whole page to the network's square,
``model.predict``, Grad-CAM by tf-keras-vis, the heat laid over the page, written as PNG. Ours is the very function a
Celery task runs: claim, decode the stored page, find the grid, one compiled pass, pictures, rows and files.

Run by ``python -m bench`` in a process of its own, so that TensorFlow's threads are gone before the servers start.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
import uuid
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

WARM_UP = 3
MEASURED = 20


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="isoline-bench-") as folder:
        os.environ["ISOLINE_DATA_DIR"] = folder
        os.environ.pop("DATABASE_URL", None)
        os.environ.pop("BROKER_URL", None)
        os.environ["DJANGO_SETTINGS_MODULE"] = "ecgsite.settings.local"
        os.environ.setdefault("LOG_LEVEL", "WARNING")
        # Sets what Celery's workers set for TensorFlow, before it is imported.
        import ecgsite.celery  # noqa: F401

        files = _page_files(Path(folder))
        reference = _reference_path()
        ours = _isoline_path(files)
        # In turns, so that whatever else the machine does falls on both.
        reference_ms: list[float] = []
        isoline_ms: list[float] = []
        for number, file in enumerate(files):
            taken_ms = _milliseconds(partial(reference, file)), _milliseconds(ours)
            if number >= WARM_UP:
                reference_ms.append(taken_ms[0])
                isoline_ms.append(taken_ms[1])
    print(json.dumps({"reference_ms": median(reference_ms), "isoline_ms": median(isoline_ms)}))
    return 0


def _milliseconds(call: Callable[[], None]) -> float:
    start = time.perf_counter()
    call()
    return (time.perf_counter() - start) * 1000


def _page_files(folder: Path) -> list[Path]:
    from bench.pages import jpeg_page

    files = [folder / f"page-{seed}.jpg" for seed in range(WARM_UP + MEASURED)]
    for seed, file in enumerate(files):
        file.write_bytes(jpeg_page(seed))
    return files


def _reference_path() -> Callable[[Path], None]:
    import cv2
    import keras
    import numpy as np
    from django.conf import settings
    from tf_keras_vis.gradcam import Gradcam
    from tf_keras_vis.utils.model_modifiers import ReplaceToLinear
    from tf_keras_vis.utils.scores import CategoricalScore

    from ml.bundle import read_manifest

    model = keras.models.load_model(read_manifest(Path(settings.ISOLINE_BUNDLE)).model_file, compile=False)
    _, height, width, _ = model.input_shape
    gradcam = Gradcam(model, model_modifier=ReplaceToLinear(), clone=True)

    def read(file: Path) -> None:
        gray = cv2.imread(str(file), cv2.IMREAD_GRAYSCALE)
        if gray is None:
            raise RuntimeError(f"OpenCV could not read {file}")
        small = cv2.resize(gray, (width, height)).astype(np.float32)[None, ..., None]
        winner = int(model.predict(small, verbose=0)[0].argmax())
        attribution = gradcam(CategoricalScore([winner]), small)[0]
        heat = cv2.applyColorMap(cv2.resize((attribution * 255).astype(np.uint8), gray.shape[::-1]), cv2.COLORMAP_JET)
        overlay = cv2.addWeighted(cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR), 0.6, heat, 0.4, 0)
        cv2.imwrite(str(file.with_suffix(".overlay.png")), overlay)

    return read


def _isoline_path(files: list[Path]) -> Callable[[], None]:
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    call_command("create_demo", stdout=sys.stderr)
    call_command("register_model", stdout=sys.stderr)

    from accounts.models import Site, User
    from diagnosis import intake, model_registry, reading, worker
    from diagnosis.models import Diagnosis

    user: Any = User.objects.get(username="clinician")
    site: Any = Site.objects.get(name="Demo Hospital")
    for file in files:
        intake.accept(data=file.read_bytes(), original_name=file.name, user=user, site=site)
    waiting = list(Diagnosis.objects.order_by("created_at").values_list("pk", flat=True))
    worker.predictor_for(model_registry.active())

    def read() -> None:
        pk = waiting.pop()
        reading.read(str(pk), task_id=str(uuid.uuid4()))
        state = Diagnosis.objects.values_list("state", flat=True).get(pk=pk)
        if state != Diagnosis.State.DONE:
            raise RuntimeError(f"a rendered page ended {state}")

    return read


if __name__ == "__main__":
    sys.exit(main())

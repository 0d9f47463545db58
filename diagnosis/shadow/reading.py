"""One page through a candidate model, in the worker."""

from __future__ import annotations

import logging
from typing import Final

from django.db import transaction

from diagnosis import model_registry
from diagnosis.reading import page_image
from diagnosis.shadow.models import ShadowReading
from diagnosis.shadow.trials import LINE
from diagnosis.worker import Kept
from ml.errors import BundleCorrupt, PageRejected
from ml.predictor import Predictor

logger = logging.getLogger(__name__)

_candidate: Final[Kept[Predictor]] = Kept("Candidate model", model_registry.load)


def read_along(pk: str, *, task_id: str) -> None:
    """Read the page of a diagnosis by the trial's model. Does nothing if the row cannot be claimed."""
    claimed = LINE.claim(pk, task_id=task_id)
    if claimed is None:
        return
    with LINE.counting_failures(claimed):
        try:
            finding = _candidate.of(claimed.trial.model_version).read(page_image(claimed.upload))
        except PageRejected as rejected:
            LINE.fail(claimed, rejected.code, rejected.message, final=True)
            return
        except BundleCorrupt as corrupt:
            LINE.fail(claimed, "model_unavailable", str(corrupt), final=True)
            return
        with transaction.atomic():
            held = LINE.still_held(claimed)
            if held is None:
                return
            held.label = finding.label
            held.confidence = float(finding.confidence)
            held.abstained = finding.abstained
            held.probabilities = {label: float(value) for label, value in finding.probabilities.items()}
            LINE.end(held, ShadowReading.State.DONE)

"""One explanation, in the worker: claim, let the method run, draw, store, or say why not."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, Final

from diagnosis import explanations, worker
from diagnosis.reading import draw, page_image
from ml.errors import BundleCorrupt, PageRejected

if TYPE_CHECKING:
    from diagnosis.heatmap_files import DrawnHeatmap
    from diagnosis.models import Explanation

logger = logging.getLogger(__name__)

BETWEEN_NOTES_S: Final = 1.0


class _NotWorthGoingOn(Exception):
    """Nobody waits for this explanation any more."""


class Progress:
    """What a method calls with 0…1 as often as it likes; the row hears of it about once a second.

    Raises:
        _NotWorthGoingOn: the page was deleted, or another worker has the row.
    """

    def __init__(self, claimed: Explanation) -> None:
        self._claimed = claimed
        self._noted_at = 0.0
        self(0.0)

    def __call__(self, share: float) -> None:
        now = time.monotonic()
        if now - self._noted_at < BETWEEN_NOTES_S:
            return
        self._noted_at = now
        # 100 is what a finished one has.
        why_not = explanations.note_progress(self._claimed, min(max(int(share * 100), 0), 99))
        if why_not:
            raise _NotWorthGoingOn(why_not)


def explain(pk: str, *, task_id: str) -> None:
    """Explain a diagnosis as the row says, and store the pictures. Does nothing if the row cannot be claimed.

    Expected ends are rows with a code; anything unexpected counts as a failed attempt.
    """
    claimed = explanations.claim(pk, task_id=task_id)
    if claimed is None:
        return
    with explanations.LINE.counting_failures(claimed):
        try:
            explanations.finish(claimed, *_made(claimed))
        except _NotWorthGoingOn as stop:
            logger.info("Explanation %s: stopped, %s", claimed.pk, stop)
            if str(stop) == "upload_deleted":
                explanations.fail(claimed, "upload_deleted", "", final=True)
        except BundleCorrupt as corrupt:
            logger.error(  # noqa: TRY400  (the traceback says nothing more)
                "The model %s that read diagnosis %s cannot be used: %s",
                claimed.diagnosis.model_version,
                claimed.diagnosis_id,
                corrupt,
            )
            explanations.fail(claimed, "model_gone", str(corrupt), final=True)
        except PageRejected as rejected:
            # The same page was accepted when it was read; another attempt would end the same way.
            explanations.fail(claimed, "internal_error", f"{rejected.code}: {rejected.message}", final=True)


def _made(claimed: Explanation) -> tuple[DrawnHeatmap, dict[str, Any]]:
    progress = Progress(claimed)
    version = claimed.diagnosis.model_version
    if version is None:
        raise BundleCorrupt("the diagnosis names no model")
    explainer = worker.explainer_for(version)
    page = page_image(claimed.upload)
    made = explainer.explain(page, claimed.method, label=claimed.label, progress=progress)
    drawn = draw(page, method=claimed.method, label=claimed.label, attribution=made.attribution, crop=made.crop)
    return drawn, {**made.details, "found_evidence": bool(made.attribution.any())}

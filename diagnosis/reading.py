"""One page through the model, in the worker: claim, read, draw, store, or say why not."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from django.core.files.storage import default_storage

from diagnosis import heatmap_files, model_registry, pipeline, tracing_files, worker
from diagnosis.models import Diagnosis
from ml import heatmap, narrative
from ml.decode import decode_stored
from ml.errors import BundleCorrupt, PageRejected
from ml.leads import LeadsUnreadable, formats
from ml.traces import traces_behind

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from diagnosis.models import ModelVersion, Upload
    from ml.decode import Page
    from ml.page import Crop
    from ml.predictor import Finding

logger = logging.getLogger(__name__)


def read(pk: str, *, task_id: str) -> None:
    """Read the page of a diagnosis and store what was found. Does nothing if the row cannot be claimed.

    Expected ends are rows with a code; anything unexpected counts as a failed attempt.
    """
    claimed = pipeline.claim(pk, task_id=task_id)
    if claimed is None:
        _trace_what_was_missed(pk)
        return
    version: ModelVersion | None = None
    with pipeline.LINE.counting_failures(claimed):
        try:
            version = model_registry.active()
            page, finding = _look(claimed, version)
            if pipeline.finish(claimed, _reading(page, finding, version)):
                # Whoever waits for the answer has it; the measurements follow.
                pipeline.add_tracing(claimed, _tracing(page, finding))
        except PageRejected as rejected:
            pipeline.reject(claimed, rejected.code, rejected.message, model_version=version)
        except model_registry.NoActiveModel:
            logger.error(  # noqa: TRY400  (the traceback says nothing more)
                "No model is active: activate one under “Model versions” in the administration."
            )
            pipeline.fail(claimed, "no_active_model", "There is no active ModelVersion.", final=True)
        except BundleCorrupt as corrupt:
            logger.error("The active model %s cannot be used: %s", version, corrupt)  # noqa: TRY400
            pipeline.fail(claimed, "model_unavailable", str(corrupt), final=True)


def _look(claimed: Diagnosis, version: ModelVersion) -> tuple[Page, Finding]:
    predictor = worker.predictor_for(version)
    page = page_image(claimed.upload)
    return page, predictor.read(page)


def _reading(page: Page, finding: Finding, version: ModelVersion) -> pipeline.Reading:
    crop = finding.crop
    drawn = draw(page, method=finding.method, label=finding.label, attribution=finding.attribution, crop=crop)
    return pipeline.Reading(
        model_version=version,
        label=finding.label,
        confidence=float(finding.confidence),
        abstained=finding.abstained,
        probabilities={label: float(probability) for label, probability in finding.probabilities.items()},
        warnings=tuple(finding.warnings),
        possible=finding.possible,
        answered_by=finding.source,
        second_opinion=finding.second_opinion,
        distance=finding.distance,
        crop={"x": int(crop.x), "y": int(crop.y), "width": int(crop.width), "height": int(crop.height)},
        heatmaps=(drawn,),
    )


def _trace_what_was_missed(pk: str) -> None:
    """A worker that died between answer and measurements leaves its message behind; this is what comes of it."""
    done = Diagnosis.objects.filter(pk=pk, state=Diagnosis.State.DONE, tracing=None).select_related("upload").first()
    if done is not None and not done.upload.deleted_at:
        pipeline.add_tracing(done, _tracing(page_image(done.upload), None))


def _tracing(page: Page, finding: Finding | None) -> tracing_files.Drawn:
    """What the page's traces say. Whatever goes wrong here, the network's answer stands without it."""
    if finding is not None and finding.unread:
        return tracing_files.Drawn({"reason": finding.unread})
    try:
        found, shares = traces_behind(page, finding)
    except LeadsUnreadable as refusal:
        return tracing_files.Drawn({"reason": refusal.code})
    except Exception:
        logger.exception("The traces of a page could not be read.")
        return tracing_files.Drawn({"reason": "internal_error"})
    values = {
        "layout": found.leads.layout,
        "px_per_mm": round(found.leads.px_per_mm, 3),
        "scale_source": found.leads.scale_source,
        "rotation_deg": round(found.leads.rotation_deg, 2),
        "quality": round(found.quality, 3),
        "poor_leads": list(found.poor_leads),
        "measurements": found.measurements.to_json(),
        "sentences": narrative.to_json(found.sentences(shares)),
    }
    return tracing_files.Drawn(values, formats.to_json(found.leads), formats.to_svg(found.leads, page.shape))


def page_image(upload: Upload) -> Page:
    """The stored page, (height, width, 3) RGB.

    Raises:
        FileNotFoundError: the storage has lost it.
    """
    with default_storage.open(upload.page.name or "", "rb") as file:
        return decode_stored(file.read())


def draw(
    page: Page, *, method: str, label: str, attribution: NDArray[np.float32], crop: Crop
) -> heatmap_files.DrawnHeatmap:
    """Both pictures of an attribution (h, w) in 0…1 over the crop."""
    with ThreadPoolExecutor(max_workers=1) as beside:
        # OpenCV lets go of Python's lock, so the two pictures are drawn at the same time.
        layer = beside.submit(heatmap.heat_layer, attribution, crop, page.shape)
        overlay = heatmap.overlay(page, attribution, crop)
    return heatmap_files.DrawnHeatmap(method=method, label=label, layer=layer.result(), overlay=overlay)

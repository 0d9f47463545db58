"""One page through the model, in the worker: claim, read, draw, store, or say why not."""

from __future__ import annotations

import logging
import traceback
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from celery.exceptions import SoftTimeLimitExceeded
from django.core.files.storage import default_storage

from diagnosis import model_registry, pipeline, worker
from ml import heatmap
from ml.decode import decode_stored
from ml.errors import BundleCorrupt, PageRejected

if TYPE_CHECKING:
    from diagnosis.models import Diagnosis, ModelVersion
    from ml.decode import Page

logger = logging.getLogger(__name__)


def read(pk: str, *, task_id: str) -> None:
    """Read the page of a diagnosis and store what was found. Does nothing if the row cannot be claimed.

    Expected ends are rows with a code; anything unexpected counts as a failed attempt.
    """
    claimed = pipeline.claim(pk, task_id=task_id)
    if claimed is None:
        return
    version: ModelVersion | None = None
    try:
        version = model_registry.active()
        pipeline.finish(claimed, _reading(claimed, version))
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
    except FileNotFoundError:
        logger.exception("Diagnosis %s: the page image is missing", claimed.pk)
        pipeline.fail(claimed, "page_missing", traceback.format_exc())
    except SoftTimeLimitExceeded:
        logger.warning("Diagnosis %s: attempt %d took too long", claimed.pk, claimed.attempts)
        pipeline.fail(claimed, "timed_out", traceback.format_exc())
    except Exception:
        logger.exception("Diagnosis %s: attempt %d failed", claimed.pk, claimed.attempts)
        pipeline.fail(claimed, "internal_error", traceback.format_exc())


def _reading(claimed: Diagnosis, version: ModelVersion) -> pipeline.Reading:
    predictor = worker.predictor_for(version)
    page = _page_image(claimed)
    finding = predictor.read(page)
    crop = finding.crop
    with ThreadPoolExecutor(max_workers=1) as beside:
        # OpenCV lets go of Python's lock, so the two pictures are drawn at the same time.
        layer = beside.submit(heatmap.heat_layer, finding.attribution, crop, page.shape)
        overlay = heatmap.overlay(page, finding.attribution, crop)
    drawn = pipeline.DrawnHeatmap(method=finding.method, label=finding.label, layer=layer.result(), overlay=overlay)
    return pipeline.Reading(
        model_version=version,
        label=finding.label,
        confidence=float(finding.confidence),
        abstained=finding.abstained,
        probabilities={label: float(probability) for label, probability in finding.probabilities.items()},
        warnings=tuple(finding.warnings),
        crop={"x": int(crop.x), "y": int(crop.y), "width": int(crop.width), "height": int(crop.height)},
        heatmaps=(drawn,),
    )


def _page_image(claimed: Diagnosis) -> Page:
    with default_storage.open(claimed.upload.page.name or "", "rb") as file:
        return decode_stored(file.read())

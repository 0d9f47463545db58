"""The way of an Explanation: request, claim, progress, finish, fail, sweep. What is common to all jobs is in ``jobs``.

An explanation is always made with the very model that made the diagnosis.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.db import transaction

from accounts.audit.actions import Action
from accounts.audit.log import record
from diagnosis import messages
from diagnosis.heatmap_files import DrawnHeatmap, clear_away_all_but, heatmap_folder, save
from diagnosis.jobs import Line
from diagnosis.models import Diagnosis, Explanation, Heatmap, ModelVersion
from diagnosis.stored_files import Batch
from ml.explain import METHODS, TRACE_METHODS, Method

if TYPE_CHECKING:
    from accounts.models import User

logger = logging.getLogger(__name__)

State = Explanation.State

PASSED: Final = "passed"
FAILED: Final = "failed"
NOT_TESTED: Final = "not_tested"
NOT_REQUESTED: Final = "not_requested"

LINE: Final = Line(
    Explanation,
    task="diagnosis.tasks.explain",
    lease_setting="ISOLINE_EXPLAIN_LEASE_S",
    sentence_of=messages.no_explanation,
    upload_path="diagnosis__upload",
)
dispatch = LINE.dispatch
claim = LINE.claim
fail = LINE.fail
sweep = LINE.sweep


class CannotExplain(Exception):
    """The request is refused; ``code`` has its sentence in ``messages.NO_EXPLANATION``."""

    def __init__(self, code: str) -> None:
        super().__init__(messages.no_explanation(code))
        self.code = code


def methods_for(diagnosis: Diagnosis) -> list[Method]:
    """The methods that explain this diagnosis, those of the network that gave the answer first."""
    version = diagnosis.model_version
    if version is None:
        return []
    on_traces = TRACE_METHODS.values() if diagnosis.answered_by == Diagnosis.Source.TRACES else ()
    return [*on_traces, *(method for method in METHODS.values() if method.applies_to(version.architecture))]


def labels_for(version: ModelVersion | None) -> list[str]:
    """The classes of this model, as stored with its registration."""
    known = set(Diagnosis.Label.values)
    return [str(label) for label in version.classes if label in known] if version is not None else []


def randomisation_check(version: ModelVersion | None, method: str) -> str:
    """Whether the method's maps of this model depend on what the model learned: passed, failed or not tested.

    Only a verdict that stands in the bundle counts (Adebayo et al. 2018, arXiv:1810.03292).
    """
    judged = version.explanations.get(method) if version is not None else None
    verdict = judged.get("passes_randomisation") if isinstance(judged, Mapping) else None
    if not isinstance(verdict, bool):
        return NOT_TESTED
    return PASSED if verdict else FAILED


@dataclass(frozen=True)
class Choice:
    """A method as it is offered for one class of one diagnosis."""

    method: Method
    label: str
    randomisation_check: str
    explanation: Explanation | None
    heatmap: Heatmap | None

    @property
    def of_picture(self) -> bool:
        """Whether it explains the network that sees the picture."""
        return self.method.name in METHODS

    @property
    def state(self) -> str:
        if self.heatmap is not None:
            return State.DONE
        return self.explanation.state if self.explanation is not None else NOT_REQUESTED


def choices(diagnosis: Diagnosis, label: str) -> list[Choice]:
    """Every method that explains this diagnosis, and what there is of it for a class.

    Raises:
        CannotExplain: the model does not know this class.
    """
    version = diagnosis.model_version
    if version is None or label not in labels_for(version):
        raise CannotExplain("unknown_label")
    asked: dict[str, Explanation] = {}
    # One that failed gives way to whatever else there is, then the newest counts.
    rows = diagnosis.explanations.filter(label=label).select_related("heatmap", "diagnosis__model_version")
    for row in sorted(rows, key=lambda row: (row.state != State.FAILED, row.created_at)):
        asked[row.method] = row
    drawn = {heatmap.method: heatmap for heatmap in diagnosis.heatmaps.filter(label=label)}
    return [
        Choice(
            method,
            label,
            randomisation_check(version, method.name),
            asked.get(method.name),
            drawn.get(method.name),
        )
        for method in methods_for(diagnosis)
    ]


def find(diagnosis: Diagnosis, method: str, label: str) -> Explanation | None:
    """The explanation that stands for these, or the one that failed last."""
    wanted = Explanation.objects.filter(diagnosis=diagnosis, method=method, label=label).select_related("heatmap")
    return wanted.exclude(state=State.FAILED).first() or wanted.first()


def request(diagnosis: Diagnosis, *, method: str, label: str = "", requested_by: User) -> tuple[Explanation, bool]:
    """Have a diagnosis explained, once: who asks for the same again gets what is there or under way.

    Args:
        diagnosis: a reading that is done.
        method: a name of its ``methods_for``.
        label: the class to explain; default: the answer given.
        requested_by: who asks.

    Returns:
        The explanation, and whether it is new.

    Raises:
        CannotExplain: with its code.
    """
    label = label or diagnosis.label
    if diagnosis.state != Diagnosis.State.DONE or diagnosis.upload.deleted_at is not None:
        raise CannotExplain("not_done")
    if method not in {known.name for known in methods_for(diagnosis)}:
        raise CannotExplain("unknown_method")
    if label not in labels_for(diagnosis.model_version):
        raise CannotExplain("unknown_label")
    with transaction.atomic():
        # The lock on the reading makes two requests at the same moment agree on one row.
        locked = Diagnosis.objects.select_for_update().get(pk=diagnosis.pk)
        there = find(locked, method, label)
        if there is not None and there.state != State.FAILED:
            return there, False
        keys: dict[str, Any] = {"diagnosis": locked, "method": method, "label": label, "requested_by": requested_by}
        drawn = locked.heatmaps.filter(method=method, label=label).first()
        if drawn is not None:
            # It came with the reading.
            end = locked.finished_at
            return Explanation.objects.create(
                **keys, state=State.DONE, progress=100, heatmap=drawn, finished_at=end
            ), False
        waiting = Explanation.objects.filter(requested_by=requested_by).exclude(state__in=Explanation.ENDED).count()
        if waiting >= settings.ISOLINE_MAX_WAITING_EXPLANATIONS:
            raise CannotExplain("too_many_waiting")
        explanation = Explanation.objects.create(**keys)
        LINE.dispatch_on_commit([explanation.pk])
        details = {"diagnosis": diagnosis.pk, "method": method, "label": label}
        site = diagnosis.upload.site
        record(Action.EXPLANATION_REQUESTED, actor=requested_by, target=explanation, site=site, details=details)
    return explanation, True


def send_again(explanation: Explanation, *, requested_by: User) -> Explanation:
    """For administrators: a failed one is asked for anew, a waiting one is sent to the queue once more."""
    if explanation.state == State.QUEUED:
        LINE.dispatch([explanation.pk])
    if explanation.state != State.FAILED:
        return explanation
    return request(
        explanation.diagnosis, method=explanation.method, label=explanation.label, requested_by=requested_by
    )[0]


def note_progress(claimed: Explanation, percent: int) -> str:
    """Write how far the work has come.

    Returns:
        "" or why it is not worth going on: ``claim_lost``, ``upload_deleted``.
    """
    if LINE.held(claimed).filter(diagnosis__upload__deleted_at__isnull=True).update(progress=percent):
        return ""
    return "upload_deleted" if LINE.held(claimed).exists() else "claim_lost"


def finish(claimed: Explanation, drawn: DrawnHeatmap, details: dict[str, Any]) -> bool:
    """Store the pictures, then the rows in one transaction.

    Args:
        claimed: the row as ``claim`` returned it.
        drawn: the pictures.
        details: figures that the method gives about itself; ``found_evidence``: whether there is any heat.

    Returns:
        False if the claim was lost or the page deleted meanwhile; nothing is kept then.
    """
    folder = heatmap_folder(claimed.diagnosis)
    batch = Batch()
    try:
        heatmap = save(batch, f"{folder}/{claimed.pk}-{claimed.attempts}", drawn)
        with transaction.atomic(durable=True):
            explanation = LINE.still_held(claimed)
            if explanation is None:
                return False
            if explanation.upload.deleted_at is not None:
                LINE.end(explanation, State.FAILED, "upload_deleted")
                return False
            transaction.on_commit(batch.keep)
            heatmap.diagnosis = explanation.diagnosis
            heatmap.save()
            explanation.heatmap = heatmap
            explanation.details = details
            explanation.progress = 100
            LINE.end(explanation, State.DONE)
        batch.keep()
    finally:
        batch.close()
    if claimed.attempts > 1:
        clear_away_all_but([heatmap], folder=folder, start=str(claimed.pk))
    return True

"""A candidate beside the active model, on pages that a clinician has signed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb, sqrt
from typing import Final

from diagnosis.models import Diagnosis
from diagnosis.presentation import label_name
from diagnosis.review.models import Report
from diagnosis.shadow.models import ShadowReading, Trial
from diagnosis.shadow.trials import last_reviewed

_Z95: Final = 1.959964


@dataclass(frozen=True)
class Share:
    """So many of so many, with the 95 % Wilson score interval."""

    right: int
    of: int

    @property
    def value(self) -> float | None:
        return self.right / self.of if self.of else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Wilson 1927, https://doi.org/10.1080/01621459.1927.10502953."""
        if not self.of:
            return None
        p, n, z2 = self.right / self.of, self.of, _Z95**2
        middle = (p + z2 / (2 * n)) / (1 + z2 / n)
        half = _Z95 * sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n)
        return max(0.0, middle - half), min(1.0, middle + half)


@dataclass(frozen=True)
class Answered:
    """One model on the reviewed pages.

    Attributes:
        answers: pages it answered, of all.
        right: answers that are the clinician's class, of its answers.
        top: most probable class right, "not sure" or not, of all.
    """

    answers: Share
    right: Share
    top: Share


@dataclass(frozen=True)
class Row:
    """One reviewed page."""

    diagnosis: Diagnosis
    clinician: str
    active: str
    candidate: str


@dataclass(frozen=True)
class Recall:
    name: str
    active: Share
    candidate: Share


@dataclass(frozen=True)
class Comparison:
    """Both models on the same pages.

    Attributes:
        pages: compared.
        pending: pages that the candidate has not read yet.
        failed: pages that it could not read.
        active, candidate: how they did.
        recalls: of each class that clinicians gave: most probable class right.
        only_active, only_candidate: pages on which only one's most probable class is right.
        p_value: of McNemar's exact test on them; None where there are none.
        differing: pages where the two differ.
    """

    pages: int
    pending: int
    failed: int
    active: Answered
    candidate: Answered
    recalls: list[Recall]
    only_active: int
    only_candidate: int
    p_value: float | None
    differing: list[Row]


def clinicians_class(report: Report) -> str:
    """The class that a signed report gives; empty where it gives none."""
    return report.diagnosis.label if report.verdict == Report.Verdict.AGREE else report.label


def compare(trial: Trial) -> Comparison:
    """The candidate and the models that answered, on the pages that were reviewed last."""
    reviewed = last_reviewed(trial).filter(state=Diagnosis.State.DONE)
    signed = Report.objects.filter(state=Report.State.SIGNED, diagnosis__in=reviewed).select_related(
        "diagnosis__upload"
    )
    truth = {report.diagnosis_id: label for report in signed if (label := clinicians_class(report))}
    asked = list(
        ShadowReading.objects.filter(trial=trial, diagnosis__in=list(truth)).select_related("diagnosis__upload")
    )
    done = [one for one in asked if one.state == ShadowReading.State.DONE]
    failed = sum(one.state == ShadowReading.State.FAILED for one in asked)
    wanted = [truth[one.diagnosis_id] for one in done]
    before = [one.diagnosis for one in done]
    right_before = [one.label == label for one, label in zip(before, wanted, strict=True)]
    right_now = [one.label == label for one, label in zip(done, wanted, strict=True)]
    only_active = sum(was and not now for was, now in zip(right_before, right_now, strict=True))
    only_candidate = sum(now and not was for was, now in zip(right_before, right_now, strict=True))
    return Comparison(
        pages=len(done),
        pending=len(truth) - len(done) - failed,
        failed=failed,
        active=_answered(before, wanted),
        candidate=_answered(done, wanted),
        recalls=[_recall(label, wanted, right_before, right_now) for label in sorted(set(wanted))],
        only_active=only_active,
        only_candidate=only_candidate,
        p_value=mcnemar(only_active, only_candidate),
        differing=[
            Row(one.diagnosis, label_name(label), _said(one.diagnosis), _said(one))
            for one, label in zip(done, wanted, strict=True)
            if _said(one) != _said(one.diagnosis)
        ],
    )


def mcnemar(one: int, other: int) -> float | None:
    """Two-sided exact p-value that ``one`` and ``other`` are as likely; None where both are 0.

    McNemar 1947, https://doi.org/10.1007/BF02295996.
    """
    together = one + other
    if not together:
        return None
    tail = sum(comb(together, k) for k in range(min(one, other) + 1)) / 2**together
    return min(1.0, 2 * tail)


def _answered(readings: Sequence[Diagnosis | ShadowReading], wanted: Sequence[str]) -> Answered:
    pairs = list(zip(readings, wanted, strict=True))
    given = [(one, label) for one, label in pairs if not one.abstained]
    return Answered(Share(len(given), len(pairs)), _right(given), _right(pairs))


def _right(pairs: Sequence[tuple[Diagnosis | ShadowReading, str]]) -> Share:
    return Share(sum(one.label == label for one, label in pairs), len(pairs))


def _recall(label: str, wanted: Sequence[str], before: Sequence[bool], now: Sequence[bool]) -> Recall:
    here = [index for index, one in enumerate(wanted) if one == label]
    return Recall(
        label_name(label),
        Share(sum(before[index] for index in here), len(here)),
        Share(sum(now[index] for index in here), len(here)),
    )


def _said(one: Diagnosis | ShadowReading) -> str:
    return f"({label_name(one.label)})" if one.abstained else label_name(one.label)

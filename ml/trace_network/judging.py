"""How good the trace networks are: every figure from pages, groups and calibrations that the network had not seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.calibration import softmax
from ml.dataset import LabelledPage
from ml.evaluation import Answers, evaluate, macro_auroc
from ml.trace_network.answers import AnswerRules, fit_rules
from ml.trace_network.cross_fitting import HeldOut
from ml.trace_network.views import SHAPES, Views


@dataclass(frozen=True)
class Judged:
    """Answers of all repeats one after the other, (repeats × N) long.

    Attributes:
        answers: calibrated on the other folds.
        sets: (…, classes) which classes were possible.
        pages: index of each answer's page.
    """

    answers: Answers
    sets: NDArray[np.bool_]
    pages: NDArray[np.intp]

    def files(self, pages: Sequence[LabelledPage]) -> list[str]:
        """The page file of each answer."""
        return [pages[index].file for index in self.pages.tolist()]

    def of(self, wanted: NDArray[np.bool_]) -> Judged:
        """Those of some pages, (N,)."""
        chosen = np.flatnonzero(wanted[self.pages])
        return Judged(self.answers.at(chosen), self.sets[chosen], self.pages[chosen])


def answer_held_out(
    held_out: HeldOut, pages: Sequence[LabelledPage], classes: Sequence[str], *, target_accuracy: float
) -> Judged:
    """Calibrate each fold by the other folds' strict pages, and answer it."""
    labels, groups, strict = columns(pages, classes)
    probabilities, answered, sets = [], [], []
    for logits, folds in zip(held_out.logits, held_out.folds, strict=True):
        calibrated, given, possible = np.zeros_like(logits), np.zeros(len(pages), bool), np.zeros(logits.shape, bool)
        for fold in np.unique(folds):
            here = folds == fold
            rules = fit_rules(logits[~here & strict], labels[~here & strict], target_accuracy=target_accuracy)
            calibrated[here] = rules.probabilities(logits[here])
            given[here] = calibrated[here].max(axis=1) >= rules.calibration.threshold
            possible[here] = rules.sets(calibrated[here])
        probabilities.append(calibrated)
        answered.append(given)
        sets.append(possible)
    repeats = len(probabilities)
    answers = Answers(
        np.concatenate(probabilities), np.tile(labels, repeats), np.tile(groups, repeats), np.concatenate(answered)
    )
    return Judged(answers, np.concatenate(sets), np.tile(np.arange(len(pages)), repeats))


def final_rules(
    held_out: HeldOut, pages: Sequence[LabelledPage], classes: Sequence[str], *, target_accuracy: float
) -> AnswerRules:
    """The rules that ship: fitted on the held-out answers to all strict pages."""
    labels, _, strict = columns(pages, classes)
    logits = np.concatenate([one[strict] for one in held_out.logits])
    return fit_rules(logits, np.tile(labels[strict], len(held_out.logits)), target_accuracy=target_accuracy)


def judge(
    judged: Judged,
    held_out: HeldOut,
    pages: Sequence[LabelledPage],
    views: Views,
    classes: Sequence[str],
    *,
    seed: int,
) -> dict[str, Any]:
    """All figures.

    Args:
        judged: `answer_held_out` of the same networks and pages.
        held_out: what the networks said.
        pages: in its order.
        views: likewise.
        classes: in the order of the logits.
        seed: of the control that knows no values.

    Returns:
        JSON-ready: ``strict``, ``version_2`` (the distinct pictures of the published set) and ``all``
        (`ml.evaluation.evaluate`, with ``sets``), and ``controls``: macro AUROC on strict pages from one view alone,
        and from nothing but what of a view was known.
    """
    labels, groups, strict = columns(pages, classes)
    parts = {
        "strict": strict,
        "version_2": np.array([bool(page.v2_names) for page in pages]),
        "all": np.ones(len(pages), bool),
    }
    figures: dict[str, Any] = {
        name: evaluate(some.answers, classes, threshold=0.0) | {"sets": _sets(some, classes)}
        for name, wanted in parts.items()
        if wanted.any()
        for some in (judged.of(wanted),)
    }
    alone = {}
    for name, logits in zip(SHAPES, held_out.alone, strict=True):
        values = [macro_auroc(Answers(softmax(one[strict]), labels[strict], groups[strict])) for one in logits]
        alone[name] = round(float(np.mean(values)), 4)
    known = _known_only(held_out, views, labels, groups, strict, seed)
    return figures | {"controls": alone | {name: round(value, 4) for name, value in known.items()}}


def columns(
    pages: Sequence[LabelledPage], classes: Sequence[str]
) -> tuple[NDArray[np.intp], NDArray[np.str_], NDArray[np.bool_]]:
    """Labels, groups and strictness of pages."""
    return (
        np.array([classes.index(page.label) for page in pages]),
        np.array([page.group for page in pages]),
        np.array([page.strict for page in pages]),
    )


def _sets(judged: Judged, classes: Sequence[str]) -> dict[str, Any]:
    """How often the sets hold the right class, and how large they are."""
    labels = judged.answers.labels
    held = judged.sets[np.arange(len(labels)), labels]
    return {
        "coverage": round(float(held.mean()), 4),
        "coverage_by_class": {
            name: round(float(held[labels == index].mean()), 4)
            for index, name in enumerate(classes)
            if (labels == index).any()
        },
        "mean_size": round(float(judged.sets.sum(axis=1).mean()), 3),
        "of_one_class": round(float((judged.sets.sum(axis=1) == 1).mean()), 4),
    }


def _known_only(
    held_out: HeldOut,
    views: Views,
    labels: NDArray[np.intp],
    groups: NDArray[np.str_],
    strict: NDArray[np.bool_],
    seed: int,
) -> dict[str, float]:
    """View → macro AUROC of a logistic regression that is told where in it something was read, never what."""
    from sklearn.linear_model import LogisticRegression

    folds, found = held_out.folds[0], {}
    for name, view in zip(SHAPES, views.parts, strict=True):
        # Every tenth sample: gaps are longer than that. Measurements are no samples.
        known = view[..., 1] if name == "measurements" else view[..., ::10, 1]
        said = np.zeros((len(labels), held_out.logits.shape[2]))
        for fold in np.unique(folds):
            here = folds == fold
            model = LogisticRegression(C=0.1, max_iter=2000, random_state=seed)
            model.fit(known[~here].reshape(int((~here).sum()), -1), labels[~here])
            said[here] = model.predict_proba(known[here].reshape(int(here.sum()), -1))
        found[f"what is known of {name}"] = macro_auroc(Answers(said[strict], labels[strict], groups[strict]))
    return found

"""Everything that the report says, as one JSON-ready dictionary."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ml import curves
from ml.dataset import LabelledPage
from ml.evaluation import (
    Answers,
    accuracy,
    bootstrap,
    brier,
    evaluate,
    expected_calibration_error,
    macro_auroc,
    macro_f1,
)
from ml.report.pool import Pool

# Below either, an interval is wide enough that the figure says little.
SMALL_PAGES: Final = 30
SMALL_GROUPS: Final = 10

Figures = dict[str, Any]


def assess(pool: Pool, *, folds: int) -> Figures:
    """Figures, curves and subgroups of pooled runs; the controls are `ml.controls`' part.

    Args:
        pool: runs of one kind.
        folds: of the bootstrap over groups.

    Returns:
        ``runs``, ``classes``, ``strict`` and ``all`` (figures and curves; ``strict`` is None where no page is strict)
        and ``subgroups``.
    """
    views = {"strict": np.flatnonzero(pool.strict), "all": np.arange(len(pool.files))}
    parts = {
        name: _view(pool, chosen, folds) if chosen.size else None
        for name, chosen in tqdm(views.items(), desc="bootstrap", unit="view", disable=None)
    }
    return {
        "architecture": pool.experiment["recipe"]["architecture"],
        "protocol": pool.experiment["protocol"],
        "task": pool.experiment["task"],
        "leak_free": all(run.description["leak_free"] for run in pool.runs),
        "classes": list(pool.classes),
        "bootstrap_folds": folds,
        "runs": [_run_facts(run.description, run.folder.name) for run in pool.runs],
        **parts,
        "subgroups": _subgroups(pool, folds),
    }


def _run_facts(description: Figures, name: str) -> Figures:
    experiment = description["experiment"]
    return {
        "name": name,
        "fold": experiment["fold"],
        "split_seed": experiment["split_seed"],
        "seed": experiment["recipe"]["seed"],
        **{key: description.get(key) for key in ("pages", "calibration", "parameters", "minutes", "inference_ms")},
    }


def _view(pool: Pool, chosen: NDArray[np.intp], folds: int) -> Figures:
    answers, raw = pool.answers.at(chosen), pool.raw.at(chosen)
    confidence, right = answers.probabilities.max(axis=1), answers.probabilities.argmax(axis=1) == answers.labels
    coverage, risk = curves.risk_coverage(confidence, right)
    return {
        **evaluate(answers, pool.classes, threshold=0.0, folds=folds),
        "distinct_pages": len(set(pool.files[chosen].tolist())),
        "before_scaling": {
            "ece": round(expected_calibration_error(raw), 4),
            "brier": round(brier(raw), 4),
            "reliability": _reliability(raw),
        },
        "reliability": _reliability(answers),
        "risk_coverage": {"coverage": _list(coverage), "risk": _list(risk)},
        "curves": {
            name: _class_curves(answers.probabilities[:, index], answers.labels == index)
            for index, name in enumerate(pool.classes)
        },
    }


def _reliability(answers: Answers) -> list[Figures]:
    right = answers.probabilities.argmax(axis=1) == answers.labels
    return [asdict(found) for found in curves.reliability(answers.probabilities.max(axis=1), right)]


def _class_curves(scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> Figures | None:
    if positive.all() or not positive.any():
        return None
    false, true = curves.roc_points(scores, positive)
    recall, precision = curves.pr_points(scores, positive)
    return {
        "roc": {"false_positive_rate": _list(false), "true_positive_rate": _list(true)},
        "pr": {"recall": _list(recall), "precision": _list(precision)},
        "average_precision": round(curves.average_precision(scores, positive), 4),
        "share": round(float(positive.mean()), 4),
    }


def _subgroups(pool: Pool, folds: int) -> list[Figures]:
    """Layout over all pages; the rest over strict pages, where print style cannot stand in for the class."""
    strict = pool.strict if pool.strict.any() else np.ones(len(pool.files), bool)
    bounds = _tertiles([page for page, chosen in zip(pool.pages, strict, strict=True) if chosen])

    def heart_rate(page: LabelledPage) -> str:
        if page.printed_hr_bpm is None or bounds is None:
            return "not read"
        low, high = bounds
        if page.printed_hr_bpm <= low:
            return f"up to {low:g} bpm"
        return f"{low:g} to {high:g} bpm" if page.printed_hr_bpm <= high else f"above {high:g} bpm"

    kinds: dict[str, tuple[NDArray[np.bool_], Callable[[LabelledPage], str]]] = {
        "layout": (np.ones(len(pool.files), bool), lambda page: page.layout or "unknown"),
        "sex": (strict, lambda page: page.sex or "unknown"),
        "printed heart rate": (strict, heart_rate),
        "lead off": (strict, lambda page: "yes" if page.lead_off else "no"),
    }
    cells = []
    for kind, (among, name_of) in kinds.items():
        names = np.array([name_of(page) for page in pool.pages])
        found = sorted(
            set(names[among].tolist()),
            key=lambda name: (name == "not read", not name.startswith("up to"), name.startswith("above"), name),
        )
        cells += [(kind, name, np.flatnonzero(among & (names == name))) for name in found]
    return [
        _subgroup(kind, name, pool.answers.at(chosen), folds)
        for kind, name, chosen in tqdm(cells, desc="subgroups", unit="subgroup", disable=None)
    ]


def _tertiles(pages: list[LabelledPage]) -> tuple[float, float] | None:
    """Bounds over distinct pages; none where too few rates were read."""
    rates = list({page.file: page.printed_hr_bpm for page in pages if page.printed_hr_bpm is not None}.values())
    if len(rates) < 3:
        return None
    low, high = np.percentile(rates, [100 / 3, 200 / 3])
    return round(float(low)), round(float(high))


def _subgroup(kind: str, name: str, answers: Answers, folds: int) -> Figures:
    named = {"accuracy": accuracy, "macro_f1": macro_f1, "macro_auroc": macro_auroc}
    groups = len(np.unique(answers.groups))
    # One group resampled is that group again: no interval.
    intervals = bootstrap(answers, list(named.values()), seed=0, folds=folds) if groups > 1 else None
    found: Figures = {
        "kind": kind,
        "name": name,
        "pages": len(answers.labels),
        "groups": groups,
        "small": len(answers.labels) < SMALL_PAGES or groups < SMALL_GROUPS,
    }
    for index, (key, figure) in enumerate(named.items()):
        low, high = intervals[index] if intervals else (float("nan"), float("nan"))
        found[key] = {
            part: _number(value) for part, value in (("value", figure(answers)), ("low", low), ("high", high))
        }
    return found


def _number(value: float) -> float | None:
    return None if np.isnan(value) else round(value, 4)


def _list(values: NDArray[np.float64]) -> list[float]:
    return [round(value, 5) for value in values.tolist()]

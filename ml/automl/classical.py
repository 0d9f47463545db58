"""Search over classical pipelines with FLAML, by folds of the training pages in which no recording group is divided."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from flaml import AutoML, tune
from flaml.automl.model import SKLearnEstimator
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold

from ml import pipelines
from ml.calibration import softmax
from ml.evaluation import Answers, macro_auroc

FOLDS: Final = 4
# More components than a fold of training pages has are not to be had.
_MOST_COMPONENTS: Final = 300

Say = Callable[[str], None]


@dataclass(frozen=True)
class Knob:
    """One setting of a pipeline: a range, on a logarithmic scale, and where the search begins."""

    low: float
    high: float
    start: float
    whole: bool = False
    # Where trying it costs least, if that is elsewhere.
    cheap: float | None = None


# Architecture → scikit-learn's name of a setting → what it may be. The start is the registry's own.
SPACE: Final[dict[str, dict[str, Knob]]] = {
    "svm": {
        "pca__n_components": Knob(10, _MOST_COMPONENTS, 100, whole=True),
        "svc__C": Knob(0.03, 300.0, 3.0),
    },
    "logistic_regression": {
        "pca__n_components": Knob(10, _MOST_COMPONENTS, 100, whole=True),
        "logisticregression__C": Knob(1e-4, 10.0, 0.01),
    },
    "random_forest": {
        "randomforestclassifier__n_estimators": Knob(30, 1000, 500, whole=True, cheap=60),
        "randomforestclassifier__min_samples_leaf": Knob(1, 20, 2, whole=True),
        "randomforestclassifier__max_features": Knob(0.005, 0.5, 0.024),
    },
}


@dataclass(frozen=True)
class Found:
    """The best of a search.

    Attributes:
        architecture: its name in the registry.
        settings: what differs from the registry's own (`ml.pipelines.build`).
        figure: mean macro AUROC over the inner folds.
        tried: how many settings were judged, in this search and those before it that it went on with.
    """

    architecture: str
    settings: pipelines.Settings
    figure: float
    tried: int


@dataclass(frozen=True)
class Pages:
    """The training pages of a split, and nothing else.

    Attributes:
        described: (N, F) features.
        labels: (N,) classes 0…classes-1.
        groups: (N,) recording groups.
        strict: (N,) of the print style in which all classes occur.
    """

    described: NDArray[np.float32]
    labels: NDArray[np.intp]
    groups: NDArray[np.str_]
    strict: NDArray[np.bool_]


def search(
    pages: Pages,
    architectures: Sequence[str],
    log: Path,
    *,
    minutes: float,
    seed: int,
    trials: int | None = None,
    say: Say = print,
) -> Found:
    """Try settings until the time is up.

    FLAML spends the budget where it expects most for it, by how long each try took: with one seed the order of tries is
    the same as far as the machine takes the same time for each, and no further.

    Args:
        pages: to train and, by inner folds, to judge on.
        architectures: keys of `SPACE`.
        log: every try, one JSON object a line; an existing one is gone on with, from its best settings.
        minutes: budget; the try that is running when it ends is finished or dropped. With 0 the log alone is read.
        seed: of folds, pipelines and search.
        trials: at most so many tries.
        say: told of each try.

    Raises:
        ValueError: no try was finished, or there are not enough groups for the folds.
    """
    if len(np.unique(pages.groups)) < FOLDS:
        raise ValueError(f"the inner folds need at least {FOLDS} recording groups")
    logging.getLogger("flaml").setLevel(logging.WARNING)
    if minutes > 0:
        _try_settings(pages, architectures, log, minutes=minutes, seed=seed, trials=trials, say=say)
    tried = _read(log)
    best = _best(tried)
    if best is None:
        raise ValueError("no settings could be judged within the budget; give it more minutes")
    return Found(best["learner"], best["config"], 1.0 - best["validation_loss"], len(tried))


def _try_settings(
    pages: Pages,
    architectures: Sequence[str],
    log: Path,
    *,
    minutes: float,
    seed: int,
    trials: int | None,
    say: Say,
) -> None:
    before = _read(log)
    judge = _Judge(pages, say, time.monotonic() + 60 * minutes)
    automl = AutoML()
    for architecture in architectures:
        automl.add_learner(architecture, _learner(architecture, seed, judge))
    log.parent.mkdir(parents=True, exist_ok=True)
    automl.fit(
        # The last column says which page it is: the judge must know which ones are strict.
        np.column_stack([pages.described, np.arange(len(pages.labels), dtype=np.float32)]),
        pages.labels,
        task="multiclass",
        metric=judge.loss,
        eval_method="cv",
        n_splits=FOLDS,
        split_type=StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed),
        groups=pages.groups,
        estimator_list=list(architectures),
        starting_points={name: best["config"] for name in architectures if (best := _best(before, name))},
        time_budget=60 * minutes,
        max_iter=trials or 1_000_000,
        seed=seed,
        n_jobs=1,
        skip_transform=True,
        retrain_full=False,
        log_file_name=str(log),
        log_type="all",
        append_log=bool(before),
        verbose=0,
    )


class _Judge:
    """Macro AUROC of one inner fold, and a line when all folds of a try are through."""

    def __init__(self, pages: Pages, say: Say, deadline: float) -> None:
        self._pages, self._say, self._deadline = pages, say, deadline
        self._classes = int(pages.labels.max()) + 1
        self._folds: dict[str, list[float]] = {}
        self._best = 0.0

    def loss(
        self,
        held_out: NDArray[np.float32],
        labels: NDArray[np.intp],
        learner: Any,
        *_: Any,
        **__: Any,
    ) -> tuple[float, dict[str, float]]:
        """What FLAML minimises: one minus the macro AUROC of the strict pages held out (of all, where none is strict).

        A pipeline that could not be fitted gets the worst.
        """
        figure = 0.0 if learner.failure else self._figure(held_out, labels, learner.model)
        self._note(learner, figure)
        return 1.0 - figure, {"macro_auroc": figure}

    def _figure(self, held_out: NDArray[np.float32], labels: NDArray[np.intp], pipeline: Any) -> float:
        strict = self._pages.strict[held_out[:, -1].astype(int)]
        chosen = np.flatnonzero(strict) if strict.any() else np.arange(len(labels))
        logits = pipelines.logits(pipeline, held_out[chosen, :-1], self._classes)
        figure = macro_auroc(Answers(softmax(logits), np.asarray(labels)[chosen], chosen.astype(str)))
        return 0.0 if np.isnan(figure) else figure

    def _note(self, learner: Any, figure: float) -> None:
        told = " ".join(f"{name}={value:.4g}" for name, value in learner.settings.items())
        folds = self._folds.setdefault(f"{learner.architecture} {told}", [])
        folds.append(figure)
        if len(folds) < FOLDS:
            return
        # FLAML may come back to the same settings.
        folds, self._folds = list(folds), {}
        mean = float(np.mean(folds))
        self._best = max(self._best, mean)
        left = max(self._deadline - time.monotonic(), 0.0) / 60
        outcome = f"failed: {learner.failure}" if learner.failure else f"macro AUROC {mean:.4f}"
        self._say(
            f"{learner.architecture} {told}: {outcome}; best of this search {self._best:.4f}; {left:.1f} min left"
        )


def _learner(architecture: str, seed: int, judge: _Judge) -> type:
    """One of the laboratory's pipelines as FLAML wants its learners."""

    class Learner(SKLearnEstimator):  # type: ignore[misc]
        def __init__(self, task: Any = "multiclass", **config: Any) -> None:
            super().__init__(task, **config)
            self.architecture = architecture
            self.settings = {name: value for name, value in config.items() if name in SPACE[architecture]}
            self.failure = ""

        @classmethod
        def search_space(cls, data_size: tuple[int, int], **_: Any) -> dict[str, dict[str, Any]]:
            return {name: _domain(name, knob, data_size) for name, knob in SPACE[architecture].items()}

        def config2params(self, config: dict[str, Any]) -> dict[str, Any]:
            return {name: value for name, value in config.items() if name in SPACE[architecture]}

        def _fit(self, described: NDArray[np.float32], labels: NDArray[np.intp], **_: Any) -> float:
            began = time.time()
            self.failure = ""
            try:
                pipeline = pipelines.build(architecture, seed, self.settings)
                self._model = pipeline.fit(described[:, :-1], labels)
            # Settings that do not go together, or do not fit into memory, cost this try and no other.
            except Exception as error:  # noqa: BLE001
                self.failure = f"{type(error).__name__}: {error}"
            return time.time() - began

    return Learner


def _domain(name: str, knob: Knob, data_size: tuple[int, int]) -> dict[str, Any]:
    pages, columns = data_size
    # In a fold fewer pages are left to train on, whole groups at a time; the last column is no feature.
    high = min(knob.high, pages // 2, columns - 1) if name == "pca__n_components" else knob.high
    start, low = min(knob.start, high - 1 if knob.whole else high), min(knob.low, high / 2)
    if knob.whole:
        low, high, start = max(int(low), 1), int(high), int(start)
        domain = {"domain": tune.lograndint(lower=low, upper=high), "init_value": start}
    else:
        domain = {"domain": tune.loguniform(lower=low, upper=high), "init_value": start}
    return domain | ({"low_cost_init_value": knob.cheap} if knob.cheap else {})


def _read(log: Path) -> list[dict[str, Any]]:
    """The tries in a log; FLAML ends it with a line that is none."""
    if not log.exists():
        return []
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [line for line in lines if "validation_loss" in line]


def _best(tried: list[dict[str, Any]], architecture: str | None = None) -> dict[str, Any] | None:
    some = [line for line in tried if architecture in (None, line["learner"]) and line["validation_loss"] < 1.0]
    return min(some, key=lambda line: float(line["validation_loss"]), default=None)

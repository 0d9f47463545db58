"""Search over networks: each trial is a resumable training, judged on strict validation pages only."""

from __future__ import annotations

import gc
import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.trial import FrozenTrial, TrialState

from ml.automl.space import draw, own, parameters_of
from ml.calibration import softmax
from ml.dataset import LabelledPage, Split, load_inputs
from ml.evaluation import Answers, macro_auroc
from ml.experiment import Experiment, spec_of
from ml.protocols import divide
from ml.recipes import Recipe
from ml.training import AfterEpoch, predict_logits, read_log, train

FIGURES: Final = "automl.json"
# Trials that end before any can be stopped, and epochs before one is: while only the head learns, figures say little.
STARTUP_TRIALS: Final = 4
WARM_UP_EPOCHS: Final = 5

Say = Callable[[str], None]


class TimeIsUp(Exception):
    """The budget ended in the middle of a trial, which can be taken up again."""


class Diverged(Exception):
    """The network answers with something that is no number."""


@dataclass(frozen=True)
class Plan:
    """What a study searches. Every call that goes on with it must say the same.

    Attributes:
        architectures: to choose from.
        protocol, task, fold, split_seed: of the pages, as in `ml.experiment.Experiment`; no trial sees the test pages.
        seed: of every training.
        epochs: at most, where it is not each recipe's own number.
        weights: where backbones get theirs from.
    """

    architectures: tuple[str, ...]
    protocol: str = "grouped"
    task: str = "four"
    fold: int = 0
    split_seed: int = 20
    seed: int = 20
    epochs: int | None = None
    weights: str = "auto"

    def experiment(self, recipe: Recipe, target_accuracy: float = 0.9) -> Experiment:
        return Experiment(recipe, self.protocol, self.task, self.fold, self.split_seed, self.weights, target_accuracy)


def open_study(
    name: str,
    storage: optuna.storages.BaseStorage | None,
    plan: Plan,
    *,
    worker: int = 0,
    warm_up: int = WARM_UP_EPOCHS,
) -> optuna.Study:
    """Open a study or begin it, with each architecture's own recipe as its first trials.

    The sampler is seeded by plan, worker and the trials there are, so that one machine alone repeats itself and one
    that goes on does not draw again what it drew before.

    Args:
        name: of the study.
        storage: from `ml.automl.storage.open_storage`; None keeps it in memory.
        plan: what to search.
        worker: number of this machine among those that share the study.
        warm_up: epochs in which no trial is stopped.

    Raises:
        ValueError: there is a study of that name with another plan.
    """
    study = optuna.create_study(
        study_name=name,
        storage=storage,
        direction="maximize",
        load_if_exists=True,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=STARTUP_TRIALS, n_warmup_steps=warm_up),
    )
    told = json.loads(json.dumps(asdict(plan)))
    begun = study.user_attrs.get("plan")
    if begun is None:
        study.set_user_attr("plan", told)
        for architecture in plan.architectures:
            study.enqueue_trial(parameters_of(own(architecture)), skip_if_exists=True)
    elif begun != told:
        differing = ", ".join(key for key in told if begun.get(key) != told[key])
        raise ValueError(f"the study {name} was begun with other settings ({differing}); give this one another name")
    seed = plan.seed + 1_000 * worker + len(study.get_trials(deepcopy=False))
    study.sampler = optuna.samplers.TPESampler(seed=seed)
    return study


class NetworkSearch:
    """Runs trials of a study on this machine until the time is up."""

    def __init__(
        self,
        plan: Plan,
        data: Path,
        runs: Path,
        *,
        cache: Path | None = None,
        weights_folder: Path | None = None,
        devices: int = 1,
        say: Say = print,
    ) -> None:
        self._plan, self._data, self._runs, self._cache = plan, data, runs, cache
        self._weights_folder, self._devices, self._say = weights_folder or data / "weights", devices, say
        self._pages, self._classes, self._split = divide(
            data, plan.protocol, plan.task, seed=plan.split_seed, fold=plan.fold
        )
        self._judged_on = _judged_on(self._pages, self._split)
        self._inputs: dict[str, NDArray[np.uint8]] = {}
        self._deadline = float("inf")

    def run(self, study: optuna.Study, *, minutes: float, trials: int | None = None) -> None:
        """Run trials until the minutes are over, or so many have ended.

        A trial that fails, fails alone. One that the end of the time or Ctrl+C breaks off goes back into the queue,
        and its training is taken up from its last epoch.

        Raises:
            KeyboardInterrupt: somebody stopped it.
        """
        self._deadline = time.monotonic() + 60 * minutes
        ended = 0
        while time.monotonic() < self._deadline and (trials is None or ended < trials):
            study.optimize(self._trial, n_trials=1, catch=(Exception,), callbacks=[self._report])
            ended += 1

    def folder_of(self, study: optuna.Study, recipe: Recipe) -> Path:
        """Where a recipe is trained: the same one always in the same folder, so that it is never trained twice."""
        told = json.dumps(asdict(recipe), sort_keys=True).encode()
        return self._runs / study.study_name / f"{recipe.architecture}-{hashlib.sha256(told).hexdigest()[:12]}"

    def _trial(self, trial: optuna.Trial) -> float:
        recipe = draw(trial, self._plan.architectures, seed=self._plan.seed, epochs=self._plan.epochs)
        trial.set_user_attr("recipe", asdict(recipe))
        folder = self.folder_of(trial.study, recipe)
        try:
            return self._train(trial, recipe, folder)
        except (KeyboardInterrupt, TimeIsUp):
            trial.study.enqueue_trial(trial.params, user_attrs={"goes_on_with": trial.number})
            raise
        # The reason is all that the study keeps of a failure.
        except Exception as error:
            if not isinstance(error, optuna.TrialPruned):
                trial.set_user_attr("failure", f"{type(error).__name__}: {error}"[:500])
            raise
        finally:
            keras.backend.clear_session()
            gc.collect()

    def _train(self, trial: optuna.Trial, recipe: Recipe, folder: Path) -> float:
        inputs = self._inputs_for(recipe.architecture)
        model = train(
            recipe,
            inputs,
            self._pages,
            self._classes,
            self._split,
            folder,
            weights=self._plan.weights,
            weights_folder=self._weights_folder,
            devices=self._devices,
            after_epoch=self._watch(trial, inputs, folder),
        )
        trial.set_user_attr("epochs", len(read_log(folder / "log.csv")))
        return self._figure(model, inputs)

    def _watch(self, trial: optuna.Trial, inputs: NDArray[np.uint8], folder: Path) -> AfterEpoch:
        file = folder / FIGURES
        # What a trial that was broken off has reported already.
        figures: dict[str, float] = json.loads(file.read_text()) if file.exists() else {}
        for epoch in range(len(read_log(folder / "log.csv"))):
            if str(epoch) in figures:
                trial.report(figures[str(epoch)], epoch)

        def after_epoch(epoch: int, model: keras.Model) -> None:
            figures[str(epoch)] = self._figure(model, inputs)
            file.write_text(json.dumps(figures) + "\n")
            trial.report(figures[str(epoch)], epoch)
            trial.set_user_attr("epochs", epoch + 1)
            if trial.should_prune():
                raise optuna.TrialPruned
            if time.monotonic() > self._deadline:
                raise TimeIsUp

        return after_epoch

    def _figure(self, model: keras.Model, inputs: NDArray[np.uint8]) -> float:
        """Macro AUROC. F1 would jump with each page of the rarest class, and it needs a threshold; ranks do not."""
        logits = predict_logits(model, inputs[self._judged_on])
        if not np.isfinite(logits).all():
            raise Diverged("the network's answers are not finite")
        pages = [self._pages[index] for index in self._judged_on.tolist()]
        labels = np.array([self._classes.index(page.label) for page in pages])
        return macro_auroc(Answers(softmax(logits), labels, np.array([page.group for page in pages])))

    def _inputs_for(self, architecture: str) -> NDArray[np.uint8]:
        spec = spec_of(architecture)
        key = json.dumps(spec.to_json(), sort_keys=True)
        if key not in self._inputs:
            self._inputs[key] = load_inputs(self._data, self._pages, spec, cache=self._cache)
        return self._inputs[key]

    def _report(self, study: optuna.Study, trial: FrozenTrial) -> None:
        best = best_of(study)
        so_far = f"best so far {best.value:.4f} (trial {best.number})" if best else "none has finished yet"
        left = max(self._deadline - time.monotonic(), 0.0) / 60
        recipe = trial.user_attrs.get("recipe", {})
        settings = " ".join(
            f"{name}={value:.3g}" if isinstance(value, float) else f"{name}={value}"
            for name, value in trial.params.items()
            if name != "architecture"
        )
        self._say(
            f"trial {trial.number} {recipe.get('architecture', '')} {settings}: {_outcome(trial)}; {so_far}; "
            f"{left:.1f} min left"
        )


def best_of(study: optuna.Study) -> FrozenTrial | None:
    """The trial with the highest figure among those trained to their end."""
    finished = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return max(finished, key=lambda trial: (trial.value or 0.0, -trial.number), default=None)


def recipe_of(trial: FrozenTrial) -> Recipe:
    """What a trial trained."""
    return Recipe(**trial.user_attrs["recipe"])


def _outcome(trial: FrozenTrial) -> str:
    epochs = f"{trial.user_attrs.get('epochs', 0)} epochs"
    if trial.state == TrialState.COMPLETE:
        return f"macro AUROC {trial.value:.4f} after {epochs}"
    if trial.state == TrialState.PRUNED:
        return f"stopped after {epochs}, behind the others"
    failure: Any = trial.user_attrs.get("failure")
    return f"failed: {failure}" if failure else f"broken off after {epochs}, queued again"


def _judged_on(pages: list[LabelledPage], split: Split) -> NDArray[np.intp]:
    strict = np.array([pages[index].strict for index in split.validation.tolist()], bool)
    # Print style gives classes away, so trials are compared where the headline is measured.
    return split.validation[strict] if strict.any() else split.validation

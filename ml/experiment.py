"""One architecture, one protocol, one fold: carried out, or taken up where it was broken off, and written down."""

from __future__ import annotations

import json
import os
import platform
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ml import pipelines
from ml.architectures import REGISTRY
from ml.bundle import PIPELINE, Calibration
from ml.calibration import fit_temperature, fit_threshold, softmax
from ml.dataset import LabelledPage, Split, load_inputs
from ml.preprocessing import PreprocessingSpec
from ml.protocols import PROTOCOLS, divide
from ml.recipes import Recipe
from ml.runs import Predictions, Run, is_finished, read_run, write_run
from ml.timing import network_milliseconds, pipeline_milliseconds

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Experiment:
    """What is to be found out.

    Attributes:
        recipe: architecture and training; of a classical pipeline only architecture and seed count.
        protocol, task: keys of `ml.protocols.PROTOCOLS` and `TASKS`.
        fold: of the protocol.
        split_seed: of the division into folds, apart from the recipe's own seed.
        weights: where backbones get their weights from (`ml.pretrained.CHOICES`).
        target_accuracy: wanted share of right answers among those given; sets the threshold of "not sure".
    """

    recipe: Recipe
    protocol: str = "grouped"
    task: str = "four"
    fold: int = 0
    split_seed: int = 20
    weights: str = "auto"
    target_accuracy: float = 0.9

    @property
    def folder_name(self) -> str:
        """Where its run lies below the folder of all runs."""
        return f"{self.recipe.architecture}/{self.protocol}-{self.task}-fold{self.fold}-seed{self.recipe.seed}"

    def divide(self, data: Path) -> tuple[list[LabelledPage], tuple[str, ...], Split]:
        """Its pages, classes and split (`ml.protocols.divide`)."""
        return divide(data, self.protocol, self.task, seed=self.split_seed, fold=self.fold)


def carry_out(
    experiment: Experiment,
    data: Path,
    folder: Path,
    *,
    cache: Path | None = None,
    weights_folder: Path | None = None,
    settings: pipelines.Settings | None = None,
    devices: int = 1,
) -> Run:
    """Train, answer the held-out pages, calibrate, and write the run down. A finished run is read back.

    Args:
        experiment: what to do.
        data: folder with the manifest and its pages.
        folder: of the run.
        cache: for the pages as model inputs.
        weights_folder: of local ImageNet weights; default ``data/weights``.
        settings: of a classical pipeline, where they differ from the registry's own (`ml.pipelines.build`).
        devices: how many a network is trained on (`ml.devices`).

    Raises:
        ValueError: the folder holds another run, or the protocol does not fit the data.
        FileNotFoundError: there is no manifest.
        WeightsUnavailable: the weights asked for cannot be had.
    """
    if is_finished(folder):
        run = read_run(folder)
        done = run.description["experiment"], run.description.get("settings", {})
        if done != (json.loads(json.dumps(asdict(experiment))), settings or {}):
            raise ValueError(f"{folder} holds another run; choose another folder or remove it")
        return run
    pages, classes, split = experiment.divide(data)
    inputs = load_inputs(data, pages, spec_of(experiment.recipe.architecture), cache=cache)
    began = time.monotonic()
    if REGISTRY[experiment.recipe.architecture].classical:
        logits, facts = _fit_pipeline(experiment, inputs, pages, classes, split, folder, settings or {})
    else:
        logits, facts = _train_network(
            experiment, inputs, pages, classes, split, folder, weights_folder or data / "weights", devices
        )
    facts.setdefault("minutes", round((time.monotonic() - began) / 60, 2))
    said = Predictions.of(pages, classes, logits)
    parts = {part: said.at(getattr(split, part)) for part in ("validation", "test")}
    calibration = _calibrate(parts["validation"], experiment)
    description = {
        "experiment": asdict(experiment),
        "leak_free": PROTOCOLS[experiment.protocol].leak_free,
        "classes": list(classes),
        "pages": {part: len(getattr(split, part)) for part in ("train", "validation", "test")},
        "calibration": asdict(calibration),
        **facts,
    }
    write_run(folder, description, parts)
    return read_run(folder)


def spec_of(architecture: str) -> PreprocessingSpec:
    height, width = REGISTRY[architecture].input_size
    return PreprocessingSpec(height=height, width=width)


def finished_network(experiment: Experiment, classes: int, folder: Path) -> keras.Model:
    """The network of a finished run, in float32, with the weights of its best epoch."""
    model = REGISTRY[experiment.recipe.architecture].build(classes)
    model.load_weights(folder / "best.weights.h5")
    return model


def finished_pipeline(experiment: Experiment, run: Run, data: Path, *, cache: Path | None = None) -> Any:
    """The fitted pipeline of a finished run; one that kept none is fitted again and must answer as it did.

    Raises:
        ValueError: it does not.
        BundleCorrupt: the file in the run's folder may not be used.
    """
    if (run.folder / PIPELINE).is_file():
        return pipelines.load(run.folder / PIPELINE)
    from ml.image_features import features

    pages, classes, split = experiment.divide(data)
    described = features(load_inputs(data, pages, spec_of(experiment.recipe.architecture), cache=cache))
    pipeline = _fitted(experiment, described, pages, classes, split, run.description.get("settings", {}))
    again, before = pipelines.logits(pipeline, described[split.test], len(classes)), run.parts["test"].logits
    if again.shape != before.shape or not np.allclose(again, before, atol=1e-4):
        raise ValueError(f"{run.folder} kept no pipeline, and fitted again it answers otherwise; remove it and repeat")
    pipelines.save(pipeline, run.folder / PIPELINE)
    return pipeline


def _train_network(
    experiment: Experiment,
    inputs: NDArray[np.uint8],
    pages: list[LabelledPage],
    classes: tuple[str, ...],
    split: Split,
    folder: Path,
    weights_folder: Path,
    devices: int,
) -> tuple[NDArray[np.float64], dict[str, Any]]:
    import keras

    from ml.training import predict_logits, read_log, train

    model = train(
        experiment.recipe,
        inputs,
        pages,
        classes,
        split,
        folder,
        weights=experiment.weights,
        weights_folder=weights_folder,
        devices=devices,
    )
    # What it says of the pages it was trained on is of no interest, and a large network needs minutes for them.
    asked = np.concatenate([split.validation, split.test])
    logits = np.full((len(inputs), len(classes)), np.nan)
    logits[asked] = predict_logits(model, inputs[asked])
    log = read_log(folder / "log.csv")
    return logits, {
        "weights": json.loads((folder / "weights.json").read_text()),
        "parameters": model.count_params(),
        "epochs": len(log),
        # The log knows the time of a run that was broken off and taken up.
        "minutes": round(sum(row["seconds"] for row in log) / 60, 1),
        "inference_ms": network_milliseconds(model, inputs),
        "device": f"{keras.backend.backend()}, {_device()}",
    }


def _fit_pipeline(
    experiment: Experiment,
    inputs: NDArray[np.uint8],
    pages: list[LabelledPage],
    classes: tuple[str, ...],
    split: Split,
    folder: Path,
    settings: pipelines.Settings,
) -> tuple[NDArray[np.float64], dict[str, Any]]:
    from ml.image_features import features

    described = features(inputs)
    pipeline = _fitted(experiment, described, pages, classes, split, settings)
    logits = pipelines.logits(pipeline, described, len(classes))
    folder.mkdir(parents=True, exist_ok=True)
    pipelines.save(pipeline, folder / PIPELINE)
    facts: dict[str, Any] = {
        "weights": {},
        "parameters": None,
        "inference_ms": pipeline_milliseconds(pipeline, inputs, len(classes)),
        "device": _device(),
    }
    return logits, facts | ({"settings": settings} if settings else {})


def _fitted(
    experiment: Experiment,
    described: NDArray[np.float32],
    pages: list[LabelledPage],
    classes: tuple[str, ...],
    split: Split,
    settings: pipelines.Settings,
) -> Any:
    labels = np.array([classes.index(page.label) for page in pages])
    pipeline = pipelines.build(experiment.recipe.architecture, experiment.recipe.seed, settings)
    return pipeline.fit(described[split.train], labels[split.train])


def _calibrate(validation: Predictions, experiment: Experiment) -> Calibration:
    # Print style gives classes away, so the threshold is fitted where the headline is measured.
    fitted_on = validation.at(validation.strict) if validation.strict.any() else validation
    temperature = fit_temperature(fitted_on.logits, fitted_on.labels)
    threshold = fit_threshold(softmax(fitted_on.logits / temperature), fitted_on.labels, experiment.target_accuracy)
    return Calibration(round(temperature, 4), threshold)


def _device() -> str:
    return f"{os.cpu_count()} × {platform.machine()}"

"""What the table of models holds: which network is trained how, under which protocols, and what others claim for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from ml.experiment import Experiment
from ml.recipes import RECIPES, Recipe

# Name on the command line → protocol and task. Leak-free first: it is what the time is for.
PROTOCOLS: Final = {
    "grouped": ("grouped", "four"),
    "published": ("published", "four"),
    "published-756": ("published-756", "three"),
}


@dataclass(frozen=True)
class Row:
    """One line of the table of models.

    Attributes:
        architecture: name in the registry.
        claim: what was published for it on this data set, and by whom.
        settings: of the recipe, where the table's runs differ from the architecture's own for want of time.
    """

    architecture: str
    claim: str
    settings: dict[str, Any]

    def experiment(self, protocol: str) -> Experiment:
        own = RECIPES.get(self.architecture, Recipe(self.architecture))
        return Experiment(replace(own, **self.settings), *PROTOCOLS[protocol])


_C: Final = "SmartECG: “strong”, a sister repository 0.87"

TABLE: Final = (
    Row("custom_cnn", "0.951 (validation), F1 0.95", {"epochs": 70}),
    Row("mobilenet_v2", "0.902; elsewhere 0.48", {"epochs": 12}),
    Row("efficientnet_b0_msa", "0.96, F1 0.95", {"epochs": 12, "batch_size": 16, "learning_rate": 1e-3}),
    Row("efficientnet_b0", "leak-free, 491 pages: 0.838, F1 0.749", {"epochs": 5}),
    Row(
        "resnet50",
        "1.00 everything (three classes); elsewhere 0.962, 0.68",
        {"epochs": 10, "batch_size": 16, "learning_rate": 3e-4},
    ),
    Row("vgg16", "not stated", {"epochs": 3}),
    Row("densenet121", "0.90", {"epochs": 5}),
    Row("convnext_tiny", "baseline, figure not stated", {"epochs": 3}),
    Row("fused", "not stated", {"epochs": 4, "batch_size": 16, "learning_rate": 3e-4}),
    Row("svm", _C, {}),
    Row("random_forest", _C, {}),
    Row("logistic_regression", _C, {}),
)


def run_folder(runs: Path, experiment: Experiment) -> Path:
    return runs / experiment.folder_name


def record_file(records: Path, experiment: Experiment) -> Path:
    return records / f"{experiment.folder_name.replace('/', '-')}.json"

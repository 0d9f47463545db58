"""What the results tables hold: which network is trained how, under which protocols, and what others claim for it."""

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
        return Experiment(_recipe(self.architecture, self.settings), *PROTOCOLS[protocol])


@dataclass(frozen=True)
class Variant:
    """One line of the ablation of the adaptive focal loss.

    Attributes:
        name: of its record and run.
        title: what differs, in words.
        settings: of the recipe, beside the ones all variants share.
    """

    name: str
    title: str
    settings: dict[str, Any]

    def experiment(self) -> Experiment:
        return Experiment(_recipe(ABLATED, _SHARED | self.settings))


def _recipe(architecture: str, settings: dict[str, Any]) -> Recipe:
    return replace(RECIPES.get(architecture, Recipe(architecture)), **settings)


_C: Final = "SmartECG: “strong”, a sister repository 0.87"

TABLE: Final = (
    Row("custom_cnn", "0.951 (validation), F1 0.95", {"epochs": 40}),
    Row("mobilenet_v2", "0.902; elsewhere 0.48", {"epochs": 12}),
    Row("efficientnet_b0_msa", "0.96, F1 0.95", {"epochs": 12, "batch_size": 16, "learning_rate": 1e-3}),
    Row("efficientnet_b0", "leak-free, 491 pages: 0.838, F1 0.749", {"epochs": 5}),
    Row(
        "resnet50",
        "1.00 everything (three classes); elsewhere 0.962, 0.68",
        {"epochs": 8, "batch_size": 16, "learning_rate": 3e-4},
    ),
    Row("vgg16", "not stated", {"epochs": 3}),
    Row("densenet121", "0.90", {"epochs": 5}),
    Row("convnext_tiny", "baseline, figure not stated", {"epochs": 3}),
    Row("fused", "not stated", {"epochs": 4, "batch_size": 16, "learning_rate": 3e-4}),
    Row("svm", _C, {}),
    Row("random_forest", _C, {}),
    Row("logistic_regression", _C, {}),
)

# The head alone on frozen ImageNet features: what differs is the loss, and an epoch costs seconds, not minutes.
ABLATED: Final = "mobilenet_v2"
_SHARED: Final = {"epochs": 10, "frozen_epochs": 10, "learning_rate": 1e-3, "patience": 10}
_ADAPTIVE: Final = {"loss": "adaptive_focal"}

ABLATION: Final = (
    Variant("cross_entropy", "weighted cross-entropy", {"loss": "weighted_cross_entropy"}),
    Variant("focal", "focal, α by class frequency, γ = 2, nothing adapted", {"loss": "focal"}),
    Variant("adaptive", "adaptive: α (τ = 1) and γ (k = 2) follow the recall", _ADAPTIVE),
    Variant("alpha_only", "α follows the recall, γ stays (k = 0)", _ADAPTIVE | {"gamma_slope": 0.0}),
    Variant("gamma_only", "γ follows the recall, α stays (τ = 0)", _ADAPTIVE | {"alpha_exponent": 0.0}),
    Variant("gamma_sign", "the sign of γ turned around (k = −2)", _ADAPTIVE | {"gamma_slope": -2.0}),
    Variant("alpha_sign", "the sign of α turned around (τ = −1)", _ADAPTIVE | {"alpha_exponent": -1.0}),
)


def run_folder(runs: Path, experiment: Experiment) -> Path:
    return runs / experiment.folder_name


def ablation_folder(runs: Path, variant: Variant) -> Path:
    return runs / "ablation" / variant.name


def record_file(records: Path, experiment: Experiment) -> Path:
    return records / f"{experiment.folder_name.replace('/', '-')}.json"


def ablation_file(records: Path, variant: Variant) -> Path:
    return records / f"ablation-{variant.name}.json"

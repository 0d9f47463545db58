"""How far each method may be believed for one model: four measurements that need no opinion.

* Deletion and insertion against random maps of the same values and smoothness (`perturbation`).
* Cascading weight randomisation: do maps change when the network is undone (`randomisation`)?
* Agreement: rank correlation between the maps of different methods.
* Placement: is attribution on traces rather than on bare grid or at the border (`placement`)?
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ml.dataset import LabelledPage
from ml.decode import decode
from ml.explain.explainer import Explainer
from ml.explain.maps import on_common_grid, random_like, rank_correlation, structural_similarity
from ml.explain.network import Floats
from ml.explain.perturbation import STEPS, Curves, curves
from ml.explain.placement import Masks, places_of, ratio
from ml.explain.randomisation import restored, shuffle, steps_down
from ml.page import find_ecg, take_apart
from ml.preprocessing import ModelInput, PreprocessingSpec, preprocess

BOOTSTRAP_FOLDS: Final = 2000
RANDOM_MAPS: Final = 20
# One shuffle may by chance leave a network that looks at the same places; the verdict is the mean of several.
SHUFFLES: Final = 3
# Of a hundred unrelated maps as smooth as the original, this many are less like it than the threshold.
THRESHOLD_PERCENTILE: Final = 95.0

CHOICES: Final = {
    "explained_class": "the model's own answer, right or wrong",
    "deleted": "replaced by the local tone of the paper, a median over a twelfth of the shorter side",
    "steps": STEPS,
    "random_map": "the map's own values and spectrum with random phases",
    "interval": f"95 % bootstrap of the paired difference over recording groups, {BOOTSTRAP_FOLDS} folds",
    "randomisation": "weights shuffled within each tensor, last layer first, cumulatively; "
    f"passes if the mean rank correlation with the original map, all weights shuffled ({SHUFFLES} times), is below the "
    f"{THRESHOLD_PERCENTILE:.0f}th percentile of {RANDOM_MAPS} random maps a page",
    "ratio": "share of attribution on an area by that area's share of the crop; 1 is chance",
}

# Wraps an iterable of known length to show progress, as tqdm does.
Watched = Callable[[Sequence[Any], str], Iterable[Any]]
# Is given the maps of all methods, one for each page, before the network is undone.
Keep = Callable[[dict[str, list[Floats]]], None]


@dataclass(frozen=True)
class Sample:
    """A page as the measurements need it.

    Attributes:
        label, group: as in the manifest.
        model_input: (height, width) uint8.
        masks: areas of the crop.
    """

    label: str
    group: str
    model_input: ModelInput
    masks: Masks


@dataclass
class _Measured:
    """One method on one page."""

    found: Floats
    seconds: float
    details: dict[str, float]
    own: Curves
    random: Curves


def choose(
    pages: Sequence[LabelledPage], indices: NDArray[np.intp], per_class: int, *, seed: int
) -> list[LabelledPage]:
    """Up to ``per_class`` strict pages of each class among ``indices``, at random, groups mixed; sorted by class."""
    rng = np.random.default_rng(seed)
    strict = [pages[index] for index in indices if pages[index].strict]
    chosen: list[LabelledPage] = []
    for label in sorted({page.label for page in strict}):
        candidates = [page for page in strict if page.label == label]
        chosen += [candidates[place] for place in rng.permutation(len(candidates))[:per_class]]
    return chosen


def read_sample(folder: Path, page: LabelledPage, spec: PreprocessingSpec) -> Sample:
    """Read one page of a data folder."""
    image = decode((folder / page.file).read_bytes()).pages[0]
    layers = take_apart(image)
    crop = find_ecg(image, layers).crop
    return Sample(page.label, page.group, preprocess(image, crop, spec), places_of(layers, crop))


def measure(
    explainer: Explainer,
    samples: Sequence[Sample],
    methods: Sequence[str],
    *,
    seed: int = 20,
    randomised: int = 3,
    watched: Watched = lambda items, _title: items,
    keep: Keep | None = None,
) -> dict[str, Any]:
    """Measure methods on pages that the model was not trained on.

    Args:
        explainer: the model. Its weights are shuffled meanwhile and put back at the end.
        samples: the pages.
        methods: names of methods that apply to the model.
        seed: of random maps, shuffles and the bootstrap.
        randomised: pages of each class that the randomisation check takes; it is the slow part.
        watched: shows progress.
        keep: takes the maps, to draw them.

    Returns:
        JSON-ready: ``model``, ``pages``, ``groups``, ``choices``, ``methods`` (name → figures), ``agreement``.
    """
    rng = np.random.default_rng(seed)
    labels = [explainer.winner(sample.model_input) for sample in samples]
    groups = np.array([sample.group for sample in samples])
    identity = explainer.identity
    measured: dict[str, list[_Measured]] = {}
    results: dict[str, Any] = {}
    for method in methods:
        pairs = list(zip(samples, labels, strict=True))
        watch = watched(pairs, f"{method}: deletion and insertion")
        measured[method] = [_measure_page(explainer, sample, method, label, rng) for sample, label in watch]
        results[method] = _summary(measured[method], samples, groups, seed)
    found_by = {method: [one.found for one in measured[method]] for method in methods}
    if keep is not None:
        keep(found_by)
    some = first_of_each(samples, randomised)
    for method in methods:
        found = [found_by[method][index] for index in some]
        pages = [(samples[index].model_input, labels[index]) for index in some]
        results[method]["randomisation"] = check_randomisation(explainer, method, pages, found, seed, watched)
    return {
        "model": {"name": identity.name, "version": identity.version, "sha256": identity.sha256},
        "pages": len(samples),
        "groups": len(np.unique(groups)),
        "pages_per_class": {label: sum(sample.label == label for sample in samples) for label in identity.classes},
        "randomised_pages": len(some),
        "seed": seed,
        "choices": CHOICES,
        "methods": results,
        "agreement": _agreement(found_by, samples),
    }


def verdicts(result: dict[str, Any]) -> dict[str, Any]:
    """What a bundle keeps of a measurement: method → the figures an interface shows."""
    return {
        method: {
            "passes_randomisation": figures["randomisation"]["passes"],
            "deletion_auc": figures["deletion"]["auc"],
            "insertion_auc": figures["insertion"]["auc"],
            "random_deletion_auc": figures["deletion"]["random_auc"],
            "random_insertion_auc": figures["insertion"]["random_auc"],
            "on_trace_ratio": figures["placement"]["trace"],
            "pages": result["pages"],
        }
        for method, figures in result["methods"].items()
    }


def check_randomisation(
    explainer: Explainer,
    method: str,
    pages: Sequence[tuple[ModelInput, int]],
    originals: Sequence[Floats],
    seed: int,
    watched: Watched = lambda items, _title: items,
) -> dict[str, Any]:
    """Shuffle the network from its last layer down and compare each page's map with the original.

    Args:
        explainer: the model.
        method: name of the method.
        pages: model input and index of the explained class of each page.
        originals: the maps by the intact network.
        seed: of the shuffles and of the random maps.
        watched: shows progress.

    Returns:
        ``steps`` (the layers down to which all is shuffled; mean rank correlation and SSIM with the originals; the
        last ones are further shuffles of everything), ``spearman`` (mean of those with everything shuffled),
        ``threshold``, ``random_spearman`` and ``random_ssim`` (of random maps), ``passes``.
    """
    rng = np.random.default_rng(seed)
    network = explainer.network
    shape = (network.height, network.width)
    before = [on_common_grid(found, shape) for found in originals]
    random = [[on_common_grid(random_like(found, rng), shape) for _ in range(RANDOM_MAPS)] for found in originals]
    chance = [rank_correlation(own, other) for own, others in zip(before, random, strict=True) for other in others]
    ssim = [structural_similarity(own, other) for own, others in zip(before, random, strict=True) for other in others]
    threshold = float(np.percentile(chance, THRESHOLD_PERCENTILE))
    down = steps_down(network.model)
    everything = [[layer for layers in down for layer in layers]] * (SHUFFLES - 1)
    steps = []
    with restored(network.model):
        for layers in watched(down + everything, f"{method}: randomisation"):
            shuffle(layers, rng)
            after = [on_common_grid(explainer.attribute(page, method, label)[0], shape) for page, label in pages]
            pairs = list(zip(before, after, strict=True))
            steps.append(
                {
                    "down_to": layers[-1].name,
                    "spearman": _mean([rank_correlation(*pair) for pair in pairs]),
                    "ssim": _mean([structural_similarity(*pair) for pair in pairs]),
                }
            )
    fully = float(np.mean([step["spearman"] for step in steps[-SHUFFLES:]]))
    return {
        "passes": fully < threshold,
        "spearman": round(fully, 4),
        "threshold": round(threshold, 4),
        "random_spearman": _mean(chance),
        "random_ssim": _mean(ssim),
        "steps": steps,
    }


def first_of_each(samples: Sequence[Sample], count: int) -> list[int]:
    """Indices of the first ``count`` samples of each class."""
    seen: dict[str, int] = {}
    taken = []
    for index, sample in enumerate(samples):
        seen[sample.label] = seen.get(sample.label, 0) + 1
        if seen[sample.label] <= count:
            taken.append(index)
    return taken


def mean_interval(values: NDArray[np.float64], groups: NDArray[np.str_], *, seed: int) -> tuple[float, float]:
    """95 % percentile interval of the mean, whole groups resampled with replacement."""
    rng = np.random.default_rng(seed)
    _, group_of = np.unique(groups, return_inverse=True)
    sums, counts = np.bincount(group_of, values), np.bincount(group_of)
    drawn = rng.integers(len(counts), size=(BOOTSTRAP_FOLDS, len(counts)))
    low, high = np.percentile(sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1), [2.5, 97.5])
    return float(low), float(high)


def _measure_page(explainer: Explainer, sample: Sample, method: str, label: int, rng: np.random.Generator) -> _Measured:
    began = time.perf_counter()
    found, details = explainer.attribute(sample.model_input, method, label)
    seconds = time.perf_counter() - began
    page, temperature = sample.model_input.astype(np.float32), explainer.manifest.calibration.temperature
    own = curves(explainer.network, page, found, label, temperature, rng)
    random = curves(explainer.network, page, random_like(found, rng), label, temperature, rng)
    return _Measured(found, seconds, details, own, random)


def _summary(
    measured: Sequence[_Measured], samples: Sequence[Sample], groups: NDArray[np.str_], seed: int
) -> dict[str, Any]:
    areas = tuple(samples[0].masks)
    found: dict[str, list[float]] = {
        area: [
            value
            for one, sample in zip(measured, samples, strict=True)
            if (value := ratio(one.found, sample.masks[area])) is not None
        ]
        for area in areas
    }
    return {
        # The first page pays for compiling.
        "seconds_per_page": round(float(np.median([one.seconds for one in measured])), 2),
        "pages_without_evidence": sum(not one.found.any() for one in measured),
        "deletion": _paired(
            [one.own.deletion_auc for one in measured], [one.random.deletion_auc for one in measured], groups, seed
        ),
        "insertion": _paired(
            [one.own.insertion_auc for one in measured], [one.random.insertion_auc for one in measured], groups, seed
        ),
        "placement": {area: _mean(values) for area, values in found.items()},
        "details": {name: _mean([one.details[name] for one in measured]) for name in measured[0].details},
    }


def _paired(own: list[float], random: list[float], groups: NDArray[np.str_], seed: int) -> dict[str, float | None]:
    """Mean areas, and method less random with its interval; below 0 is good for deletion, above 0 for insertion."""
    difference = np.array(own) - np.array(random)
    low, high = mean_interval(difference, groups, seed=seed)
    return {
        "auc": _mean(own),
        "random_auc": _mean(random),
        "difference": round(float(difference.mean()), 4),
        "low": round(low, 4),
        "high": round(high, 4),
    }


def _agreement(found: dict[str, list[Floats]], samples: Sequence[Sample]) -> dict[str, Any]:
    """Mean over pages of the rank correlation between each two methods' maps."""
    shape = samples[0].model_input.shape
    common = {name: [on_common_grid(one, (shape[0], shape[1])) for one in maps] for name, maps in found.items()}
    return {
        "methods": list(common),
        "spearman": [
            [_mean([rank_correlation(*pair) for pair in zip(mine, theirs, strict=True)]) for theirs in common.values()]
            for mine in common.values()
        ],
    }


def _mean(values: Sequence[float]) -> float | None:
    return round(float(np.mean(values)), 4) if len(values) else None

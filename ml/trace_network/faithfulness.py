"""How far the explanations of the trace network may be believed: do they depend on what it learned, does it matter to
its answer what they point at?"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ml.explain.faithfulness import mean_interval
from ml.explain.maps import rank_correlation
from ml.explain.randomisation import restored, shuffle
from ml.leads.layouts import LEADS
from ml.trace_network.explain import OCCLUSION, RELEVANCE, without_each_lead
from ml.trace_network.placement import lead_shares
from ml.trace_network.relevance import Relevance
from ml.trace_network.serving import TraceNetwork
from ml.trace_network.views import Views, without

METHODS: Final = (RELEVANCE, OCCLUSION)
_SHUFFLES: Final = 3
_UNRELATED: Final = 20
_PERCENTILE: Final = 95.0

Floats = NDArray[np.float64]


def measure(network: TraceNetwork, views: Views, groups: NDArray[np.str_], *, seed: int) -> dict[str, dict[str, Any]]:
    """Judge the methods on pages.

    Args:
        network: whose explanations.
        views: of N pages.
        groups: (N,) their recording groups, resampled whole for the intervals.
        seed: of shuffles and random leads.

    Returns:
        Method → ``passes_randomisation`` (after Adebayo et al. 2018, arXiv:1810.03292: the mean rank correlation with
        the explanation by a network whose weights are all shuffled is below ``threshold``, which 95 of 100 unrelated
        explanations stay below), ``spearman``, ``threshold``; ``lead_left_out``: by how much more the probability
        falls without the lead that is pointed at most than without a random one, and its 95 % interval.
    """
    singles = [Views(*(part[index] for part in views.parts)) for index in range(len(groups))]
    winners = [int(network.read(page).probabilities.argmax()) for page in singles]
    rng = np.random.default_rng(seed)
    found = {method: _explanations(network, method, singles, winners) for method in METHODS}
    undone: dict[str, list[list[Relevance]]] = {method: [] for method in METHODS}
    for _ in range(_SHUFFLES):
        with restored(network.network):
            shuffle([layer for layer in network.network.layers if layer.weights], rng)
            for method in METHODS:
                undone[method].append(_explanations(network, method, singles, winners))
    return {
        method: _verdict(network, method, found[method], undone[method], singles, winners, groups, rng)
        for method in METHODS
    }


def _explanations(network: TraceNetwork, method: str, pages: list[Views], labels: list[int]) -> list[Relevance]:
    if method == RELEVANCE:
        return [network.read(page, label).relevance for page, label in zip(pages, labels, strict=True)]
    return [without_each_lead(network, page, label) for page, label in zip(pages, labels, strict=True)]


def _verdict(
    network: TraceNetwork,
    method: str,
    found: list[Relevance],
    undone: list[list[Relevance]],
    pages: list[Views],
    labels: list[int],
    groups: NDArray[np.str_],
    rng: np.random.Generator,
) -> dict[str, Any]:
    own = [_numbers(method, one) for one in found]
    like = [
        rank_correlation(mine, _numbers(method, other)) for one in undone for mine, other in zip(own, one, strict=True)
    ]
    chance = [rank_correlation(mine, _unrelated(method, mine, rng)) for mine in own for _ in range(_UNRELATED)]
    threshold = float(np.percentile(chance, _PERCENTILE))
    falls = np.array(
        [_falls(network, page, label, one, rng) for page, label, one in zip(pages, labels, found, strict=True)]
    )
    difference = falls[:, 0] - falls[:, 1]
    low, high = mean_interval(difference, groups, seed=0)
    return {
        "passes_randomisation": bool(np.mean(like) < threshold),
        "spearman": round(float(np.mean(like)), 4),
        "threshold": round(threshold, 4),
        "pages": len(pages),
        "lead_left_out": {
            "pointed_at": round(float(falls[:, 0].mean()), 4),
            "random": round(float(falls[:, 1].mean()), 4),
            "difference": round(float(difference.mean()), 4),
            "low": round(low, 4),
            "high": round(high, 4),
        },
    }


def _numbers(method: str, found: Relevance) -> Floats:
    """An explanation as a row of numbers: every instant, or where the method knows only leads, one for each."""
    if method == RELEVANCE:
        return np.concatenate([found.beats.ravel(), found.rhythm]).astype(np.float64)
    return np.append(found.beats.sum(axis=1), found.rhythm.sum()).astype(np.float64)


def _unrelated(method: str, own: Floats, rng: np.random.Generator) -> Floats:
    """As smooth as the explanation and about nothing: moved in time, or dealt to other leads."""
    return np.roll(own, int(rng.integers(len(own)))) if method == RELEVANCE else rng.permutation(own)


def _falls(
    network: TraceNetwork, page: Views, label: int, found: Relevance, rng: np.random.Generator
) -> tuple[float, float]:
    """Fall of the class's probability without the lead that is pointed at most, and without another, random one."""
    shares = lead_shares(found)
    most = max(shares, key=lambda lead: shares[lead]) if shares else LEADS[0]
    other = str(rng.choice([lead for lead in LEADS if lead != most]))
    before = network.read(page).probabilities[label]
    most_gone, other_gone = (
        float(before - network.read(without(page, lead)).probabilities[label]) for lead in (most, other)
    )
    return most_gone, other_gone

"""From a trace network's logits to what may be said: probabilities, "not sure", and the classes that are possible."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ml.bundle import Calibration
from ml.calibration import fit_temperature, fit_threshold, softmax

# Of all pages of a class, the share whose set of possible classes holds the right one.
SET_COVERAGE: Final = 0.9


@dataclass(frozen=True)
class AnswerRules:
    """Fitted on pages that the network in question had not seen.

    Attributes:
        calibration: temperature, and confidence below which the answer is "not sure".
        possible_from: (classes,) probability from which a class belongs to the set of possible ones.
    """

    calibration: Calibration
    possible_from: tuple[float, ...]

    def probabilities(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """(N, classes), calibrated."""
        return softmax(logits / self.calibration.temperature)

    def sets(self, probabilities: NDArray[np.float64]) -> NDArray[np.bool_]:
        """(N, classes) whether a class is possible; the most probable one always is."""
        possible = probabilities >= np.array(self.possible_from)
        possible[np.arange(len(possible)), probabilities.argmax(axis=1)] = True
        return np.asarray(possible)


def fit_rules(logits: NDArray[np.float64], labels: NDArray[np.intp], *, target_accuracy: float) -> AnswerRules:
    """Fit temperature, threshold and sets.

    The sets are class-conditional (Mondrian) conformal ones: Vovk et al. 2005, "Algorithmic learning in a random
    world"; across folds as in Vovk 2015, "Cross-conformal predictors", Ann Math Artif Intell 74:9-28.

    Args:
        logits: (N, classes) of held-out pages.
        labels: (N,) their classes; each must occur.
        target_accuracy: wanted share of right answers among those given.
    """
    temperature = round(fit_temperature(logits, labels), 4)
    probabilities = softmax(logits / temperature)
    threshold = fit_threshold(probabilities, labels, target_accuracy)
    least = []
    for index in range(logits.shape[1]):
        own = np.sort(probabilities[labels == index, index])
        # With n pages, the class is missed by at most floor((n + 1) × (1 − coverage)) of them.
        missed = int(np.floor((len(own) + 1) * (1 - SET_COVERAGE)))
        least.append(float(own[missed - 1]) if missed else 0.0)
    return AnswerRules(Calibration(temperature, threshold), tuple(round(value, 6) for value in least))

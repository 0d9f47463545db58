"""Losses for classes of very different size. All take one-hot targets and logits, (N, classes)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@keras.saving.register_keras_serializable(package="isoline")
class CategoricalFocal(keras.losses.Loss):  # type: ignore[misc]
    r"""Focal loss per class: :math:`-\alpha_c (1 - p_c)^{\gamma_c} \log p_c` for the true class c.

    Source: Lin et al. 2017, "Focal loss for dense object detection", arXiv:1708.02002.

    α and γ are variables, so that a callback may move them while a compiled training step goes on using them.

    Args:
        alpha: weight of each class.
        gamma: focusing exponent of each class; 0 gives weighted cross-entropy.
        label_smoothing: share of the target spread evenly over all classes.
    """

    def __init__(
        self, alpha: Sequence[float], gamma: Sequence[float], label_smoothing: float = 0.0, name: str = "focal"
    ) -> None:
        super().__init__(name=name)
        self.alpha = keras.Variable(np.asarray(alpha, np.float32), trainable=False, name="alpha")
        self.gamma = keras.Variable(np.asarray(gamma, np.float32), trainable=False, name="gamma")
        self._label_smoothing = label_smoothing

    def call(self, y_true: Any, y_pred: Any) -> Any:
        logits = ops.cast(y_pred, "float32")
        target = ops.cast(y_true, "float32")
        target = target * (1.0 - self._label_smoothing) + self._label_smoothing / target.shape[-1]
        log_p = ops.log_softmax(logits, axis=-1)
        focus = ops.power(ops.clip(1.0 - ops.exp(log_p), 1e-7, 1.0), self.gamma)
        return -ops.sum(target * self.alpha * focus * log_p, axis=-1)

    def get_config(self) -> dict[str, Any]:
        return {
            "alpha": ops.convert_to_numpy(self.alpha).tolist(),
            "gamma": ops.convert_to_numpy(self.gamma).tolist(),
            "label_smoothing": self._label_smoothing,
            "name": self.name,
        }


class FocalAdaptation:
    r"""How α and γ follow the recall of each class from epoch to epoch.

    With the recall :math:`r_c` of class c on pages that are neither trained on nor used for early stopping, smoothed
    as :math:`\bar r_c \leftarrow m\,\bar r_c + (1 - m)\,r_c`:

    .. math::

        \alpha_c \propto w_c (1 - \bar r_c + \varepsilon)^{\tau}, \quad
        \gamma_c = \mathrm{clip}(\gamma_0 + k(\mathrm{mean}(\bar r) - \bar r_c),\ 0.5,\ 4)

    :math:`w_c = (1 - \beta)/(1 - \beta^{n_c})` is the effective-number weight of a class with n_c training pages. α is
    scaled to mean 1, clipped to 0.25…4, and scaled once more. A class that is found too rarely gains weight (τ > 0)
    and focus (k > 0). For ``warm_up`` epochs α is w alone and γ is γ₀.

    Sources: effective number: Cui et al. 2019, arXiv:1901.05555; focal loss: Lin et al. 2017, arXiv:1708.02002. The
    adaptation is our own reading of "α and γ adapted from class recall"; its mechanism was never published.

    Args:
        counts: training pages of each class.
        tau: exponent of the recall in α; 0 leaves α at w.
        k: slope of γ in the recall; its sign is what an ablation turns around.
        gamma_0, beta, momentum, epsilon, warm_up: as above.
    """

    def __init__(
        self,
        counts: Sequence[int],
        *,
        tau: float = 1.0,
        k: float = 2.0,
        gamma_0: float = 2.0,
        beta: float = 0.999,
        momentum: float = 0.7,
        epsilon: float = 0.05,
        warm_up: int = 2,
    ) -> None:
        effective = (1.0 - beta) / (1.0 - beta ** np.maximum(np.asarray(counts, np.float64), 1.0))
        self._base = effective / effective.mean()
        self._tau, self._k, self._gamma_0 = tau, k, gamma_0
        self._momentum, self._epsilon, self._warm_up = momentum, epsilon, warm_up
        self._recall: Floats | None = None
        self._epochs = 0

    @property
    def alpha(self) -> Floats:
        """(classes,), mean 1."""
        if self._recall is None or self._epochs <= self._warm_up:
            return np.asarray(self._base)
        raw = self._base * (1.0 - self._recall + self._epsilon) ** self._tau
        clipped = np.clip(raw / raw.mean(), 0.25, 4.0)
        return np.asarray(clipped / clipped.mean())

    @property
    def gamma(self) -> Floats:
        """(classes,), in 0.5…4."""
        if self._recall is None or self._epochs <= self._warm_up:
            return np.full(len(self._base), self._gamma_0, np.float64)
        return np.asarray(np.clip(self._gamma_0 + self._k * (self._recall.mean() - self._recall), 0.5, 4.0))

    def observe(self, recall: Sequence[float]) -> None:
        """Take in the recall of each class after an epoch."""
        seen = np.asarray(recall, np.float64)
        self._recall = seen if self._recall is None else self._momentum * self._recall + (1 - self._momentum) * seen
        self._epochs += 1

    def state(self) -> dict[str, Any]:
        """JSON-ready; `restore` takes it back."""
        return {"recall": None if self._recall is None else self._recall.tolist(), "epochs": self._epochs}

    def restore(self, state: dict[str, Any]) -> None:
        self._recall = None if state["recall"] is None else np.asarray(state["recall"], np.float64)
        self._epochs = int(state["epochs"])

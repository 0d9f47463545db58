"""Seeded variations of views: what differs from one recording of a heart to the next, and views that are missing."""

from __future__ import annotations

import math
from typing import Final

import keras
import numpy as np
from numpy.typing import NDArray

from ml.trace_network.views import View, Views

_GAIN: Final = 0.12
_LEAD_GAIN: Final = 0.05
_LEVEL_MV: Final = 0.02
_NOISE_MV: Final = 0.015
_SHIFT: Final = 3
_LEADS_LOST: Final = 0.3
# Of each view in turn: the network must not come to rest on one of them.
_VIEW_LOST: Final = 0.13
_MEASUREMENT_LOST: Final = 0.05
_MEASUREMENT_NOISE: Final = 0.1


class VariedViews(keras.utils.PyDataset):  # type: ignore[misc]
    """Shuffled batches of varied views, mixed in pairs (Zhang et al. 2018, arXiv:1710.09412)."""

    def __init__(
        self,
        views: Views,
        targets: NDArray[np.float32],
        weights: NDArray[np.float32],
        *,
        seed: int,
        batch_size: int,
        mixing: float,
    ) -> None:
        super().__init__()
        self._views, self._targets, self._weights = views, targets, weights
        self._rng = np.random.default_rng(seed)
        self._batch_size, self._mixing = batch_size, mixing
        self._order = self._rng.permutation(len(targets))

    def __len__(self) -> int:
        return math.ceil(len(self._order) / self._batch_size)

    def __getitem__(self, index: int) -> tuple[tuple[View, View, View], View, View]:
        chosen = self._order[index * self._batch_size : (index + 1) * self._batch_size]
        varied = vary(self._views.at(chosen), self._rng)
        share = self._rng.beta(self._mixing, self._mixing, len(chosen)).astype(np.float32)
        share = np.maximum(share, 1 - share)
        other = self._rng.permutation(len(chosen))
        beats, rhythm, measurements = (_mixed(view, view[other], share) for view in varied.parts)
        targets = self._targets[chosen]
        return (beats, rhythm, measurements), _mixed(targets, targets[other], share), self._weights[chosen]

    def on_epoch_end(self) -> None:
        self._order = self._rng.permutation(len(self._targets))


def vary(views: Views, rng: np.random.Generator) -> Views:
    """Another recording of the same hearts: gain, level, noise, time; leads and whole views go missing."""
    beats, rhythm, measurements = (view.copy() for view in views.parts)
    pages, leads = beats.shape[:2]
    gain = np.exp(rng.normal(0, _GAIN, (pages, 1, 1)))
    beats[..., 0] *= gain * np.exp(rng.normal(0, _LEAD_GAIN, (pages, leads, 1)))
    beats[..., 0] += rng.normal(0, _LEVEL_MV, (pages, leads, 1)) + rng.normal(0, _NOISE_MV, beats.shape[:3])
    rhythm[..., 0] = rhythm[..., 0] * gain[..., 0] + rng.normal(0, _LEVEL_MV, rhythm.shape[:2])
    beats = _shifted(beats, rng.integers(-_SHIFT, _SHIFT + 1, (pages,)), axis=2)
    rhythm = _shifted(rhythm, rng.integers(0, rhythm.shape[1], (pages,)), axis=1)
    lost = (rng.random((pages, leads)) < 1.5 / leads) & (rng.random((pages, 1)) < _LEADS_LOST)
    beats[lost] = 0.0
    measurements[..., 0] += rng.normal(0, _MEASUREMENT_NOISE, measurements.shape[:2]) * measurements[..., 1]
    measurements[rng.random(measurements.shape[:2]) < _MEASUREMENT_LOST] = 0.0
    missing = rng.random(pages)
    for number, view in enumerate((beats, rhythm, measurements)):
        view[(missing >= number * _VIEW_LOST) & (missing < (number + 1) * _VIEW_LOST)] = 0.0
    # What is unknown has no value either, whatever noise fell on it.
    beats[..., 0] *= beats[..., 1]
    rhythm[..., 0] *= rhythm[..., 1]
    return Views(beats, rhythm, measurements)


def _shifted(view: View, by: NDArray[np.int64], *, axis: int) -> View:
    """Each page rolled along the time axis by a number of samples of its own."""
    length = view.shape[axis]
    shape = [1] * view.ndim
    shape[0], shape[axis] = len(by), length
    at = ((np.arange(length)[None, :] - by[:, None]) % length).reshape(shape)
    return np.take_along_axis(view, at, axis=axis)


def _mixed(one: View, other: View, share: View) -> View:
    wide = share.reshape(-1, *([1] * (one.ndim - 1)))
    return np.asarray(wide * one + (1 - wide) * other, dtype=np.float32)

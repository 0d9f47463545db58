"""Where the waves of typical beats begin and end, from all leads that share their instants.

The global intervals that cardiographs print run from the earliest beginning in any lead to the latest end. The speed of
all leads together shows both: it rises out of the noise where the first lead leaves the baseline, and falls back where
the last has come to rest. The end of T is where its steepest descent would meet the baseline (the tangent method).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from ml.measurements.median_beat import RATE_HZ, MedianBeats, Signal

# Thresholds of the QRS complex, as shares of its greatest speed.
ONSET_SHARE: Final = 0.08
END_SHARE: Final = 0.10
_REST_S: Final = 0.012
_QRS_REACH_S: Final = 0.12
_P_LONGEST_S: Final = 0.30
_P_LEAST_MV: Final = 0.035
_T_LEAST_MV: Final = 0.05


@dataclass(frozen=True)
class Waves:
    """Fiducial points in seconds after the beat's reference point; None where a wave cannot be told from the noise."""

    p_on: float | None
    p_end: float | None
    qrs_on: float
    qrs_end: float
    t_end: float | None


def find_waves(beats: MedianBeats, names: tuple[str, ...]) -> Waves | None:
    """Fiducial points of the leads of one group (`MedianBeats.columns`), or None where no QRS complex stands out."""
    times = beats.times_s
    signals = _filled(np.stack([beats.signals[name] for name in names]))
    if signals is None:
        return None
    speed = _smooth(np.sqrt((np.gradient(signals, 1 / RATE_HZ, axis=1) ** 2).mean(axis=0)), 0.010)
    near = np.abs(times) < _QRS_REACH_S / 2
    peak = int(np.flatnonzero(near)[speed[near].argmax()])
    top = float(speed[peak])
    rest = float(np.percentile(speed, 15))
    if top < 3 * rest:
        return None
    on = _boundary(speed, peak, -1, rest + ONSET_SHARE * (top - rest))
    end = _boundary(speed, peak, +1, rest + END_SHARE * (top - rest))
    p_on, p_end = _p_wave(times, signals, on)
    return Waves(p_on, p_end, float(times[on]), float(times[end]), _t_end(times, signals, on, end))


def _filled(signals: Signal) -> Signal | None:
    """Leads with their gaps bridged; leads with long ones are left out."""
    kept = []
    for signal in signals:
        known = np.isfinite(signal)
        if known.mean() > 0.8:
            places = np.arange(len(signal))
            kept.append(np.interp(places, places[known], signal[known]))
    return np.stack(kept) if kept else None


def _smooth(values: Signal, width_s: float) -> Signal:
    window = np.hanning(round(width_s * RATE_HZ) + 2)[1:-1]
    padded = np.pad(values, len(window) // 2, mode="edge")
    smoothed: Signal = np.convolve(padded, window / window.sum(), "same")
    return smoothed[len(window) // 2 : len(window) // 2 + len(values)]


def _boundary(speed: Signal, peak: int, step: int, level: float) -> int:
    """Where the speed first stays below a level for a while, walking from the QRS complex outwards."""
    rest = round(_REST_S * RATE_HZ)
    place, still = peak, 0
    reach = round(_QRS_REACH_S * RATE_HZ)
    while 0 < place < len(speed) - 1 and abs(place - peak) < reach and still < rest:
        place += step
        still = still + 1 if speed[place] < level else 0
    return place - step * still


def _p_wave(times: Signal, signals: Signal, qrs_on: int) -> tuple[float | None, float | None]:
    first = max(qrs_on - round(_P_LONGEST_S * RATE_HZ), 0)
    # The steep foot of the QRS complex must not be taken for a wave.
    last = qrs_on - round(0.016 * RATE_HZ)
    if last - first < round(0.10 * RATE_HZ):
        return None, None
    part = signals[:, first:last]
    places = np.linspace(0.0, 1.0, part.shape[1])
    # Measured from the line between the beginning and the end, where there is rest.
    ends = part[:, :5].mean(axis=1)[:, None], part[:, -5:].mean(axis=1)[:, None]
    part = part - (ends[0] * (1 - places) + ends[1] * places)
    size = _smooth(np.sqrt((part**2).mean(axis=0)), 0.016)
    top = int(size.argmax())
    if size[top] < _P_LEAST_MV or not 0.1 < places[top] < 0.97:
        return None, None
    slope = _smooth(np.gradient(size), 0.012)
    return (
        float(times[first + _foot(size, slope, top, -1)]),
        float(times[first + _foot(size, slope, top, +1)]),
    )


def _foot(size: Signal, slope: Signal, top: int, step: int) -> int:
    """Where the tangent at the steepest flank meets the least value beyond it."""
    flank = slice(0, top + 1) if step < 0 else slice(top, len(size))
    steepest = flank.start + int((-step * slope[flank]).argmax())
    beyond = size[: steepest + 1] if step < 0 else size[steepest:]
    height = size[steepest] - float(beyond.min())
    run = height / max(abs(float(slope[steepest])), 1e-9)
    return int(np.clip(round(steepest + step * run), 0, len(size) - 1))


def _t_end(times: Signal, signals: Signal, qrs_on: int, qrs_end: int) -> float | None:
    first = qrs_end + round(0.06 * RATE_HZ)
    if len(times) - first < round(0.12 * RATE_HZ):
        return None
    level = signals[:, max(qrs_on - 8, 0) : qrs_on].mean(axis=1)[:, None]
    part = signals[:, first:] - level
    ends: list[float] = []
    weights: list[float] = []
    for lead in part:
        found = _tangent(_smooth(lead, 0.03))
        if found is not None:
            place, height = found
            ends.append(float(times[0] + (first + place) / RATE_HZ))
            weights.append(height)
    if not ends:
        return None
    # Small T waves are measured badly; their leads count less.
    order = np.argsort(ends)
    share = np.cumsum(np.array(weights)[order]) / sum(weights)
    return float(np.array(ends)[order][int(np.searchsorted(share, 0.5))])


def _tangent(lead: Signal) -> tuple[float, float] | None:
    """Place of a lead's T end and the height of its T wave, or None for a flat one."""
    base = float(np.median(lead[-max(len(lead) // 8, 5) :]))
    away = np.abs(lead - base)
    # The last quarter may already hold the next beat's P wave.
    top = int(away[: max(3 * len(away) // 4, 1)].argmax())
    height = float(away[top])
    if height < _T_LEAST_MV or top < 3:
        return None
    sign = 1.0 if lead[top] > base else -1.0
    slope = -sign * np.gradient(lead)[top:]
    reach = slope[: max(round(0.16 * RATE_HZ), 1)]
    steepest = top + int(reach.argmax())
    descent = float(reach.max())
    if descent <= 0:
        return None
    return steepest + sign * (lead[steepest] - base) / descent, height

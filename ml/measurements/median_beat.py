"""One typical beat of each lead: beats of the dominant shape laid over one another, the median of every instant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from ml.measurements.beats import REFRACTORY_S, Times

if TYPE_CHECKING:
    from ml.leads.signals import Lead, Leads

Signal = NDArray[np.float64]

RATE_HZ: Final = 500.0
BEFORE_S: Final = 0.36
AFTER_S: Final = 0.60
_QRS_S: Final = 0.08
_SHIFT_S: Final = 0.04
# Correlation with the others, around the QRS complex, below which a beat is of another shape.
_ALIKE: Final = 0.7
# Instants that must be known in both to compare two beats at all.
_LEAST_KNOWN: Final = 10


@dataclass(frozen=True)
class MedianBeats:
    """Typical beats of the leads of a page.

    Attributes:
        times_s: (N,) seconds after the beat's reference point (the fastest instant of its QRS complex).
        signals: lead name → (N,) mV; the same instants in every lead. A lead of which no whole beat was read is absent.
        counts: lead name → beats that went in.
        columns: lead names that were printed over the same stretch of time, together; only within one of these groups
            are instants strictly the same.
        interval_s: median RR interval.
    """

    times_s: Signal
    signals: dict[str, Signal]
    counts: dict[str, int]
    columns: tuple[tuple[str, ...], ...]
    interval_s: float


def median_beats(leads: Leads, beats: Times) -> MedianBeats | None:
    """Typical beats, or None where fewer than two beats were found."""
    if len(beats) < 2:
        return None
    interval = float(np.median(np.diff(beats)))
    # Neither the wave of the beat before nor that of the next may come in.
    before = min(BEFORE_S, 0.45 * interval)
    after = max(min(AFTER_S, interval - before + 0.04), 2 * REFRACTORY_S)
    times = np.arange(-round(before * RATE_HZ), round(after * RATE_HZ)) / RATE_HZ
    signals: dict[str, Signal] = {}
    counts: dict[str, int] = {}
    columns: list[tuple[str, ...]] = []
    for together in _columns(leads):
        windows = {lead.name: _windows(lead, beats, times) for lead in together}
        kept = _aligned(windows, times)
        for name, found in kept.items():
            if len(found):
                signals[name] = _nanmedian(found)
                counts[name] = len(found)
        present = tuple(name for name in kept if name in signals)
        if present:
            columns.append(present)
    return MedianBeats(times, signals, counts, tuple(columns), interval) if signals else None


def _columns(leads: Leads) -> list[list[Lead]]:
    starts: dict[int, list[Lead]] = {}
    for lead in leads.leads.values():
        starts.setdefault(round(lead.start_s * 4), []).append(lead)
    return [starts[start] for start in sorted(starts)]


def _windows(lead: Lead, beats: Times, times: Signal) -> dict[int, Signal]:
    """Index of a beat → the lead around it with some room to shift; only beats that the lead shows nearly whole."""
    signal = lead.signal_mv.astype(np.float64)
    read = np.isfinite(signal)
    if read.sum() < 10:
        return {}
    room = np.arange(round(_SHIFT_S * RATE_HZ)) / RATE_HZ
    wide = np.concatenate([times[0] - _SHIFT_S + room, times, times[-1] + 1 / RATE_HZ + room])
    known = lead.times_s
    found = {}
    for index, beat in enumerate(beats):
        at = beat + wide
        inside = (at >= known[0]) & (at <= known[-1])
        qrs = np.abs(wide) < 2 * _QRS_S
        if inside.mean() < 0.75 or not inside[qrs].all():
            continue
        values = np.interp(at, known[read], signal[read])
        # What was not read is not made up: away from ink there is no value.
        gap = np.interp(at, known, read.astype(float)) < 0.5
        if gap[qrs].mean() > 0.2:
            continue
        values[~inside | gap] = np.nan
        found[index] = values
    return found


def _aligned(windows: dict[str, dict[int, Signal]], times: Signal) -> dict[str, Signal]:
    """Shift each beat, all its leads together, to fit the others; drop beats of another shape."""
    room = round(_SHIFT_S * RATE_HZ)
    indices = sorted({index for found in windows.values() for index in found})
    if not indices:
        return {name: np.zeros((0, len(times))) for name in windows}
    slopes = {index: _slopes(windows, index, times, room) for index in indices}
    shifts = dict.fromkeys(indices, room)
    alike = dict.fromkeys(indices, 1.0)
    for _ in range(2):
        template = _nanmedian(np.stack([slopes[index][shifts[index]] for index in indices]))
        for index in indices:
            fits = _correlations(slopes[index], template)
            shifts[index] = int(fits.argmax())
            alike[index] = float(fits[shifts[index]])
    good = [index for index in indices if alike[index] >= _ALIKE] or [max(indices, key=lambda index: alike[index])]
    result = {}
    for name, found in windows.items():
        kept = [found[index][shifts[index] : shifts[index] + len(times)] for index in good if index in found]
        result[name] = np.stack(kept) if kept else np.zeros((0, len(times)))
    return result


def _slopes(windows: dict[str, dict[int, Signal]], index: int, times: Signal, room: int) -> Signal:
    """The leads' slopes around the QRS complex of one beat, side by side, shifted by each of ``-room … room`` samples:
    (2 * room + 1, N)."""
    qrs = np.flatnonzero(np.abs(times) < 1.5 * _QRS_S)
    stretch = slice(qrs[0], qrs[-1] + 2 * room + 1)
    shifted = []
    for found in windows.values():
        if found:
            one = found.get(index)
            slope = np.full(len(qrs) + 2 * room, np.nan) if one is None else np.gradient(one)[stretch]
            shifted.append(sliding_window_view(slope, len(qrs)))
    return np.concatenate(shifted, axis=1)


def _nanmedian(values: Signal) -> Signal:
    # Instants that no beat shows stay unknown, without NumPy's warning.
    known = np.isfinite(values).any(axis=0)
    result = np.full(values.shape[1], np.nan)
    result[known] = np.nanmedian(values[:, known], axis=0)
    return result


def _correlations(rows: Signal, template: Signal) -> Signal:
    """Of each row (M, N) with a template (N,), over the instants known in both; -1 where there are too few."""
    both = np.isfinite(rows) & np.isfinite(template)
    known = np.maximum(both.sum(axis=1, keepdims=True), 1)
    a, b = np.where(both, rows, 0.0), np.where(both, template, 0.0)
    a = np.where(both, a - a.sum(axis=1, keepdims=True) / known, 0.0)
    b = np.where(both, b - b.sum(axis=1, keepdims=True) / known, 0.0)
    size = np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1))
    fits = (a * b).sum(axis=1) / np.maximum(size, 1e-12)
    return np.where(both.sum(axis=1) < _LEAST_KNOWN, -1.0, fits)

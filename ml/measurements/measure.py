"""Leads → measurements: `measure`, or `examine` for who needs the typical beats too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from ml.measurements.beats import Times, find_beats
from ml.measurements.median_beat import RATE_HZ, MedianBeats, Signal, median_beats
from ml.measurements.values import Measurement, Measurements
from ml.measurements.waves import Waves, find_waves

if TYPE_CHECKING:
    from ml.leads.signals import Leads

# Intervals within this share of the median are alike; a rhythm is regular if enough of them are.
_ALIKE: Final = 0.15
_REGULAR: Final = 0.75
_STEADY: Final = 0.7
# Directions of the limb leads in the frontal plane, in degrees, and what brings them to one length (Einthoven).
_DIRECTIONS: Final = {"I": 0.0, "II": 60.0, "III": 120.0, "aVF": 90.0, "aVL": -30.0, "aVR": -150.0}
_AUGMENTED: Final = 2 / np.sqrt(3)
_LEAST_Q_MV: Final = 0.05
# A wave whose leads nearly cancel has no direction.
_LEAST_AXIS_MV: Final = 0.03


@dataclass(frozen=True)
class Examination:
    """What was measured, and the typical beats (None with fewer than two) that it was measured on."""

    measurements: Measurements
    typical: MedianBeats | None


def measure(leads: Leads) -> Measurements:
    """Measure what the leads of a page allow; what they do not is absent from the result."""
    return examine(leads).measurements


def examine(leads: Leads) -> Examination:
    """Measure, and keep the typical beats."""
    beats = find_beats(leads)
    read = float(np.mean([lead.quality for lead in leads.all]))
    values = _rhythm(beats, read)
    typical = median_beats(leads, beats)
    per_lead: list[Measurement] = []
    if typical is not None:
        found = [(names, find_waves(typical, names)) for names in typical.columns]
        waves = [(names, one) for names, one in found if one is not None]
        values += _intervals(typical, [one for _, one in waves], beats, read)
        values += _axes(typical, waves, read)
        per_lead = [one for names, wave in waves for name in names for one in _lead(typical, name, wave, read)]
    return Examination(Measurements(tuple(values), tuple(per_lead), _regular(beats), tuple(beats.tolist())), typical)


def _regular(beats: Times) -> bool | None:
    intervals = np.diff(beats)
    return None if len(intervals) < 4 else bool(_alike(intervals).mean() >= _REGULAR)


def _alike(intervals: Times) -> NDArray[np.bool_]:
    return np.asarray(np.abs(intervals / np.median(intervals) - 1) < _ALIKE)


def _rhythm(beats: Times, read: float) -> list[Measurement]:
    intervals = np.diff(beats)
    if len(intervals) < 2:
        return []
    alike = _alike(intervals)
    # In a steady rhythm an interval that stands out is a beat missed at a seam between leads, or an ectopic one.
    kept = intervals[alike] if alike.mean() >= _STEADY else intervals
    sure = read * min(len(intervals) / 6, 1.0) * (0.5 + 0.5 * float(alike.mean()))
    values = [
        Measurement("heart_rate", 60.0 / float(kept.mean()), sure),
        Measurement("rr_interval", 1000 * float(np.median(intervals)), sure),
    ]
    if len(kept) >= 4:
        values += [
            Measurement("sdnn", 1000 * float(kept.std(ddof=1)), sure),
            Measurement("rmssd", 1000 * float(np.sqrt(np.mean(np.diff(kept) ** 2))), sure),
        ]
    return values


def _intervals(typical: MedianBeats, waves: list[Waves], beats: Times, read: float) -> list[Measurement]:
    """Global intervals. Of the groups of leads that share a time base, QRS and QT take the longest, P and PR the mean:
    which of these comes nearest to what cardiographs print was measured (docs/traces.md)."""
    if not waves:
        return []

    def sure(found: list[float]) -> float:
        spread = (max(found) - min(found)) / 0.08 if len(found) > 1 else 0.5
        return read * len(found) / len(waves) * max(1 - spread, 0.2)

    values: list[Measurement] = []
    qrs = [wave.qrs_end - wave.qrs_on for wave in waves]
    values.append(Measurement("qrs_duration", 1000 * max(qrs), sure(qrs)))
    p = [wave.p_end - wave.p_on for wave in waves if wave.p_on is not None and wave.p_end is not None]
    pr = [wave.qrs_on - wave.p_on for wave in waves if wave.p_on is not None]
    # A P wave that only the smaller part of the leads shows may be noise.
    if 2 * len(pr) >= len(waves) and pr and _regular(beats) is not False:
        values.append(Measurement("p_duration", 1000 * float(np.mean(p)), sure(p)))
        values.append(Measurement("pr_interval", 1000 * float(np.mean(pr)), sure(pr)))
    qt = [wave.t_end - wave.qrs_on for wave in waves if wave.t_end is not None]
    if qt:
        longest, interval = max(qt), typical.interval_s
        values.append(Measurement("qt_interval", 1000 * longest, sure(qt)))
        values.append(Measurement("qtc_bazett", 1000 * longest / np.sqrt(interval), sure(qt)))
        values.append(Measurement("qtc_fridericia", 1000 * longest / np.cbrt(interval), sure(qt)))
    return values


def _axes(typical: MedianBeats, waves: list[tuple[tuple[str, ...], Waves]], read: float) -> list[Measurement]:
    nets: dict[str, dict[str, float]] = {"p_axis": {}, "qrs_axis": {}, "t_axis": {}}
    for names, wave in waves:
        for name in names:
            if name in _DIRECTIONS:
                for axis, net in _nets(typical, name, wave).items():
                    nets[axis][name] = net
    values = []
    for axis, by_lead in nets.items():
        if len({_DIRECTIONS[name] % 180 for name in by_lead}) >= 2:
            angle, size, fit = _direction(by_lead)
            if size > _LEAST_AXIS_MV:
                values.append(Measurement(axis, angle, read * fit))
    return values


def _nets(typical: MedianBeats, name: str, wave: Waves) -> dict[str, float]:
    """What each wave adds up to in one lead, in mV: mean over P and QRS, the larger swing less the smaller of T."""
    times, signal = typical.times_s, typical.signals[name]
    level = _level(typical, name, wave)
    nets = {}
    if wave.p_on is not None and wave.p_end is not None:
        p = signal[(times >= wave.p_on) & (times <= wave.p_end)]
        if len(p) > 4 and np.isfinite(p).all():
            nets["p_axis"] = 2 * float(np.mean(p - np.linspace(p[0], p[-1], len(p))))
    qrs = signal[(times >= wave.qrs_on) & (times <= wave.qrs_end)] - level
    if np.isfinite(qrs).sum() > 4:
        nets["qrs_axis"] = 2 * float(np.nanmean(qrs))
    if wave.t_end is not None:
        t = signal[(times >= wave.qrs_end + 0.06) & (times <= wave.t_end)] - level
        if np.isfinite(t).sum() > 4:
            nets["t_axis"] = max(float(np.nanmax(t)), 0.0) + min(float(np.nanmin(t)), 0.0)
    return nets


def _direction(net: dict[str, float]) -> tuple[float, float, float]:
    """Angle in degrees (-180…180) and length in mV of the frontal vector that fits best, and how well it fits."""
    angles = np.radians([_DIRECTIONS[name] for name in net])
    sizes = np.array([value * (_AUGMENTED if name.startswith("a") else 1.0) for name, value in net.items()])
    axes = np.column_stack([np.cos(angles), np.sin(angles)])
    vector = np.linalg.lstsq(axes, sizes, rcond=None)[0]
    left_over = float(np.linalg.norm(sizes - axes @ vector)) / max(float(np.linalg.norm(sizes)), 1e-9)
    return float(np.degrees(np.arctan2(vector[1], vector[0]))), float(np.linalg.norm(vector)), max(1 - left_over, 0.0)


def _level(typical: MedianBeats, name: str, wave: Waves) -> float:
    """The lead's isoelectric level: what it shows just before the QRS complex."""
    before = (typical.times_s >= wave.qrs_on - 0.024) & (typical.times_s < wave.qrs_on - 0.004)
    values = typical.signals[name][before]
    return float(np.nanmedian(values)) if np.isfinite(values).any() else float(np.nanmedian(typical.signals[name]))


def _lead(typical: MedianBeats, name: str, wave: Waves, read: float) -> list[Measurement]:
    times = typical.times_s
    signal = typical.signals[name] - _level(typical, name, wave)
    sure = read * min(typical.counts[name] / 3, 1.0)
    values: list[Measurement] = []
    qrs = signal[(times >= wave.qrs_on) & (times <= wave.qrs_end)]
    if np.isfinite(qrs).all() and len(qrs) > 4:
        values += _qrs(qrs, name, sure)
    at = int(np.argmin(np.abs(times - (wave.qrs_end + 0.06))))
    st = signal[max(at - 2, 0) : at + 3]
    if np.isfinite(st).all() and times[-1] > wave.qrs_end + 0.06:
        values.append(Measurement("st_j60", float(st.mean()), sure, name))
    if wave.t_end is not None:
        t = signal[(times >= wave.qrs_end + 0.08) & (times <= wave.t_end)]
        if len(t) > 4 and np.isfinite(t).all():
            values.append(Measurement("t_amplitude", float(t[np.abs(t).argmax()]), sure, name))
    return values


def _qrs(qrs: Signal, name: str, sure: float) -> list[Measurement]:
    top = int(qrs.argmax())
    r = float(qrs[top])
    values = []
    if r > _LEAST_Q_MV:
        before, after = qrs[:top], qrs[top:]
        values.append(Measurement("r_amplitude", r, sure, name))
        values.append(Measurement("s_amplitude", max(-float(after.min()), 0.0), sure, name))
        depth = -float(before.min()) if len(before) else 0.0
    else:
        # No R wave: the whole complex is one QS wave.
        before, depth = qrs, -float(qrs.min())
    if depth > _LEAST_Q_MV:
        below = before < -0.2 * depth
        values.append(Measurement("q_amplitude", depth, sure, name))
        values.append(Measurement("q_duration", 1000 * float(below.sum()) / RATE_HZ, sure, name))
    return values

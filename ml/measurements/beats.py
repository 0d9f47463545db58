"""When the ventricles beat: QRS complexes on the time base that all leads of a page share.

One strip of a page is short and may be spoilt where the beat is; twelve seldom are, so what is looked at is how fast
the printed leads move together. Peaks are found by `scipy.signal.find_peaks`; what is found is then held against its
own rhythm: a beat missing in a gap is looked for again, a doubled one is dropped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import find_peaks

if TYPE_CHECKING:
    from ml.leads.signals import Lead, Leads

Times = NDArray[np.float64]

RATE_HZ: Final = 250.0
# Shorter intervals are no heartbeats of an adult (300/min).
REFRACTORY_S: Final = 0.2
_WINDOW_S: Final = 0.10
_READ: Final = 0.6


def find_beats(leads: Leads) -> Times:
    """Times of the QRS complexes in seconds after the left edge of the page's traces, ascending; may be empty."""
    speed = together(leads)
    if not speed.any():
        return np.zeros(0)
    typical = float(np.percentile(speed, 98))
    candidates, found = find_peaks(
        speed, height=0.08 * typical, prominence=0.06 * typical, distance=int(REFRACTORY_S * RATE_HZ)
    )
    heights = found["peak_heights"]
    beats = _by_threshold(candidates, heights)
    beats = _with_missed(candidates, heights, beats, speed)
    return _without_doubled(beats, speed) / RATE_HZ


def together(leads: Leads) -> NDArray[np.float64]:
    """How fast the leads move, (N,) at `RATE_HZ` from time 0: mean over the leads printed at each time, 1 for a QRS."""
    end = max(lead.start_s + lead.duration_s for lead in leads.all)
    times = np.arange(int(end * RATE_HZ)) / RATE_HZ
    total, printed = np.zeros(len(times)), np.zeros(len(times))
    for lead in leads.all:
        here = (times >= lead.start_s) & (times < lead.start_s + lead.duration_s)
        moving = _speed(lead, times[here])
        if moving is not None:
            total[here] += moving
            printed[here] += 1.0
    window = np.hanning(int(_WINDOW_S * RATE_HZ) + 2)[1:-1]
    smooth: NDArray[np.float64] = np.convolve(total / np.maximum(printed, 1.0), window / window.sum(), "same")
    return smooth


def _speed(lead: Lead, times: Times) -> NDArray[np.float64] | None:
    """Squared slope against what this lead's own QRS complexes have, at most 1.5; None for a lead that is not read."""
    signal = lead.signal_mv.astype(np.float64)
    read = np.isfinite(signal)
    if len(times) < 10 or read.mean() < _READ:
        return None
    values = np.interp(times, lead.times_s[read], signal[read])
    squared = np.gradient(values, 1 / RATE_HZ) ** 2
    # Nothing was read in a gap, and the straight line over it is no trace.
    squared[np.interp(times, lead.times_s, read.astype(float)) < 0.5] = 0.0
    own = float(np.percentile(squared, 98))
    # A flat lead's noise must not count as much as another's complexes.
    return np.minimum(squared / own, 1.5) if own > _FLAT else None


_FLAT: Final = 4.0


def _by_threshold(candidates: NDArray[np.intp], heights: NDArray[np.float64]) -> NDArray[np.intp]:
    """The candidates that stand out: above half of what the tallest typically have."""
    if not len(heights):
        return candidates
    tall = np.sort(heights)[-max(len(heights) // 3, 3) :]
    return candidates[heights > 0.45 * float(np.median(tall))]


def _with_missed(
    candidates: NDArray[np.intp],
    heights: NDArray[np.float64],
    beats: NDArray[np.intp],
    speed: NDArray[np.float64],
) -> NDArray[np.intp]:
    """Search back: in a gap of more than 1.6 intervals the tallest candidate that divides it sensibly is a beat too."""
    for _ in range(20):
        if len(beats) < 3:
            return beats
        interval = float(np.median(np.diff(beats)))
        edges = np.concatenate([beats[:1] - interval, beats, beats[-1:] + interval])
        gaps = np.flatnonzero(np.diff(edges) > 1.6 * interval)
        added = False
        for gap in gaps:
            inside = (candidates > edges[gap] + 0.5 * interval) & (candidates < edges[gap + 1] - 0.5 * interval)
            if inside.any():
                best = candidates[inside][heights[inside].argmax()]
                if speed[best] > 0.25 * float(np.median(speed[beats])):
                    beats, added = np.sort(np.append(beats, best)), True
                    break
        if not added:
            return beats
    return beats


def _without_doubled(beats: NDArray[np.intp], speed: NDArray[np.float64]) -> Times:
    """Of two that are closer than half an interval, the slower goes, unless it stands as tall as its neighbours."""
    kept = list(beats.tolist())
    while len(kept) >= 4:
        gaps = np.diff(kept)
        interval = float(np.median(gaps))
        close = int(gaps.argmin())
        pair = kept[close], kept[close + 1]
        if gaps[close] > 0.55 * interval or min(speed[list(pair)]) > 0.8 * max(speed[list(pair)]):
            break
        kept.remove(min(pair, key=lambda beat: speed[beat]))
    return np.array(kept, dtype=np.float64)

"""What the trace network sees of a page: typical beats, a rhythm strip and measurements, on one canonical footing.

Training and serving both come through `views_of`. Whatever a page does not show is marked as unknown, not made up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from ml.leads.layouts import LEADS

if TYPE_CHECKING:
    from ml.leads import Lead, Leads
    from ml.measurements.measure import Examination
    from ml.measurements.values import Measurements

View = NDArray[np.float32]

# Of the algorithm below: a network trained on another version's views is refused.
VIEWS_VERSION: Final = 1

BEAT_RATE_HZ: Final = 125.0
BEAT_TIMES_S: Final = np.arange(round(-0.30 * BEAT_RATE_HZ), round(0.54 * BEAT_RATE_HZ)) / BEAT_RATE_HZ
STRIP_RATE_HZ: Final = 100.0
# Five seconds, though most layouts show ten: a longer strip would tell one layout from another.
STRIP_SAMPLES: Final = 500
_MOST_MV: Final = 5.0
_FEWEST: Final = 10
# The level just before the QRS complex, seconds after its fastest instant.
_LEVEL_S: Final = (-0.12, -0.05)
_SMOOTH_S: Final = 0.006
_FARTHEST: Final = 4.0

# Name → centre and scale that bring adults' values to about −1 … 1. Axes come as cosine and sine: they have no ends.
_OF_PAGE: Final[dict[str, tuple[float, float]]] = {
    "heart_rate": (80.0, 22.0),
    "rr_interval": (800.0, 200.0),
    "sdnn": (30.0, 40.0),
    "rmssd": (35.0, 50.0),
    "p_duration": (100.0, 15.0),
    "pr_interval": (155.0, 28.0),
    "qrs_duration": (94.0, 16.0),
    "qt_interval": (370.0, 42.0),
    "qtc_bazett": (420.0, 45.0),
}
_AXES: Final = ("p_axis", "qrs_axis", "t_axis")
_OF_RHYTHM: Final[dict[str, tuple[float, float]]] = {
    "rr_variation": (0.06, 0.08),
    "rr_change": (0.06, 0.10),
    "rr_shortest": (0.90, 0.15),
    "rr_longest": (1.10, 0.20),
}
_OF_LEAD: Final[dict[str, tuple[float, float]]] = {
    "r_amplitude": (0.60, 0.50),
    "s_amplitude": (0.40, 0.50),
    "q_amplitude": (0.25, 0.30),
    "q_duration": (25.0, 20.0),
    "st_j60": (0.02, 0.09),
    "t_amplitude": (0.15, 0.25),
}
_SCALES: Final[dict[tuple[str, str | None], tuple[float, float]]] = {
    **{(name, None): scale for name, scale in _OF_PAGE.items()},
    **{(f"{axis}_{part}", None): (0.0, 0.7) for axis in _AXES for part in ("cos", "sin")},
    **{(name, None): scale for name, scale in _OF_RHYTHM.items()},
    **{(name, lead): scale for lead in LEADS for name, scale in _OF_LEAD.items()},
}
# What stands where in the third view: name of the quantity, and its lead if it has one.
MEASURED: Final = tuple(_SCALES)


@dataclass(frozen=True)
class Views:
    """One page, or a batch of pages with one more axis in front.

    Attributes:
        beats: (12, T, 2) typical beat of each lead in the order of `LEADS`, at `BEAT_TIMES_S`: mV above the level
            before the QRS complex, and 1 where that is known, else 0.
        rhythm: (S, 2) the beginning of the longest strip at `STRIP_RATE_HZ`: mV about its median, and 1 where known.
        measurements: (M, 2) in the order of `MEASURED`: how far from what is common, and 1 where it was measured.
    """

    beats: View
    rhythm: View
    measurements: View

    def at(self, chosen: NDArray[np.intp]) -> Views:
        """Some pages of a batch."""
        return Views(*(view[chosen] for view in self.parts))

    @property
    def parts(self) -> tuple[View, View, View]:
        """As the network takes them."""
        return self.beats, self.rhythm, self.measurements


SHAPES: Final = {
    "beats": (len(LEADS), len(BEAT_TIMES_S), 2),
    "rhythm": (STRIP_SAMPLES, 2),
    "measurements": (len(MEASURED), 2),
}


def nothing_seen() -> Views:
    """The views of a page on which nothing could be read."""
    return Views(*(np.zeros(shape, np.float32) for shape in SHAPES.values()))


def batch(pages: list[Views]) -> Views:
    """Several pages as one batch."""
    return Views(*(np.stack(parts) for parts in zip(*(page.parts for page in pages), strict=True)))


def only(views: Views, number: int) -> Views:
    """The same with one view left, by its place in `Views.parts`."""
    return Views(*(view if place == number else np.zeros_like(view) for place, view in enumerate(views.parts)))


def without(page: Views, lead: str) -> Views:
    """One page on which a lead, and what was measured on it, is not seen."""
    beats, measurements = page.beats.copy(), page.measurements.copy()
    beats[LEADS.index(lead)] = 0.0
    measurements[[place for place, (_, of) in enumerate(MEASURED) if of == lead]] = 0.0
    return Views(beats, page.rhythm, measurements)


def views_of(leads: Leads, examined: Examination) -> Views:
    """The views of a page whose leads were read and measured."""
    return Views(_beats(examined), _rhythm(leads.longest), _measurements(examined.measurements))


def _beats(examined: Examination) -> View:
    typical = examined.typical
    found = np.full((len(LEADS), len(BEAT_TIMES_S)), np.nan)
    if typical is not None:
        width = _SMOOTH_S / float(typical.times_s[1] - typical.times_s[0])
        before = (_LEVEL_S[0] < BEAT_TIMES_S) & (_LEVEL_S[1] > BEAT_TIMES_S)
        for row, name in enumerate(LEADS):
            if name in typical.signals:
                found[row] = _sampled(typical.times_s, typical.signals[name], BEAT_TIMES_S, width)
                level = found[row][before]
                if np.isfinite(level).any():
                    found[row] -= np.nanmedian(level)
    return _with_known(np.clip(found, -_MOST_MV, _MOST_MV))


def _rhythm(strip: Lead) -> View:
    found = np.full(STRIP_SAMPLES, np.nan)
    read = strip.resampled(STRIP_RATE_HZ)[:STRIP_SAMPLES]
    if np.isfinite(read).any():
        found[: len(read)] = read - np.nanmedian(read)
    return _with_known(np.clip(found, -_MOST_MV, _MOST_MV))


def _measurements(measured: Measurements) -> View:
    values = {(one.name, one.lead): one.value for one in (*measured.values, *measured.per_lead)}
    for axis in _AXES:
        if (angle := values.get((axis, None))) is not None:
            values[f"{axis}_cos", None] = math.cos(math.radians(angle))
            values[f"{axis}_sin", None] = math.sin(math.radians(angle))
    values |= {(name, None): value for name, value in _intervals(np.array(measured.beats_s)).items()}
    found = [
        np.nan if key not in values else (values[key] - centre) / scale for key, (centre, scale) in _SCALES.items()
    ]
    return _with_known(np.clip(found, -_FARTHEST, _FARTHEST))


def _intervals(beats: NDArray[np.float64]) -> dict[str, float]:
    """How the RR intervals of a page scatter, relative to their mean or median."""
    intervals = np.diff(beats)
    if len(intervals) < 2:
        return {}
    middle = float(np.median(intervals))
    return {
        "rr_variation": float(intervals.std() / intervals.mean()),
        "rr_change": float(np.abs(np.diff(intervals)).mean() / intervals.mean()),
        "rr_shortest": float(intervals.min()) / middle,
        "rr_longest": float(intervals.max()) / middle,
    }


def _sampled(
    times: NDArray[np.float64], signal: NDArray[np.float64], wanted: NDArray[np.float64], width: float
) -> NDArray[np.float64]:
    """A signal with gaps, smoothed over ``width`` samples and read off at the instants wanted; gaps stay gaps."""
    known = np.isfinite(signal)
    if known.sum() < _FEWEST:
        return np.full(len(wanted), np.nan)
    # What lies beyond a gap must not leak into it, so gaps are bridged only for the smoothing.
    smooth = gaussian_filter1d(np.interp(times, times[known], signal[known]), width, mode="nearest")
    values = np.interp(wanted, times, smooth)
    missing = np.interp(wanted, times, known.astype(float)) < 0.5
    step = 1 / BEAT_RATE_HZ
    values[missing | (wanted < times[0] - step) | (wanted > times[-1] + step)] = np.nan
    return np.asarray(values, dtype=np.float64)


def _with_known(values: NDArray[np.float64]) -> View:
    known = np.isfinite(values)
    return np.stack([np.where(known, values, 0.0), known], axis=-1).astype(np.float32)

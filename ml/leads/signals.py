"""What a page says, lead by lead: signals in mV with the time and the pixels they were read from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

ScaleSource: TypeAlias = Literal["grid", "pulse", "layout"]


class LeadsUnreadable(Exception):
    """The traces of this page cannot be read as signals.

    Attributes:
        code: stable identifier for machines: ``no_traces``, ``layout_unknown``, ``scale_unknown``, ``too_distorted``,
            ``traces_unclear`` or ``cut_off``.
        message: one sentence a person can act on.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True)
class Lead:
    """One stretch of one lead as it stands on the page.

    Attributes:
        name: I, II, III, aVR, aVL, aVF or V1 … V6.
        rhythm: whether it is a rhythm strip.
        start_s: time of the first sample, in seconds after the left edge of the page's traces.
        sampling_rate_hz: samples per second: one sample a pixel column.
        signal_mv: (N,) float32; NaN where the page shows no trace that could be told apart. 0 mV is the foot of the
            calibration pulse, or without one the median of the strip.
        quality: share of the stretch that was read, less what was read through other ink, 0…1.
        path: (N, 2) float32: where each sample lies, as x and y in page pixels; y is NaN in gaps.
        label_agrees: whether the printed name says the same; ``None``, as names are not read so far.
    """

    name: str
    rhythm: bool
    start_s: float
    sampling_rate_hz: float
    signal_mv: NDArray[np.float32]
    quality: float
    path: NDArray[np.float32]
    label_agrees: bool | None = None

    @property
    def duration_s(self) -> float:
        return len(self.signal_mv) / self.sampling_rate_hz

    @property
    def times_s(self) -> NDArray[np.float64]:
        """(N,) seconds of each sample after the left edge of the page's traces."""
        return self.start_s + np.arange(len(self.signal_mv)) / self.sampling_rate_hz

    def resampled(self, rate_hz: float) -> NDArray[np.float32]:
        """The signal at another rate, (M,) float32, by linear interpolation.

        A sample between two that were read is interpolated; next to a gap it is NaN, so that gaps never shrink.
        """
        times = np.arange(int(np.floor((len(self.signal_mv) - 1) / self.sampling_rate_hz * rate_hz)) + 1) / rate_hz
        at = times * self.sampling_rate_hz
        left = np.clip(np.floor(at).astype(int), 0, len(self.signal_mv) - 1)
        right = np.minimum(left + 1, len(self.signal_mv) - 1)
        share = (at - left).astype(np.float32)
        # 0 × NaN is NaN; a sample that is hit exactly must not take in its neighbour.
        lower, upper = self.signal_mv[left], np.where(share > 0, self.signal_mv[right], self.signal_mv[left])
        return np.asarray(lower + (upper - lower) * share, dtype=np.float32)


@dataclass(frozen=True)
class Leads:
    """The twelve leads of a page.

    Attributes:
        layout: a name from `ml.leads.layouts.LAYOUTS`.
        px_per_mm: scale of the paper in page pixels, at the middle of the traces.
        scale_source: what the scale was taken from.
        rotation_deg: by how much the page is turned, clockwise positive.
        gain_mm_per_mv: height of 1 mV: 10, the only gain that is read so far.
        leads: lead name → its stretch within the rows.
        rhythm: the rhythm strips, from the top.
        warnings: codes of what a reader should know: ``limb_leads_disagree`` (Einthoven's or Goldberger's equation
            does not hold, as with an electrode off), ``rhythm_lead_by_trace`` (a rhythm strip shows another lead than
            the layout's usual one).
    """

    layout: str
    px_per_mm: float
    scale_source: ScaleSource
    rotation_deg: float
    gain_mm_per_mv: float
    leads: dict[str, Lead]
    rhythm: tuple[Lead, ...]
    warnings: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[Lead, ...]:
        """Every stretch of the page, rhythm strips last."""
        return (*self.leads.values(), *self.rhythm)

    @property
    def longest(self) -> Lead:
        """The stretch to read the rhythm from: a rhythm strip, else lead II."""
        return max(self.rhythm, key=lambda lead: lead.quality) if self.rhythm else self.leads["II"]

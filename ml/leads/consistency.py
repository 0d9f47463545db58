"""Whether leads that were read agree with one another, as the limb leads of one heart must.

I + III = II (Einthoven) and aVR + aVL + aVF = 0 (Goldberger) hold at every moment for any heart. Leads taken for
others, traces lost or mixed up break them, so they are a check of the reading that needs no truth. An electrode that
was off breaks them too, on the machine already.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ml.leads.signals import Lead

_SHIFT_SAMPLES: Final = 3
_LEAST_SAMPLES: Final = 50
_HIDDEN_S: Final = 0.2
_SAME_LEAD: Final = 0.9
_ANOTHER_LEAD: Final = 0.12


def limb_agreement(leads: Mapping[str, Lead]) -> tuple[float, float]:
    """Correlation of II with I + III, and of aVR with −(aVL + aVF), each 0…1.

    Neighbouring rows may be a few pixels off one another, so the best of a few shifts counts. A flat line agrees with
    nothing and gives 0.
    """
    signals = {name: lead.signal_mv.astype(np.float64) for name, lead in leads.items()}
    length = min(len(signal) for signal in signals.values())
    cut = {name: signal[:length] for name, signal in signals.items()}
    return (
        _correlation(cut["II"], cut["I"] + cut["III"]),
        _correlation(cut["aVR"], -(cut["aVL"] + cut["aVF"])),
    )


def rhythm_lead_of(strip: Lead, leads: Mapping[str, Lead]) -> Lead:
    """The rhythm strip under the name of the lead that it shows.

    A row and the strip below it were recorded at the same time, so one of the twelve leads runs through the strip
    again. The layout's usual name stays unless another lead is clearly the same and the named one is not.
    """
    alike = {}
    for name, lead in leads.items():
        first = max(round((lead.start_s - strip.start_s) * strip.sampling_rate_hz), 0)
        # Separators and names hide the ends.
        margin = round(_HIDDEN_S * strip.sampling_rate_hz)
        part = strip.signal_mv[first + margin : first + len(lead.signal_mv) - margin].astype(np.float64)
        shown = lead.signal_mv[margin : margin + len(part)].astype(np.float64)
        alike[name] = _correlation(shown, part[: len(shown)], same_size=True)
    best = max(alike, key=lambda name: alike[name])
    if alike[best] >= _SAME_LEAD and alike[best] - alike.get(strip.name, 0.0) > _ANOTHER_LEAD:
        return replace(strip, name=best)
    return strip


def _correlation(first: NDArray[np.float64], second: NDArray[np.float64], *, same_size: bool = False) -> float:
    """Best correlation over small shifts; with ``same_size`` Lin's concordance, which differs for another gain."""
    best = 0.0
    for shift in range(-_SHIFT_SAMPLES, _SHIFT_SAMPLES + 1):
        x, y = first[max(shift, 0) : len(first) + min(shift, 0)], second[max(-shift, 0) : len(second) - max(shift, 0)]
        known = np.isfinite(x) & np.isfinite(y)
        if known.sum() < _LEAST_SAMPLES:
            continue
        x, y = x[known] - x[known].mean(), y[known] - y[known].mean()
        squares = float((x**2).sum()), float((y**2).sum())
        power = sum(squares) / 2 if same_size else float(np.sqrt(squares[0] * squares[1]))
        if power > 0:
            best = max(best, float((x * y).sum()) / power)
    return best

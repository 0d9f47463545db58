"""Whether leads that were read agree with one another, as the limb leads of one heart must.

I + III = II (Einthoven) and aVR + aVL + aVF = 0 (Goldberger) hold at every moment for any heart. Leads taken for others,
traces lost or mixed up break them, so they are a check of the reading that needs no truth. An electrode that was off
breaks them too, on the machine already.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ml.leads.signals import Lead

_SHIFT_SAMPLES: Final = 3
_LEAST_SAMPLES: Final = 50


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


def _correlation(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    best = 0.0
    for shift in range(-_SHIFT_SAMPLES, _SHIFT_SAMPLES + 1):
        x, y = first[max(shift, 0) : len(first) + min(shift, 0)], second[max(-shift, 0) : len(second) - max(shift, 0)]
        known = np.isfinite(x) & np.isfinite(y)
        if known.sum() < _LEAST_SAMPLES:
            continue
        x, y = x[known] - x[known].mean(), y[known] - y[known].mean()
        power = float(np.sqrt((x**2).sum() * (y**2).sum()))
        if power > 0:
            best = max(best, float((x * y).sum()) / power)
    return best

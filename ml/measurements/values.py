"""What is measured on a page: named values with their unit and how far they may be believed."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final


@dataclass(frozen=True)
class Quantity:
    """Something that can be measured.

    Attributes:
        name: stable identifier.
        title: as people write it.
        unit: UCUM symbol.
        decimals: as it is shown.
        usual: limits of what is usual in adults, from ``source``; None where there is no common one.
        source: of the limits.
    """

    name: str
    title: str
    unit: str
    decimals: int = 0
    usual: tuple[float, float] | None = None
    source: str = ""


_AHA: Final = "Surawicz et al. 2009, AHA/ACCF/HRS recommendations part III, J Am Coll Cardiol 53:976-981"
_QT: Final = "Rautaharju et al. 2009, AHA/ACCF/HRS recommendations part IV, J Am Coll Cardiol 53:982-991"
_KLIGFIELD: Final = "Kligfield et al. 2007, AHA/ACCF/HRS recommendations part I, J Am Coll Cardiol 49:1109-1127"

_KUSUMOTO: Final = "Kusumoto et al. 2019, ACC/AHA/HRS guideline on bradycardia, Circulation 140:e382-e482"

QUANTITIES: Final = {
    quantity.name: quantity
    for quantity in (
        Quantity("heart_rate", "Heart rate", "/min", 0, (50, 100), _KUSUMOTO),
        Quantity("rr_interval", "RR interval (median)", "ms"),
        Quantity("sdnn", "Spread of RR intervals (SDNN)", "ms"),
        Quantity("rmssd", "Beat-to-beat change of RR (RMSSD)", "ms"),
        Quantity("p_duration", "P duration", "ms", 0, (0, 120), _KLIGFIELD),
        Quantity("pr_interval", "PR interval", "ms", 0, (120, 200), _KLIGFIELD),
        Quantity("qrs_duration", "QRS duration", "ms", 0, (0, 110), _AHA),
        Quantity("qt_interval", "QT interval", "ms"),
        Quantity("qtc_bazett", "QTc (Bazett)", "ms", 0, (0, 460), _QT),
        Quantity("qtc_fridericia", "QTc (Fridericia)", "ms", 0, (0, 460), _QT),
        Quantity("p_axis", "P axis", "deg", 0, (0, 75), "usual range of adults"),
        Quantity("qrs_axis", "QRS axis", "deg", 0, (-30, 90), _AHA),
        Quantity("t_axis", "T axis", "deg"),
        Quantity("r_amplitude", "R amplitude", "mV", 2),
        Quantity("s_amplitude", "S amplitude", "mV", 2),
        Quantity("q_amplitude", "Q depth", "mV", 2),
        Quantity("q_duration", "Q duration", "ms"),
        Quantity("st_j60", "ST level at J + 60 ms", "mV", 2),
        Quantity("t_amplitude", "T amplitude", "mV", 2),
    )
}


@dataclass(frozen=True)
class Measurement:
    """One value.

    Attributes:
        name: key of `QUANTITIES`.
        value: in the quantity's unit.
        confidence: 0…1: how much was read of what it rests on, and how well what it rests on agrees.
        lead: of values that belong to one lead.
    """

    name: str
    value: float
    confidence: float
    lead: str | None = None

    @property
    def quantity(self) -> Quantity:
        return QUANTITIES[self.name]

    @property
    def unusual(self) -> bool:
        """Outside of what is usual in adults; False where no limits are known."""
        usual = self.quantity.usual
        return usual is not None and not usual[0] <= self.value <= usual[1]


@dataclass(frozen=True)
class Measurements:
    """Everything that could be measured on a page; what is absent could not.

    Attributes:
        values: of the whole page.
        per_lead: of single leads.
        regular: whether the ventricles beat regularly; None with fewer than four intervals.
        beats_s: times of the beats, seconds after the left edge of the traces.
    """

    values: tuple[Measurement, ...]
    per_lead: tuple[Measurement, ...]
    regular: bool | None
    beats_s: tuple[float, ...]

    def get(self, name: str, lead: str | None = None) -> float | None:
        """A value, or None where it could not be measured."""
        pool = self.values if lead is None else self.per_lead
        return next((one.value for one in pool if one.name == name and one.lead == lead), None)

    def to_json(self) -> dict[str, Any]:
        """JSON-ready: ``values`` and ``per_lead`` with name, value, unit, confidence, lead and unusual."""
        return {
            "regular": self.regular,
            "beats_s": [round(beat, 3) for beat in self.beats_s],
            "values": [_row(one) for one in self.values],
            "per_lead": [_row(one) for one in self.per_lead],
        }


def _row(one: Measurement) -> dict[str, Any]:
    quantity = one.quantity
    row = asdict(one) | {"unit": quantity.unit, "unusual": one.unusual}
    # Two digits more than are shown, so that what is shown is rounded once.
    return row | {"value": round(one.value, quantity.decimals + 2), "confidence": round(one.confidence, 2)}

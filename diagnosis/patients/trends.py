"""Measurements of several pages beside each other: what changed, in numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from diagnosis.models import Diagnosis
from diagnosis.presentation import quantity_name
from diagnosis.selectors import tracing_of
from ml.measurements.values import QUANTITIES

# What is followed over time, as a cardiologist reads it.
FOLLOWED: Final = ("heart_rate", "pr_interval", "qrs_duration", "qtc_fridericia", "qrs_axis")
UNITS: Final = {"deg": "°", "/min": "/min", "ms": "ms", "mV": "mV"}
# Below this a value is shown as uncertain; as on the result page.
UNSURE: Final = 0.5


@dataclass(frozen=True)
class Value:
    """One measured value of one page.

    Attributes:
        number: as shown, in the quantity's unit; "" where it was not measured.
        change: since the page before that has one, with its sign; "" where there is none.
    """

    number: str = ""
    change: str = ""
    unusual: bool = False
    unsure: bool = False


@dataclass(frozen=True)
class Difference:
    """One quantity on two pages."""

    name: str
    title: str
    unit: str
    a: Value
    b: Value
    change: str


def titles() -> list[tuple[str, str]]:
    """The followed quantities in words, each with its unit."""
    return [(quantity_name(name), UNITS.get(QUANTITIES[name].unit, QUANTITIES[name].unit)) for name in FOLLOWED]


def series(readings: Iterable[Diagnosis]) -> list[list[Value]]:
    """The followed quantities of each reading, in the order of time, with the change since the reading before."""
    before: dict[str, float] = {}
    rows = []
    for reading in readings:
        measured = raw(reading)
        rows.append([_value(name, measured.get(name), before.get(name)) for name in FOLLOWED])
        before |= {name: one["value"] for name, one in measured.items()}
    return rows


def differences(a: Diagnosis, b: Diagnosis) -> list[Difference]:
    """Every quantity of the whole page that was measured on either of two, with b minus a."""
    on_a, on_b = raw(a), raw(b)
    found = []
    for name, quantity in QUANTITIES.items():
        if name not in on_a and name not in on_b:
            continue
        first, second = _value(name, on_a.get(name)), _value(name, on_b.get(name))
        change = ""
        if name in on_a and name in on_b:
            change = signed(name, _change(name, on_a[name]["value"], on_b[name]["value"]))
        unit = UNITS.get(quantity.unit, quantity.unit)
        found.append(Difference(name, quantity_name(name), unit, first, second, change))
    return found


def raw(reading: Diagnosis) -> dict[str, dict[str, Any]]:
    """The values of the whole page as they were measured, by name."""
    tracing = tracing_of(reading)
    values: Sequence[dict[str, Any]] = tracing.measurements.get("values", ()) if tracing else ()
    return {str(one["name"]): one for one in values if one["name"] in QUANTITIES}


def shown(name: str, value: float) -> str:
    """A value as people read it."""
    # Nothing is below zero that rounds to it; a true minus sign lines up with the plus.
    decimals = QUANTITIES[name].decimals
    return f"{round(value, decimals) + 0.0:.{decimals}f}".replace("-", "−")


def signed(name: str, change: float) -> str:
    """A change with its sign; "±0" where there is none to be seen."""
    text = shown(name, change)
    if float(text.replace("−", "-")) == 0:
        return "±0"
    return text if text.startswith("−") else f"+{text}"


def _change(name: str, before: float, after: float) -> float:
    change = after - before
    # An axis turns: from 170° to −170° it is 20°, not 340°.
    return (change + 180) % 360 - 180 if QUANTITIES[name].unit == "deg" else change


def _value(name: str, one: dict[str, Any] | None, before: float | None = None) -> Value:
    if one is None:
        return Value()
    return Value(
        number=shown(name, one["value"]),
        change="" if before is None else signed(name, _change(name, before, one["value"])),
        unusual=bool(one.get("unusual")),
        unsure=one.get("confidence", 1.0) < UNSURE,
    )

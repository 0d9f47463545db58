"""Findings in words: sentences a clinician would write, each traceable to the measurements it was made from.

The rules stand in one table with their thresholds and sources. A rule whose measurement is absent says nothing, and a
sentence names the numbers it rests on. English here; every sentence has a stable code and its parameters, so that an
interface can say it in another language.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ml.measurements.values import Measurement, Measurements

# Neighbours in the frontal plane (Cabrera's order) and across the chest.
FRONTAL: Final = ("aVL", "I", "II", "aVF", "III")
CHEST: Final = ("V1", "V2", "V3", "V4", "V5", "V6")

# Values that may be believed less than this are not put into words.
LEAST_CONFIDENCE: Final = 0.4
# Attention is named where the fewest neighbouring leads hold this share of it.
_ATTENTION_SHARE: Final = 0.5

_UDMI: Final = "Thygesen et al. 2018, Fourth universal definition of myocardial infarction, Circulation 138:e618-e651"
_AHA_3: Final = "Surawicz et al. 2009, AHA/ACCF/HRS recommendations part III, J Am Coll Cardiol 53:976-981"
_AHA_4: Final = "Rautaharju et al. 2009, AHA/ACCF/HRS recommendations part IV, J Am Coll Cardiol 53:982-991"
_SOKOLOW: Final = "Sokolow and Lyon 1949, Am Heart J 37:161-186"
_KUSUMOTO: Final = "Kusumoto et al. 2019, ACC/AHA/HRS guideline on bradycardia, Circulation 140:e382-e482"


@dataclass(frozen=True)
class Sentence:
    """One finding.

    Attributes:
        code: stable identifier of what is said.
        text: in English.
        values: what it was made from, as name (and lead) → number.
        unusual: whether it says that something is out of the ordinary.
    """

    code: str
    text: str
    values: Mapping[str, float]
    unusual: bool


@dataclass(frozen=True)
class Rule:
    """A threshold on one value of the page.

    Attributes:
        code: of the sentence.
        quantity: key of `ml.measurements.values.QUANTITIES`.
        above, below: said if the value is greater than the one or less than the other.
        text: with ``{value}``.
        source: of the threshold.
    """

    code: str
    quantity: str
    text: str
    source: str
    above: float | None = None
    below: float | None = None

    def holds(self, value: float) -> bool:
        return (self.above is None or value > self.above) and (self.below is None or value < self.below)


# The first rule of a quantity that holds is said.
PAGE_RULES: Final = (
    Rule("bradycardia", "heart_rate", "slow", _KUSUMOTO, below=50),
    Rule("tachycardia", "heart_rate", "fast", "usual resting range of adults", above=100),
    Rule("pr_long", "pr_interval", "PR interval prolonged ({value} ms).", _KUSUMOTO, above=200),
    Rule("pr_short", "pr_interval", "PR interval short ({value} ms).", _AHA_3, below=120),
    Rule("qrs_wide", "qrs_duration", "QRS complexes wide ({value} ms).", _AHA_3, above=120),
    Rule("qrs_widened", "qrs_duration", "QRS complexes slightly widened ({value} ms).", _AHA_3, above=110),
    Rule("qtc_very_long", "qtc_fridericia", "QTc markedly prolonged ({value} ms, Fridericia).", _AHA_4, above=500),
    Rule("qtc_long", "qtc_fridericia", "QTc prolonged ({value} ms, Fridericia).", _AHA_4, above=460),
    Rule("axis_extreme", "qrs_axis", "Extreme QRS axis ({value}°).", _AHA_3, below=-90),
    Rule("axis_left", "qrs_axis", "Left axis deviation ({value}°).", _AHA_3, below=-30),
    Rule("axis_right", "qrs_axis", "Right axis deviation ({value}°).", _AHA_3, above=90),
)


@dataclass(frozen=True)
class LeadRule:
    """A threshold that two neighbouring leads must pass.

    Attributes:
        code, text, source: as of `Rule`; the text has ``{leads}`` and ``{value}``.
        quantity: of single leads.
        passes: whether a lead's value does, given the lead's name and all measurements.
    """

    code: str
    quantity: str
    text: str
    source: str
    passes: Callable[[str, float, Measurements], bool]


def _st_raised(lead: str, value: float, found: Measurements) -> bool:
    # Men of 40 and older; the page does not always say who it is of, and the stricter limit claims less.
    return value >= (0.2 if lead in ("V2", "V3") else 0.1)


def _st_lowered(lead: str, value: float, found: Measurements) -> bool:
    return value <= -0.05


def _deep_q(lead: str, value: float, found: Measurements) -> bool:
    lasts = found.get("q_duration", lead)
    return lead != "V1" and value >= 0.1 and lasts is not None and lasts >= 30


def _t_turned(lead: str, value: float, found: Measurements) -> bool:
    r, s = found.get("r_amplitude", lead), found.get("s_amplitude", lead)
    return value <= -0.1 and r is not None and s is not None and r > s


LEAD_RULES: Final = (
    LeadRule("st_elevation", "st_j60", "ST elevation up to {value} mV in {leads}.", _UDMI, _st_raised),
    LeadRule("st_depression", "st_j60", "ST depression down to {value} mV in {leads}.", _UDMI, _st_lowered),
    LeadRule("q_waves", "q_amplitude", "Q waves up to {value} mV deep in {leads}.", _UDMI, _deep_q),
    LeadRule("t_inversion", "t_amplitude", "T waves inverted, down to {value} mV, in {leads}.", _UDMI, _t_turned),
)

LVH_MV: Final = 3.5


def describe(found: Measurements, attention: Mapping[str, float] | None = None) -> tuple[Sentence, ...]:
    """Put measurements into words.

    Args:
        found: of a page.
        attention: lead → share of the attribution that lies on it, where it is known.

    Returns:
        Sentences in the order in which an ECG is read: rhythm, intervals, axis, ST, Q, T, voltages, attention.
    """
    said = [*_rhythm(found), *_page(found)]
    for rule in LEAD_RULES:
        said += _leads(rule, found)
    return (*said, *_voltage(found), *_attention(attention or {}))


def _sure(found: Iterable[Measurement], name: str, lead: str | None = None) -> Measurement | None:
    for one in found:
        if one.name == name and one.lead == lead:
            return one if one.confidence >= LEAST_CONFIDENCE else None
    return None


def _rhythm(found: Measurements) -> list[Sentence]:
    rate = _sure(found.values, "heart_rate")
    if rate is None:
        return []
    words = {True: ", regular", False: ", irregular", None: ""}[found.regular]
    rule = next((rule for rule in PAGE_RULES if rule.quantity == "heart_rate" and rule.holds(rate.value)), None)
    pace = f", {rule.text}" if rule else ""
    values = {"heart_rate": round(rate.value)}
    sentences = [
        Sentence(
            rule.code if rule else "heart_rate",
            f"Heart rate {rate.value:.0f}/min{words}{pace}.",
            values,
            rule is not None or found.regular is False,
        )
    ]
    spread = found.get("sdnn")
    if found.regular is False and spread is not None:
        text = f"RR intervals vary by {spread:.0f} ms (SDNN)."
        sentences.append(Sentence("irregular", text, {"sdnn": round(spread)}, unusual=True))
    return sentences


def _page(found: Measurements) -> list[Sentence]:
    sentences = []
    for name in dict.fromkeys(rule.quantity for rule in PAGE_RULES if rule.quantity != "heart_rate"):
        one = _sure(found.values, name)
        rule = one and next((rule for rule in PAGE_RULES if rule.quantity == name and rule.holds(one.value)), None)
        if one and rule:
            text = rule.text.format(value=f"{one.value:.0f}".replace("-", "−"))
            sentences.append(Sentence(rule.code, text, {name: round(one.value)}, unusual=True))
    return sentences


def _leads(rule: LeadRule, found: Measurements) -> list[Sentence]:
    passing: dict[str, float] = {}
    for name in (*FRONTAL, *CHEST):
        one = _sure(found.per_lead, rule.quantity, name)
        if one is not None and rule.passes(name, one.value, found):
            passing[name] = one.value
    stretches = [part for order in (FRONTAL, CHEST) for part in neighbours(order, passing)]
    if not stretches:
        return []
    values = {name: passing[name] for part in stretches for name in part}
    most = max(values.values(), key=abs)
    text = rule.text.format(value=f"{most:.2f}".replace("-", "−"), leads=named(stretches))
    numbers = {f"{rule.quantity} {name}": round(value, 2) for name, value in values.items()}
    return [Sentence(rule.code, text, numbers, unusual=True)]


def neighbours(order: Sequence[str], among: Iterable[str]) -> list[tuple[str, ...]]:
    """Stretches of at least two neighbouring leads of ``order`` that are ``among`` others."""
    chosen = set(among)
    stretches: list[tuple[str, ...]] = []
    current: tuple[str, ...] = ()
    for name in (*order, ""):
        if name in chosen:
            current = (*current, name)
            continue
        if len(current) >= 2:
            stretches.append(current)
        current = ()
    return stretches


def named(stretches: Iterable[tuple[str, ...]]) -> str:
    """``V2–V4, II, aVF, III``: chest leads as a range, limb leads one by one."""
    parts: list[str] = []
    for part in stretches:
        chest = part[0] in CHEST
        parts += [f"{part[0]}–{part[-1]}"] if chest and len(part) > 1 else list(part)
    return ", ".join(parts)


def _voltage(found: Measurements) -> list[Sentence]:
    s = _sure(found.per_lead, "s_amplitude", "V1")
    r = max((one.value for lead in ("V5", "V6") if (one := _sure(found.per_lead, "r_amplitude", lead))), default=None)
    if s is None or r is None or s.value + r < LVH_MV:
        return []
    text = f"High voltage: S in V1 and R in V5 or V6 add up to {s.value + r:.1f} mV (Sokolow–Lyon)."
    return [Sentence("high_voltage", text, {"s_amplitude V1": round(s.value, 2), "r_amplitude": round(r, 2)}, True)]


def _attention(shares: Mapping[str, float]) -> list[Sentence]:
    """Where the network looked, if half of it lies on few neighbouring leads."""
    best: tuple[float, tuple[str, ...]] | None = None
    for order in (FRONTAL, CHEST):
        for first in range(len(order)):
            for last in range(first, min(first + 4, len(order))):
                part = tuple(order[first : last + 1])
                share = sum(shares.get(name, 0.0) for name in part)
                if share >= _ATTENTION_SHARE and (best is None or (len(part), -share) < (len(best[1]), -best[0])):
                    best = share, part
    if best is None:
        return []
    share, part = best
    text = f"The network’s attention is on {named([part])} ({100 * share:.0f} %)."
    return [Sentence("attention", text, {name: round(shares.get(name, 0.0), 3) for name in part}, unusual=False)]


def to_json(sentences: Iterable[Sentence]) -> list[dict[str, Any]]:
    """JSON-ready."""
    return [
        {"code": one.code, "text": one.text, "values": dict(one.values), "unusual": one.unusual} for one in sentences
    ]

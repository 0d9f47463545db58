"""What a page says about a diagnosis: headline, bars, next step. Words for people, no decisions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone
from django.utils.formats import number_format
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from markdown_it import MarkdownIt

from diagnosis.models import Diagnosis, Explanation, Job, ModelVersion, Tracing
from ml.measurements.values import QUANTITIES

LONG_WAIT = timedelta(seconds=20)
# Below this the linear model of LIME says little about the network; see ml/explain/lime.py.
POOR_FIT = 0.5

# Paragraphs, lists, tables; no raw HTML, and no links to schemes that run anything.
_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")


@dataclass(frozen=True)
class Bar:
    """One class with its calibrated probability, ready to be drawn and read aloud."""

    label: str
    name: str
    probability: float
    percent: str
    is_answer: bool

    @property
    def width(self) -> str:
        """Length in hundredths, with a decimal point in every language: it goes into SVG."""
        return f"{max(0.0, min(1.0, self.probability)) * 100:.1f}"


def percent(probability: float) -> str:
    """A percentage that never claims certainty: no model is 0 % or 100 % sure."""
    if probability > 0.99:
        return _("> 99 %")
    if probability < 0.01:
        return _("< 1 %")
    return _("%(number)d %%") % {"number": round(probability * 100)}


def label_name(label: str) -> str:
    """A class in words; a class this release does not know keeps its own name."""
    try:
        return str(Diagnosis.Label(label).label)
    except ValueError:
        return label.replace("_", " ").capitalize()


@dataclass(frozen=True)
class SecondOpinion:
    """What the picture alone says, beside an answer from the traces."""

    name: str
    percent: str
    agrees: bool


def second_opinion(diagnosis: Diagnosis) -> SecondOpinion | None:
    """The other network's most probable class; None where there was no other."""
    if not diagnosis.second_opinion:
        return None
    label, probability = max(diagnosis.second_opinion.items(), key=lambda item: (item[1], item[0]))
    return SecondOpinion(label_name(label), percent(probability), agrees=label == diagnosis.label)


def possible_classes(diagnosis: Diagnosis) -> str:
    """The classes that remain possible, most probable first, as a list in words."""
    names = [bar.name for bar in bars(diagnosis) if bar.label in diagnosis.possible]
    return get_text_list(names, _("or"))


def bars(diagnosis: Diagnosis) -> list[Bar]:
    """Every class, most probable first. None is marked as the answer where the model was not sure."""
    ranked = sorted(diagnosis.probabilities.items(), key=lambda item: (-item[1], item[0]))
    return [
        Bar(
            label=label,
            name=label_name(label),
            probability=probability,
            percent=percent(probability),
            is_answer=label == diagnosis.label and not diagnosis.abstained,
        )
        for label, probability in ranked
    ]


def headline(diagnosis: Diagnosis) -> str:
    """The one thing to read first. An abstained reading never names a class here."""
    match diagnosis.state:
        case Diagnosis.State.DONE if diagnosis.abstained:
            return pgettext("the model abstains", "Not sure")
        case Diagnosis.State.DONE:
            return label_name(diagnosis.label)
        case Diagnosis.State.REJECTED:
            return _("This page cannot be read")
        case Diagnosis.State.FAILED:
            return _("The reading failed")
        case Diagnosis.State.RUNNING:
            return _("Being read…")
        case _:
            return _("Waiting for a reader…")


def tone(diagnosis: Diagnosis) -> str:
    """The kind of badge: quiet for what is under way and what is unsure, loud for nothing but failures."""
    match diagnosis.state:
        case Diagnosis.State.DONE:
            return "unsure" if diagnosis.abstained else "done"
        case Diagnosis.State.REJECTED:
            return "rejected"
        case Diagnosis.State.FAILED:
            return "failed"
        case _:
            return "waiting"


def phase(job: Job) -> str:
    """What the status part of the page shows; it is replaced when, and only when, this changes."""
    if job.is_ended:
        return "ended"
    waited_long = timezone.now() - job.created_at > LONG_WAIT
    return f"{job.state}-long" if waited_long else str(job.state)


def poll_delay_ms(job: Job) -> int:
    """How soon to ask again: at once while an answer is near, then ever more slowly."""
    waited = (timezone.now() - job.created_at).total_seconds()
    for limit_s, delay_ms in ((5, 200), (15, 500), (60, 1500), (300, 4000)):
        if waited < limit_s:
            return delay_ms
    return 10_000


def tracing_follows(diagnosis: Diagnosis) -> bool:
    """Whether measurements may still come; after a minute they will not."""
    done = diagnosis.finished_at if diagnosis.state == Diagnosis.State.DONE else None
    return done is not None and timezone.now() - done < timedelta(minutes=1)


def is_worth_another_reading(diagnosis: Diagnosis, active: ModelVersion | None) -> bool:
    """Another reading can only differ after a failure or with another model."""
    if not diagnosis.is_ended or active is None:
        return False
    return diagnosis.state == Diagnosis.State.FAILED or diagnosis.model_version_id != active.pk


def cautions(explanation: Explanation | None) -> list[str]:
    """What somebody who looks at this map has to know about it."""
    details = explanation.details if explanation is not None else {}
    found = []
    if details.get("found_evidence") is False:
        found.append(_("This method found no evidence for this class on the page, so there is no heat to show."))
    fit = details.get("local_r2")
    if isinstance(fit, float) and fit < POOR_FIT:
        found.append(_("The simple model behind this map fits the network poorly on this page; do not rely on it."))
    return found


def markdown(text: str) -> SafeString:
    """A model card as HTML; markup in it that is none of Markdown's is shown as text."""
    # A corner of a table that heads nothing is no heading: screen readers would read out an empty one.
    html = _MARKDOWN.render(text).replace("<th></th>", "<td></td>")
    return mark_safe(html)  # noqa: S308  (the renderer escapes)


@dataclass(frozen=True)
class MeasuredRow:
    """A value of the page, ready to be shown."""

    name: str
    title: str
    value: str
    unit: str
    unusual: bool
    unsure: bool
    usual: str


@dataclass(frozen=True)
class LeadRow:
    """One lead's values, in the order of `LEAD_COLUMNS`; empty where there is none."""

    lead: str
    values: tuple[str, ...]


LEAD_COLUMNS = ("r_amplitude", "s_amplitude", "q_amplitude", "q_duration", "st_j60", "t_amplitude")
_UNITS = {"deg": "°", "/min": "/min", "ms": "ms", "mV": "mV"}
# Below this a value is shown as uncertain.
_UNSURE = 0.5


def measured(tracing: Tracing) -> list[MeasuredRow]:
    """The values of the whole page."""
    rows = []
    for one in tracing.measurements.get("values", ()):
        quantity = QUANTITIES.get(one["name"])
        if quantity is not None:
            usual = quantity.usual
            limits = "" if usual is None else f"{_number(usual[0], 0)}–{_number(usual[1], 0)}"
            rows.append(
                MeasuredRow(
                    name=quantity.name,
                    title=quantity_name(quantity.name),
                    value=_number(one["value"], quantity.decimals),
                    unit=_UNITS.get(quantity.unit, quantity.unit),
                    unusual=bool(one["unusual"]),
                    unsure=one["confidence"] < _UNSURE,
                    usual=limits,
                )
            )
    return rows


def measured_by_lead(tracing: Tracing) -> list[LeadRow]:
    """The values of single leads."""
    found: dict[str, dict[str, str]] = {}
    for one in tracing.measurements.get("per_lead", ()):
        quantity = QUANTITIES.get(one["name"])
        if quantity is not None:
            found.setdefault(one["lead"], {})[one["name"]] = _number(one["value"], quantity.decimals)
    return [LeadRow(lead, tuple(values.get(name, "") for name in LEAD_COLUMNS)) for lead, values in found.items()]


def _number(value: float, decimals: int) -> str:
    # Nothing is below zero that rounds to it; a true minus sign is read aloud and lines up with the plus.
    return number_format(round(value, decimals) + 0.0, decimals).replace("-", "−")


def quantity_name(name: str) -> str:
    """A quantity in words."""
    names = {
        "heart_rate": _("Heart rate"),
        "rr_interval": _("RR interval"),
        "sdnn": _("RR spread (SDNN)"),
        "rmssd": _("RR change (RMSSD)"),
        "p_duration": _("P duration"),
        "pr_interval": _("PR interval"),
        "qrs_duration": _("QRS duration"),
        "qt_interval": _("QT interval"),
        "qtc_bazett": _("QTc (Bazett)"),
        "qtc_fridericia": _("QTc (Fridericia)"),
        "p_axis": _("P axis"),
        "qrs_axis": _("QRS axis"),
        "t_axis": _("T axis"),
        "r_amplitude": _("R, mV"),
        "s_amplitude": _("S, mV"),
        "q_amplitude": _("Q, mV"),
        "q_duration": _("Q, ms"),
        "st_j60": _("ST, mV"),
        "t_amplitude": _("T, mV"),
    }
    return str(names.get(name, name))

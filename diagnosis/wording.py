"""What `ml` says, in the reader's language: findings from their codes and numbers, explanation methods by their names.

`ml` writes both in English; tests hold the English of these tables to the same words.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from diagnosis.models import Tracing
from ml.explain import Method
from ml.narrative import CHEST, FRONTAL, named, neighbours

# Said of one value of the page.
_OF_THE_PAGE: Final = {
    "pr_long": gettext_lazy("PR interval prolonged (%(value)s ms)."),
    "pr_short": gettext_lazy("PR interval short (%(value)s ms)."),
    "qrs_wide": gettext_lazy("QRS complexes wide (%(value)s ms)."),
    "qrs_widened": gettext_lazy("QRS complexes slightly widened (%(value)s ms)."),
    "qtc_very_long": gettext_lazy("QTc markedly prolonged (%(value)s ms, Fridericia)."),
    "qtc_long": gettext_lazy("QTc prolonged (%(value)s ms, Fridericia)."),
    "axis_extreme": gettext_lazy("Extreme QRS axis (%(value)s°)."),
    "axis_left": gettext_lazy("Left axis deviation (%(value)s°)."),
    "axis_right": gettext_lazy("Right axis deviation (%(value)s°)."),
    "irregular": gettext_lazy("RR intervals vary by %(value)s ms (SDNN)."),
}
# Said of neighbouring leads.
_OF_LEADS: Final = {
    "st_elevation": gettext_lazy("ST elevation up to %(value)s mV in %(leads)s."),
    "st_depression": gettext_lazy("ST depression down to %(value)s mV in %(leads)s."),
    "q_waves": gettext_lazy("Q waves up to %(value)s mV deep in %(leads)s."),
    "t_inversion": gettext_lazy("T waves inverted, down to %(value)s mV, in %(leads)s."),
}
# Method → what it is called, and what its map shows and what not.
_METHODS: Final = {
    "trace_relevance": (
        gettext_lazy("Evidence on the traces"),
        gettext_lazy(
            "Stretches of trace that raised the class's score, compared with a page on which nothing was read; what "
            "measurements such as the heart rate added has no place on the page and is not shown."
        ),
    ),
    "lead_occlusion": (
        gettext_lazy("Leads left out"),
        gettext_lazy(
            "Leads without which, and without what was measured on them, the class's score falls; it cannot say where "
            "in the beat."
        ),
    ),
    "grad_cam": (
        "Grad-CAM",
        gettext_lazy(
            "Regions whose features speak for the class, as coarse patches; it cannot point at a single wave."
        ),
    ),
    "grad_cam_plus_plus": (
        "Grad-CAM++",
        gettext_lazy("Like Grad-CAM, but better where the evidence repeats from beat to beat; just as coarse."),
    ),
    "score_cam": (
        "Score-CAM",
        gettext_lazy(
            "Regions that on their own, with the rest of the page blanked, keep the class probable; coarse, and it "
            "says nothing about evidence against the class."
        ),
    ),
    "saliency": (
        gettext_lazy("Saliency (SmoothGrad)"),
        gettext_lazy(
            "Places where a small change of the print would change the answer most, for or against the class."
        ),
    ),
    "integrated_gradients": (
        gettext_lazy("Integrated gradients"),
        gettext_lazy("Print that raised the class's score compared with blank paper; what lowered it is not shown."),
    ),
    "lime": (
        "LIME",
        gettext_lazy(
            "Pieces of trace or paper whose removal lowers the class's score, by a simple model fitted to many altered "
            "copies of the page; other copies give a slightly different map."
        ),
    ),
    "spatial_attention": (
        gettext_lazy("Spatial attention"),
        gettext_lazy(
            "Where the network's own attention layers let most through, the same for every class; attention is not "
            "evidence."
        ),
    ),
}
_RATES: Final = ("heart_rate", "bradycardia", "tachycardia")


def method_title(method: Method) -> str:
    """What an explanation method is called."""
    return str(_METHODS[method.name][0] if method.name in _METHODS else method.title)


def method_summary(method: Method) -> str:
    """What its map shows, and what not."""
    return str(_METHODS[method.name][1] if method.name in _METHODS else method.summary)


def sentences(tracing: Tracing) -> list[dict[str, Any]]:
    """The findings of a page with their ``text`` in the reader's language, in the order in which an ECG is read."""
    regular = tracing.measurements.get("regular") if tracing.measurements else None
    return [{**one, "text": _say(one, regular)} for one in tracing.sentences]


def _say(one: Mapping[str, Any], regular: bool | None) -> str:
    code, values = str(one["code"]), one["values"]
    try:
        if code in _RATES:
            return _rate(code, values["heart_rate"], regular)
        if code in _OF_THE_PAGE:
            (value,) = values.values()
            return _OF_THE_PAGE[code] % {"value": _number(value, 0)}
        if code in _OF_LEADS:
            return _of_leads(code, values)
        if code == "high_voltage":
            total = values["s_amplitude V1"] + values["r_amplitude"]
            return _("High voltage: S in V1 and R in V5 or V6 add up to %(value)s mV (Sokolow–Lyon).") % {
                "value": _number(total, 1)
            }
        if code == "attention":
            leads = named([tuple(name for name in (*FRONTAL, *CHEST) if name in values)])
            return _("The network’s attention is on %(leads)s (%(share)s %%).") % {
                "leads": leads,
                "share": _number(100 * sum(values.values()), 0),
            }
    except (KeyError, IndexError, ValueError, TypeError):
        # Written by another release: its own words are better than none.
        pass
    return str(one["text"])


def _rate(code: str, rate: float, regular: bool | None) -> str:
    parts = [_("Heart rate %(rate)s/min") % {"rate": _number(rate, 0)}]
    if regular is not None:
        parts.append(_("regular") if regular else _("irregular"))
    if code != "heart_rate":
        parts.append(_("slow") if code == "bradycardia" else _("fast"))
    return ", ".join(parts) + "."


def _of_leads(code: str, values: Mapping[str, float]) -> str:
    by_lead = {name.rpartition(" ")[2]: value for name, value in values.items()}
    stretches = [part for order in (FRONTAL, CHEST) for part in neighbours(order, by_lead)]
    most = max(by_lead.values(), key=abs)
    return _OF_LEADS[code] % {"value": _number(most, 2), "leads": named(stretches)}


def _number(value: float, decimals: int) -> str:
    return number_format(round(value, decimals) + 0.0, decimals, use_l10n=True, force_grouping=False).replace("-", "−")

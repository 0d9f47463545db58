"""The ECG findings that a report can name by code: one table, in the order in which they are offered.

A ``code`` is ours, is stored in reports and never changes or goes away. The SNOMED CT codes are those by which the
PhysioNet/CinC Challenge 2021 labels its ECGs (https://physionet.org/content/challenge-2021/1.0.3/) and, for
infarctions by wall, those of SNOMED's international edition; where there is none that means exactly this, it is empty.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.utils.functional import Promise

RHYTHM: Final = "rhythm"
CONDUCTION: Final = "conduction"
INFARCTION: Final = "infarction"
HYPERTROPHY: Final = "hypertrophy"
ST_T: Final = "st_t"
OTHER: Final = "other"

GROUPS: Final[dict[str, str | Promise]] = {
    RHYTHM: _("Rhythm"),
    CONDUCTION: _("Conduction"),
    INFARCTION: _("Infarction"),
    HYPERTROPHY: _("Hypertrophy and axis"),
    ST_T: _("ST segment and T wave"),
    OTHER: _("Other"),
}


@dataclass(frozen=True)
class Finding:
    """One finding.

    Attributes:
        code: stable, our own.
        name: in words.
        group: one of `GROUPS`.
        snomed: SNOMED CT concept, or empty.
    """

    code: str
    name: str | Promise
    group: str
    snomed: str = ""


FINDINGS: Final = (
    Finding("sinus_rhythm", _("Sinus rhythm"), RHYTHM, "426783006"),
    Finding("sinus_bradycardia", _("Sinus bradycardia"), RHYTHM, "426177001"),
    Finding("sinus_tachycardia", _("Sinus tachycardia"), RHYTHM, "427084000"),
    Finding("sinus_arrhythmia", _("Sinus arrhythmia"), RHYTHM, "427393009"),
    Finding("atrial_fibrillation", _("Atrial fibrillation"), RHYTHM, "164889003"),
    Finding("atrial_flutter", _("Atrial flutter"), RHYTHM, "164890007"),
    Finding("supraventricular_tachycardia", _("Supraventricular tachycardia"), RHYTHM, "426761007"),
    Finding("ventricular_tachycardia", _("Ventricular tachycardia"), RHYTHM, "164895002"),
    Finding("atrial_premature_beats", _("Atrial premature beats"), RHYTHM, "284470004"),
    Finding("ventricular_premature_beats", _("Ventricular premature beats"), RHYTHM, "427172004"),
    Finding("paced_rhythm", _("Paced rhythm"), RHYTHM, "10370003"),
    Finding("av_block_1", _("AV block, first degree"), CONDUCTION, "270492004"),
    Finding("av_block_2_mobitz_1", _("AV block, second degree, Mobitz I (Wenckebach)"), CONDUCTION, "54016002"),
    Finding("av_block_2_mobitz_2", _("AV block, second degree, Mobitz II"), CONDUCTION, "426183003"),
    Finding("av_block_3", _("AV block, third degree"), CONDUCTION, "27885002"),
    Finding("rbbb", _("Right bundle branch block, complete"), CONDUCTION, "713427006"),
    Finding("rbbb_incomplete", _("Right bundle branch block, incomplete"), CONDUCTION, "713426002"),
    Finding("lbbb", _("Left bundle branch block, complete"), CONDUCTION, "733534002"),
    Finding("left_anterior_fascicular_block", _("Left anterior fascicular block"), CONDUCTION, "445118002"),
    Finding("left_posterior_fascicular_block", _("Left posterior fascicular block"), CONDUCTION, "445211001"),
    Finding("wpw_pattern", _("Pre-excitation (WPW pattern)"), CONDUCTION, "74390002"),
    Finding("qt_prolonged", _("QT prolonged"), CONDUCTION, "111975006"),
    Finding("mi_anterior_acute", _("Anterior infarction, acute"), INFARCTION, "54329005"),
    Finding("mi_inferior_acute", _("Inferior infarction, acute"), INFARCTION, "73795002"),
    Finding("mi_lateral_acute", _("Lateral infarction, acute"), INFARCTION),
    Finding("mi_posterior_acute", _("Posterior infarction, acute"), INFARCTION),
    Finding("mi_old", _("Infarction, old"), INFARCTION, "164867002"),
    Finding("pathological_q", _("Pathological Q waves"), INFARCTION, "164917005"),
    Finding("poor_r_progression", _("Poor R wave progression"), INFARCTION, "365413008"),
    Finding("lvh", _("Left ventricular hypertrophy"), HYPERTROPHY, "164873001"),
    Finding("rvh", _("Right ventricular hypertrophy"), HYPERTROPHY, "89792004"),
    Finding("left_axis_deviation", _("Left axis deviation"), HYPERTROPHY, "39732003"),
    Finding("right_axis_deviation", _("Right axis deviation"), HYPERTROPHY, "47665007"),
    Finding("st_elevation", _("ST elevation"), ST_T, "164931005"),
    Finding("st_depression", _("ST depression"), ST_T, "429622005"),
    Finding("t_inversion", _("T wave inversion"), ST_T, "59931005"),
    Finding("st_t_nonspecific", _("Nonspecific ST-T changes"), ST_T, "428750005"),
    Finding("early_repolarisation", _("Early repolarisation"), ST_T, "428417006"),
    Finding("low_voltage", _("Low QRS voltage"), OTHER, "251146004"),
    Finding("electrodes_swapped", _("Electrodes swapped (suspected)"), OTHER),
)

BY_CODE: Final = {finding.code: finding for finding in FINDINGS}


def in_table_order(codes: Iterable[str]) -> list[str]:
    """The known codes among these, each once, in the order of the table."""
    wanted = set(codes)
    return [finding.code for finding in FINDINGS if finding.code in wanted]


def unknown(codes: Iterable[str]) -> list[str]:
    """The codes among these that the table does not have."""
    return sorted({code for code in codes if code not in BY_CODE})


def named(codes: Iterable[str]) -> list[Finding]:
    """The findings of these codes; a code this release does not know stands for itself, in the last group."""
    return [BY_CODE.get(code) or Finding(code, code.replace("_", " ").capitalize(), OTHER) for code in codes]


def grouped() -> list[tuple[str | Promise, list[Finding]]]:
    """The whole table by group."""
    return [(title, [one for one in FINDINGS if one.group == group]) for group, title in GROUPS.items()]

"""The codes that leave the house in FHIR, in one table, with where each was checked; those of the clinicians' coded
findings stand in ``diagnosis.review.findings``.

A class or quantity without a code that means exactly it has none here and travels as text: COVID-19 as an ECG class
(a disease is not an ECG finding), P duration and RMSSD.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

LOINC: Final = "http://loinc.org"
SNOMED: Final = "http://snomed.info/sct"
UCUM: Final = "http://unitsofmeasure.org"
_TERMINOLOGY: Final = "http://terminology.hl7.org/CodeSystem/"

# Isoline's own classes and identifiers. They are no addresses, because this software has no domain of its own.
ISOLINE_CLASSES: Final = "urn:uuid:0e6f5a0c-5d39-4a41-9f0f-6f6a1d0f7b52"
ISOLINE_FINDINGS: Final = "urn:uuid:6a1b8f0d-93a5-4c6e-8a63-0f2b7d9e4c11"
ISOLINE_DIAGNOSES: Final = "urn:uuid:3c2f9d74-2b0a-4f59-b6a8-1d7e5c8a9b03"
ISOLINE_VERIFICATION_CODES: Final = "urn:uuid:b1f4c7e2-8d36-4a0b-9e57-4c6d2a8f1e94"
ISOLINE_BUNDLE_CHECKSUMS: Final = "urn:uuid:d95a3e18-7c4b-4f62-8b1d-2e9f6a0c7d35"


@dataclass(frozen=True)
class Code:
    """One code with its system, its display as the system has it, and where that was checked."""

    system: str
    code: str
    display: str
    source: str

    def coding(self) -> dict[str, str]:
        return {"system": self.system, "code": self.code, "display": self.display}

    def concept(self, text: str = "") -> dict[str, Any]:
        """A CodeableConcept."""
        return {"coding": [self.coding()], "text": text or self.display}


_LOINC_SITE: Final = "https://loinc.org/{}/"
_US_CORE: Final = "US Core 8.0.1, DiagnosticReport-cardiology-report"
_QTC: Final = "LOINC 8636-3, 76634-5 and 76635-2, which name one another: cismef.org LNC_CT_76634-5"
_EKG_PANEL: Final = "LOINC class EKG.MEAS; the same code in published FHIR ECG observations and HL7 aECG mappings"
_R4: Final = "https://hl7.org/fhir/R4/"
_PHYSIONET: Final = "PhysioNet/CinC Challenge 2021, https://physionet.org/content/challenge-2021/1.0.3/"
_EKG_VALUE_SET: Final = "HL7 Lithuania, ValueSet ekg-result-interpretation"

EKG_STUDY: Final = Code(LOINC, "11524-6", "EKG study", _LOINC_SITE.format("11524-6"))
EKG_IMPRESSION: Final = Code(LOINC, "8601-7", "EKG impression", _US_CORE)

# Quantity of `ml.measurements.values` → code.
QUANTITIES: Final[dict[str, Code]] = {
    "heart_rate": Code(LOINC, "8867-4", "Heart rate", f"{_R4}heartrate.html"),
    "rr_interval": Code(LOINC, "8637-1", "R-R interval by EKG", _EKG_PANEL),
    "sdnn": Code(
        LOINC,
        "80404-7",
        "R-R interval.standard deviation (Heart rate variability)",
        "Apple HealthKit's heartRateVariabilitySDNN in published FHIR mappings",
    ),
    "pr_interval": Code(LOINC, "8625-6", "P-R Interval", _EKG_PANEL),
    "qrs_duration": Code(LOINC, "8633-0", "QRS duration", _EKG_PANEL),
    "qt_interval": Code(LOINC, "8634-8", "Q-T interval", _EKG_PANEL),
    "qtc_bazett": Code(LOINC, "76635-2", "Q-T interval corrected based on Bazett formula", _QTC),
    "qtc_fridericia": Code(LOINC, "76634-5", "Q-T interval corrected based on Fridericia formula", _QTC),
    "p_axis": Code(LOINC, "8626-4", "P wave axis", _EKG_PANEL),
    "qrs_axis": Code(LOINC, "8632-2", "QRS axis", _EKG_PANEL),
    "t_axis": Code(LOINC, "8638-9", "T wave axis", _EKG_PANEL),
}
# Said beside the code of the formula, for those who look for any corrected QT.
QTC: Final = Code(LOINC, "8636-3", "Q-T interval corrected", _QTC)

# Class of `Diagnosis.Label` → code.
CLASSES: Final[dict[str, Code]] = {
    "normal": Code(SNOMED, "164854000", "Electrocardiogram normal", _EKG_VALUE_SET),
    "abnormal_heartbeat": Code(SNOMED, "102594003", "Electrocardiogram abnormal", _EKG_VALUE_SET),
    "mi": Code(SNOMED, "164865005", "Electrocardiographic myocardial infarction", _PHYSIONET),
    "history_mi": Code(SNOMED, "164867002", "Electrocardiographic old myocardial infarction", _PHYSIONET),
}

UNITS: Final = {"/min": "/min", "ms": "ms", "mV": "mV", "deg": "deg"}

CARDIAC_SECTION: Final = Code(
    "http://terminology.hl7.org/CodeSystem/v2-0074",
    "EC",
    "Electrocardiac (e.g., EKG, EEC, Holter)",
    f"{_R4}v2/0074/index.html",
)
PROCEDURE: Final = Code(
    f"{_TERMINOLOGY}observation-category", "procedure", "Procedure", f"{_R4}codesystem-observation-category.html"
)
IMAGE: Final = Code(f"{_TERMINOLOGY}media-type", "image", "Image", f"{_R4}codesystem-media-type.html")
AUTHOR: Final = Code(
    f"{_TERMINOLOGY}provenance-participant-type", "author", "Author", f"{_R4}codesystem-provenance-agent-type.html"
)
ATTESTER: Final = Code(
    f"{_TERMINOLOGY}provenance-participant-type", "attester", "Attester", f"{_R4}codesystem-provenance-agent-type.html"
)
NOT_PERFORMED: Final = Code(
    f"{_TERMINOLOGY}data-absent-reason", "not-performed", "Not Performed", f"{_R4}codesystem-data-absent-reason.html"
)
_INTERPRETATION: Final = f"{_TERMINOLOGY}v3-ObservationInterpretation"
_INTERPRETATIONS_AT: Final = f"{_R4}v3/ObservationInterpretation/cs.html"
HIGH: Final = Code(_INTERPRETATION, "H", "High", _INTERPRETATIONS_AT)
LOW: Final = Code(_INTERPRETATION, "L", "Low", _INTERPRETATIONS_AT)
INDETERMINATE: Final = Code(_INTERPRETATION, "IND", "Indeterminate", _INTERPRETATIONS_AT)

ALL: Final = (
    *(EKG_STUDY, EKG_IMPRESSION, *QUANTITIES.values(), QTC, *CLASSES.values()),
    *(CARDIAC_SECTION, PROCEDURE, IMAGE, AUTHOR, ATTESTER, NOT_PERFORMED, HIGH, LOW, INDETERMINATE),
)

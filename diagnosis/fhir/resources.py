"""Rows as FHIR R4 resources, each a dictionary ready for JSON. https://hl7.org/fhir/R4/

References go through `Book`, which knows in which form the bundle has them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.urls import reverse
from django.utils.html import escape
from django.utils.translation import gettext as _

from diagnosis import messages, presentation
from diagnosis.fhir import codes
from diagnosis.fhir.identity import Ids, made_from
from diagnosis.models import Diagnosis
from ml.measurements.values import QUANTITIES

if TYPE_CHECKING:
    from accounts.models import Site, User
    from diagnosis.models import Heatmap, ModelVersion, Tracing, Upload
    from diagnosis.review.models import Report

Resource = dict[str, Any]

# Below this a value is said to be uncertain, as on the result page.
_UNSURE: Final = 0.5


@dataclass
class Book:
    """The resources of one bundle, in the order in which they came.

    Attributes:
        refer: type and id → what a reference to it says.
        ids: of this installation.
        status: of the report and of what the clinician observed: preliminary, final or amended.
    """

    refer: Callable[[str, str], str]
    ids: Ids
    status: str
    resources: list[Resource] = field(default_factory=list)

    @property
    def model_status(self) -> str:
        """Of what the model observed: it is the same in every version of the report."""
        return "preliminary" if self.status == "preliminary" else "final"

    def add(self, resource: Resource) -> dict[str, str]:
        """Take a resource in and return a reference to it; what is there already is not taken twice."""
        known = {(one["resourceType"], one["id"]) for one in self.resources}
        if (resource["resourceType"], resource["id"]) not in known:
            self.resources.append({key: value for key, value in resource.items() if value not in (None, "", [], {})})
        return {"reference": self.refer(resource["resourceType"], resource["id"])}


def instant(at: datetime | None) -> str | None:
    """A time with its zone and without fractions of a second."""
    return at.astimezone(UTC).isoformat(timespec="seconds") if at is not None else None


def address(path: str) -> str:
    return settings.ISOLINE_PUBLIC_URL.rstrip("/") + path


def organization(book: Book, site: Site) -> dict[str, str]:
    return book.add(
        {
            "resourceType": "Organization",
            "id": book.ids.here("Organization", site.pk),
            "identifier": [{"system": book.ids.system("sites"), "value": str(site.pk)}],
            "active": site.is_active,
            "name": site.name,
        }
    )


def patient(book: Book, upload: Upload, site: dict[str, str]) -> dict[str, str] | None:
    """By the reference that the uploader gave, and nothing else; None where there is none."""
    reference = upload.patient_reference
    if not reference:
        return None
    return book.add(
        {
            "resourceType": "Patient",
            "id": book.ids.here("Patient", upload.site_id, reference),
            "identifier": [{"system": book.ids.system("patients", upload.site_id), "value": reference}],
            "managingOrganization": site,
        }
    )


def practitioner(book: Book, user: User) -> dict[str, str]:
    """By user name."""
    return book.add(
        {
            "resourceType": "Practitioner",
            "id": book.ids.here("Practitioner", user.pk),
            "identifier": [{"system": book.ids.system("users"), "value": user.get_username()}],
            "active": user.is_active,
        }
    )


def device(book: Book, model: ModelVersion) -> dict[str, str]:
    """The model that read the page, known by the checksum of its bundle."""
    return book.add(
        {
            "resourceType": "Device",
            "id": made_from("Device", model.sha256),
            "identifier": [{"system": codes.ISOLINE_BUNDLE_CHECKSUMS, "value": f"sha256:{model.sha256}"}],
            "status": "active",
            "manufacturer": "Isoline",
            "deviceName": [{"name": f"Isoline {model.name}", "type": "model-name"}],
            "type": {"text": "Software that reads ECG pages"},
            "version": [{"value": model.version}],
            "note": [{"text": str(settings.ISOLINE_RESEARCH_NOTICE)}],
        }
    )


def media(
    book: Book, *, key: str, title: str, upload: Upload, subject: dict[str, str] | None, content: Resource
) -> dict[str, str]:
    """A picture; ``content`` is its Attachment."""
    return book.add(
        {
            "resourceType": "Media",
            "id": key,
            "status": "completed",
            "type": codes.IMAGE.concept(),
            "subject": subject,
            "createdDateTime": instant(upload.created_at),
            "height": upload.height,
            "width": upload.width,
            "content": content | {"title": title},
        }
    )


def page_path(upload: Upload) -> str:
    return reverse("diagnosis:page_image", args=[upload.pk])


def overlay_path(heatmap: Heatmap) -> str:
    return reverse("diagnosis:overlay", args=[heatmap.pk])


def class_concept(label: str) -> Resource:
    """A class: by SNOMED CT where there is a code that means it, and by our own name."""
    known = codes.CLASSES.get(label)
    name = presentation.label_name(label)
    own = {"system": codes.ISOLINE_CLASSES, "code": label, "display": name}
    return {"coding": [*([known.coding()] if known else []), own], "text": name}


def model_impression(book: Book, diagnosis: Diagnosis, **shared: Any) -> dict[str, str]:
    """What the model said: its answer, or that it is not sure, and the calibrated probability of every class."""
    said: Resource
    if diagnosis.state != Diagnosis.State.DONE:
        said = {"dataAbsentReason": codes.NOT_PERFORMED.concept(messages.describe(diagnosis))}
    elif diagnosis.abstained:
        said = {
            "valueCodeableConcept": {"text": presentation.headline(diagnosis)},
            "interpretation": [codes.INDETERMINATE.concept()],
        }
    else:
        said = {"valueCodeableConcept": class_concept(diagnosis.label)}
    notes = [messages.warning(code) for code in diagnosis.warnings]
    if diagnosis.possible:
        notes.append(_("Remains possible: %(classes)s.") % {"classes": presentation.possible_classes(diagnosis)})
    return book.add(
        _observation(
            book.model_status, made_from("Observation", diagnosis.pk, "model"), codes.EKG_IMPRESSION.concept(), shared
        )
        | said
        | {
            "note": [{"text": note} for note in notes],
            "component": [
                {
                    "code": {
                        "coding": [{"system": codes.ISOLINE_CLASSES, "code": f"probability-{bar.label}"}],
                        "text": _("Calibrated probability: %(name)s") % {"name": bar.name},
                    },
                    "valueQuantity": _quantity(round(bar.probability * 100, 2), "%", "%"),
                }
                for bar in presentation.bars(diagnosis)
            ],
        }
    )


def clinician_impression(book: Book, report: Report, concept: Resource, **shared: Any) -> dict[str, str]:
    """What the signer said of the page."""
    return book.add(
        _observation(
            book.status,
            made_from("Observation", report.diagnosis_id, "clinician"),
            codes.EKG_IMPRESSION.concept(),
            shared,
        )
        | {
            "valueCodeableConcept": concept,
            "issued": instant(report.signed_at),
            "note": [{"text": report.comment.strip()}] if report.comment.strip() else [],
        }
    )


def measurements(book: Book, tracing: Tracing, **shared: Any) -> list[dict[str, str]]:
    """The values of the whole page, with what is usual and how far each may be believed."""
    found = []
    for one in tracing.measurements.get("values", ()):
        quantity = QUANTITIES.get(one["name"])
        if quantity is None:
            continue
        key = made_from("Observation", tracing.diagnosis_id, one["name"])
        number = round(float(one["value"]), quantity.decimals) + 0.0
        resource = _observation(book.model_status, key, _quantity_concept(quantity.name), shared) | {
            "valueQuantity": _quantity(number, quantity.unit.replace("deg", "°"), codes.UNITS[quantity.unit])
        }
        if quantity.usual is not None:
            unit = {"unit": quantity.unit, "system": codes.UCUM, "code": codes.UNITS[quantity.unit]}
            low, high = ({"value": limit} | unit for limit in quantity.usual)
            resource["referenceRange"] = [{"low": low, "high": high, "text": _("usual in adults")}]
            if one["unusual"]:
                code = codes.HIGH if number > quantity.usual[1] else codes.LOW
                resource["interpretation"] = [code.concept()]
        confidence = _("Measured by software; confidence %(share)s of 1.") % {"share": one["confidence"]}
        unsure = " " + _("Uncertain.") if one["confidence"] < _UNSURE else ""
        resource["note"] = [{"text": confidence + unsure}]
        found.append(book.add(resource))
    return found


def _quantity_concept(name: str) -> Resource:
    known = codes.QUANTITIES.get(name)
    codings = [known.coding()] if known else []
    if name.startswith("qtc_"):
        codings.append(codes.QTC.coding())
    concept: Resource = {"text": presentation.quantity_name(name)}
    return {"coding": codings} | concept if codings else concept


def _quantity(value: float, unit: str, ucum: str) -> Resource:
    return {"value": value, "unit": unit, "system": codes.UCUM, "code": ucum}


def _observation(status: str, key: str, code: Resource, shared: dict[str, Any]) -> Resource:
    return {
        "resourceType": "Observation",
        "id": key,
        "status": status,
        "category": [codes.PROCEDURE.concept()],
        "code": code,
    } | shared


def narrative(lines: list[str]) -> Resource:
    """Lines as the narrative of a resource."""
    paragraphs = "".join(f"<p>{escape(line)}</p>" for line in lines if line)
    return {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{paragraphs}</div>'}

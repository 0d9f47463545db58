"""A reading with its report as one FHIR R4 Bundle: a collection to be kept, or a transaction to be sent.

The DiagnosticReport is ``preliminary`` until a clinician has signed, then ``final``, and ``amended`` from the second
version on. When the ECG was recorded is not known here, so nothing claims a time at which it was effective.
"""

from __future__ import annotations

import base64
import mimetypes
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import override

from diagnosis import messages, presentation, selectors
from diagnosis.fhir import codes, resources
from diagnosis.fhir.identity import Ids, made_from
from diagnosis.fhir.resources import Book, Resource, instant
from diagnosis.models import Diagnosis
from diagnosis.review.findings import named
from diagnosis.review.models import Report

if TYPE_CHECKING:
    from django.db.models.fields.files import FieldFile

MEDIA_TYPE: Final = "application/fhir+json"
# What a reading must have come to for an export to say anything.
EXPORTED: Final = (Diagnosis.State.DONE, Diagnosis.State.REJECTED)


class NothingToExport(Exception):
    """The page has not been read."""


def collection(diagnosis: Diagnosis, *, embed_images: bool = False) -> Resource:
    """Everything in one piece, every reference within it.

    Args:
        diagnosis: a reading that ended with a result or as not readable.
        embed_images: pictures as Binary; otherwise their addresses on this installation, for those allowed.

    Raises:
        NothingToExport: it has not.
        FileNotFoundError: a picture to be embedded is missing in the storage.
    """
    book, issued = _book(diagnosis, lambda _type, key: f"urn:uuid:{key}", embed_images=embed_images)
    entries = [{"fullUrl": f"urn:uuid:{one['id']}", "resource": one} for one in book.resources]
    return _bundle("collection", diagnosis, entries) | {"timestamp": issued}


def transaction(diagnosis: Diagnosis, *, base_url: str, embed_images: bool = False) -> Resource:
    """The same as entries to be put where they are already or are to be, all or none; raises the same."""
    base = base_url.rstrip("/")
    book, _issued = _book(diagnosis, lambda kind, key: f"{kind}/{key}", embed_images=embed_images)
    entries = [
        {
            "fullUrl": f"{base}/{one['resourceType']}/{one['id']}",
            "resource": one,
            "request": {"method": "PUT", "url": f"{one['resourceType']}/{one['id']}"},
        }
        for one in book.resources
    ]
    return _bundle("transaction", diagnosis, entries)


def report_in_force(diagnosis: Diagnosis) -> Report | None:
    """The signed report that counts; None before the first."""
    signed = Report.objects.filter(diagnosis=diagnosis, state=Report.State.SIGNED)
    return signed.select_related("signed_by", "second_signed_by", "diagnosis").first()


def _bundle(kind: str, diagnosis: Diagnosis, entries: list[Resource]) -> Resource:
    return {"resourceType": "Bundle", "id": made_from("Bundle", diagnosis.pk), "type": kind, "entry": entries}


def _book(diagnosis: Diagnosis, refer: Any, *, embed_images: bool) -> tuple[Book, str | None]:
    if diagnosis.state not in EXPORTED:
        raise NothingToExport
    report = report_in_force(diagnosis)
    book = Book(refer, Ids(), _status(report))
    # One language for all, so that what is sent does not depend on who set it off.
    with override(settings.LANGUAGE_CODE):
        _Reading(diagnosis, report, book, embed_images=embed_images).write()
    return book, instant(_issued(diagnosis, report))


def _status(report: Report | None) -> str:
    if report is None:
        return "preliminary"
    return "final" if report.version == 1 else "amended"


def _issued(diagnosis: Diagnosis, report: Report | None) -> Any:
    if report is None:
        return diagnosis.finished_at
    return report.second_signed_at or report.signed_at


class _Reading:
    """One reading on its way into a book."""

    def __init__(self, diagnosis: Diagnosis, report: Report | None, book: Book, *, embed_images: bool) -> None:
        self._diagnosis = diagnosis
        self._upload = diagnosis.upload
        self._report = report
        self._book = book
        self._embed = embed_images
        self._recorded = instant(self._upload.recorded_at)
        self._site = resources.organization(book, self._upload.site)
        self._subject = resources.patient(book, self._upload, self._site)
        model = diagnosis.model_version
        self._device = resources.device(book, model) if model is not None else None

    def write(self) -> None:
        pictures = self._pictures()
        signers = self._signers()
        results = self._results(pictures[:1], signers)
        report = self._book.add(self._diagnostic_report(pictures, results, signers))
        self._provenance(report, pictures[:1], signers)

    def _pictures(self) -> list[dict[str, str]]:
        upload, key = self._upload, self._diagnosis.pk
        content = self._attachment(upload.page, resources.page_path(upload), made_from("Binary", upload.pk, "page"))
        found = [self._media(made_from("Media", upload.pk, "page"), _("ECG page"), content)]
        heatmap = self._diagnosis.heatmaps.first()
        if heatmap is not None:
            overlay = made_from("Binary", key, heatmap.method, heatmap.label)
            content = self._attachment(heatmap.overlay, resources.overlay_path(heatmap), overlay)
            title = _("Where the model looked for %(name)s") % {"name": presentation.label_name(heatmap.label)}
            found.append(self._media(made_from("Media", key, heatmap.method, heatmap.label), title, content))
        return found

    def _media(self, key: str, title: str, content: Resource) -> dict[str, str]:
        return resources.media(
            self._book, key=key, title=title, upload=self._upload, subject=self._subject, content=content
        )

    def _attachment(self, file: FieldFile, path: str, key: str) -> Resource:
        content_type = mimetypes.guess_type(file.name or "")[0] or "application/octet-stream"
        if not self._embed:
            return {"contentType": content_type, "url": resources.address(path)}
        with file.open("rb") as stream:
            data = base64.b64encode(stream.read()).decode()
        binary = {"resourceType": "Binary", "id": key, "contentType": content_type, "data": data}
        return {"contentType": content_type, "url": self._book.add(binary)["reference"]}

    def _signers(self) -> list[dict[str, str]]:
        if self._report is None:
            return []
        users = [user for user in (self._report.signed_by, self._report.second_signed_by) if user is not None]
        return [resources.practitioner(self._book, user) for user in users]

    def _results(self, page: list[dict[str, str]], signers: list[dict[str, str]]) -> list[dict[str, str]]:
        shared: dict[str, Any] = {"subject": self._subject, "derivedFrom": page, "effectiveDateTime": self._recorded}
        by_model = shared | {
            "device": self._device,
            "performer": [self._site],
            "issued": instant(self._diagnosis.finished_at),
        }
        found = []
        if self._report is not None:
            by_clinician = shared | {"performer": signers or [self._site]}
            found.append(
                resources.clinician_impression(self._book, self._report, self._verdict(self._report), **by_clinician)
            )
        found.append(resources.model_impression(self._book, self._diagnosis, **by_model))
        tracing = selectors.tracing_of(self._diagnosis)
        if tracing is not None and tracing.is_read:
            found += resources.measurements(self._book, tracing, **by_model)
        return found

    def _verdict(self, report: Report) -> Resource:
        if report.label:
            return resources.class_concept(report.label)
        agreed = report.verdict == Report.Verdict.AGREE
        if agreed and self._diagnosis.state == Diagnosis.State.DONE and not self._diagnosis.abstained:
            return resources.class_concept(self._diagnosis.label)
        return {"text": presentation.headline(self._diagnosis) if agreed else report.get_verdict_display()}

    def _conclusions(self) -> list[Resource]:
        """What is concluded: by the clinician if there is a report, else by the model, unless it is not sure."""
        if self._report is not None:
            findings = [finding_concept(str(code)) for code in self._report.findings]
            return [self._verdict(self._report), *findings]
        is_sure = self._diagnosis.state == Diagnosis.State.DONE and not self._diagnosis.abstained
        return [resources.class_concept(self._diagnosis.label)] if is_sure else []

    def _conclusion(self) -> str:
        notice = str(settings.ISOLINE_RESEARCH_NOTICE)
        report = self._report
        if report is None:
            said = presentation.headline(self._diagnosis)
            why = messages.describe(self._diagnosis)
            text = _("Preliminary, not reviewed by a clinician. Model’s reading: %(said)s.") % {"said": said}
            return " ".join(part for part in (text, why, notice) if part)
        verdict = self._verdict(report)["text"]
        names = ", ".join(finding_concept(str(code))["text"] for code in report.findings)
        parts = [f"{verdict} ({report.get_verdict_display()}).", f"{names}." if names else "", report.comment.strip()]
        if report.version > 1 and report.amendment_reason:
            parts.append(_("Amended: %(reason)s") % {"reason": report.amendment_reason.strip()})
        return " ".join(part for part in (*parts, notice) if part)

    def _diagnostic_report(
        self, pictures: list[dict[str, str]], results: list[dict[str, str]], signers: list[dict[str, str]]
    ) -> Resource:
        identifiers = [{"system": codes.ISOLINE_DIAGNOSES, "value": str(self._diagnosis.pk)}]
        if self._report is not None:
            identifiers.append({"system": codes.ISOLINE_VERIFICATION_CODES, "value": self._report.code})
        conclusion = self._conclusion()
        return {
            "resourceType": "DiagnosticReport",
            "id": made_from("DiagnosticReport", self._diagnosis.pk),
            "text": resources.narrative([_("ECG report"), conclusion]),
            "identifier": identifiers,
            "effectiveDateTime": self._recorded,
            "status": self._book.status,
            "category": [codes.CARDIAC_SECTION.concept()],
            "code": codes.EKG_STUDY.concept(),
            "subject": self._subject,
            "issued": instant(_issued(self._diagnosis, self._report)),
            "performer": [self._site],
            "resultsInterpreter": signers,
            "result": results,
            "media": [{"link": picture} for picture in pictures],
            "conclusion": conclusion,
            "conclusionCode": self._conclusions(),
        }

    def _provenance(self, target: dict[str, str], page: list[dict[str, str]], signers: list[dict[str, str]]) -> None:
        report = self._report
        author = self._device or self._site
        agents: list[Resource] = [{"type": codes.AUTHOR.concept(), "who": author}]
        agents += [{"type": codes.ATTESTER.concept(), "who": who, "onBehalfOf": self._site} for who in signers]
        reason = report.amendment_reason.strip() if report is not None and report.version > 1 else ""
        self._book.add(
            {
                "resourceType": "Provenance",
                "id": made_from("Provenance", report.pk if report is not None else self._diagnosis.pk),
                "target": [target],
                "occurredDateTime": instant(_issued(self._diagnosis, report)),
                "recorded": instant(_issued(self._diagnosis, report)),
                "reason": [{"text": reason}] if reason else [],
                "agent": agents,
                "entity": [{"role": "source", "what": what} for what in page],
            }
        )


def finding_concept(code: str) -> Resource:
    """A coded finding of a clinician: ours, and SNOMED CT's where that has one that means exactly this."""
    (finding,) = named([code])
    name = str(finding.name)
    coding = [{"system": codes.ISOLINE_FINDINGS, "code": code, "display": name}]
    if finding.snomed:
        # Without a display: the name is ours and need not be SNOMED's own term.
        coding.insert(0, {"system": codes.SNOMED, "code": finding.snomed})
    return {"coding": coding, "text": name}

"""What a document says, gathered from the rows once and in words, before anything is drawn.

Nothing here depends on the clock, the process or the viewer: equal rows give equal content. A signed version says
nothing of versions after it, so that it stays the same for ever; whether there are any, its verification code tells.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import override

from diagnosis import messages, presentation, selectors, wording
from diagnosis.documents.verification import address_of
from diagnosis.models import Diagnosis
from diagnosis.review.findings import named
from diagnosis.review.models import Report

if TYPE_CHECKING:
    from accounts.models import User
    from diagnosis.models import Tracing

# Raised whenever the same rows would be said or drawn differently; it is part of what a document is identified by.
EDITION: Final = 1


@dataclass(frozen=True)
class Bar:
    """One class: name, percentage in words, share 0…1, and whether it is the model's answer."""

    name: str
    percent: str
    share: float
    is_answer: bool


@dataclass(frozen=True)
class Value:
    """One measurement, ready to be shown."""

    name: str
    value: str
    usual: str
    remark: str
    unusual: bool


@dataclass(frozen=True)
class Sentence:
    """One finding in words."""

    text: str
    unusual: bool


@dataclass(frozen=True)
class Content:
    """Everything that a document says, in one language.

    Attributes:
        title, standing: what this is, and how far it may be relied on ("Version 2, signed", "Preliminary …").
        is_preliminary: nobody has signed it.
        facts: name → text of patient reference, site and dates, in order.
        verdict, verdict_note: the clinician's; empty if preliminary.
        amendment: why there is this version.
        findings, comment: the clinician's.
        reading, reading_note: the model's answer, or why there is none.
        bars, possible, warnings: of the model.
        values, sentences, unmeasured: off the traces; why there are none.
        signatures: one line for each.
        earlier: one line for each earlier version.
        origin: name → text of model and page, with checksums.
        code, address: of the verification; empty if preliminary.
        notice: research use only.
    """

    edition: int
    title: str
    standing: str
    is_preliminary: bool
    facts: tuple[tuple[str, str], ...]
    verdict: str
    verdict_note: str
    amendment: str
    findings: tuple[str, ...]
    comment: str
    reading: str
    reading_note: str
    bars: tuple[Bar, ...]
    possible: str
    warnings: tuple[str, ...]
    values: tuple[Value, ...]
    sentences: tuple[Sentence, ...]
    unmeasured: str
    signatures: tuple[str, ...]
    earlier: tuple[str, ...]
    origin: tuple[tuple[str, str], ...]
    code: str
    address: str
    notice: str

    def fingerprint(self) -> str:
        """SHA-256 of all of it."""
        return hashlib.sha256(json.dumps(asdict(self), ensure_ascii=True, sort_keys=True).encode()).hexdigest()


def gather(diagnosis: Diagnosis, report: Report | None, *, language: str) -> Content:
    """What the document on a reading says.

    Args:
        diagnosis: a reading that ended with a result or as not readable.
        report: a signed version, or None for a preliminary document.
        language: a code of ``settings.LANGUAGES``.
    """
    with override(language), timezone.override(timezone.get_default_timezone()):
        return _gather(diagnosis, report)


def _gather(diagnosis: Diagnosis, report: Report | None) -> Content:
    tracing = selectors.tracing_of(diagnosis)
    return Content(
        edition=EDITION,
        title=_("ECG report"),
        standing=_standing(report),
        is_preliminary=report is None,
        facts=_facts(diagnosis, report),
        **_from_report(report),
        **_from_model(diagnosis),
        values=_values(tracing),
        sentences=_sentences(tracing),
        unmeasured=_unmeasured(diagnosis, tracing),
        origin=_origin(diagnosis),
        code=report.printed_code if report else "",
        address=address_of(report) if report else "",
        notice=str(settings.ISOLINE_RESEARCH_NOTICE),
    )


def person(user: User | None) -> str:
    """A name to be printed: the full one with the user name, or the user name alone."""
    if user is None:
        return "–"
    full = user.get_full_name().strip()
    return f"{full} ({user.get_username()})" if full else user.get_username()


def moment(at: datetime | None) -> str:
    """A time in the server's zone, with the zone's name."""
    if at is None:
        return "–"
    local = timezone.localtime(at, timezone.get_default_timezone())
    return f"{date_format(local, 'j M Y, H:i')} {local.tzname()}"


def _standing(report: Report | None) -> str:
    if report is None:
        return _("Preliminary, not reviewed by a clinician")
    if report.second_signed_by_id:
        return _("Version %(number)d, signed by two people") % {"number": report.version}
    return _("Version %(number)d, signed") % {"number": report.version}


def _facts(diagnosis: Diagnosis, report: Report | None) -> tuple[tuple[str, str], ...]:
    upload = diagnosis.upload
    page = ", " + _("page %(number)d") % {"number": upload.page_number} if upload.page_number > 1 else ""
    facts = [
        (_("Patient reference"), upload.patient_reference or _("none given")),
        (_("Site"), upload.site.name),
        (_("File"), upload.original_name + page),
        *([(_("Recorded"), moment(upload.recorded_at))] if upload.recorded_at else []),
        (_("Uploaded"), f"{moment(upload.created_at)}, {person(upload.uploaded_by)}"),
        (_("Read by the model"), moment(diagnosis.finished_at)),
    ]
    if report is not None:
        facts.append((_("Signed"), moment(report.second_signed_at or report.signed_at)))
    return tuple(facts)


def _from_report(report: Report | None) -> dict[str, Any]:
    if report is None:
        return {
            "verdict": "",
            "verdict_note": "",
            "amendment": "",
            "comment": "",
            "findings": (),
            "signatures": (),
            "earlier": (),
        }
    return {
        "verdict": verdict_in_words(report),
        "verdict_note": report.get_verdict_display(),
        "amendment": report.amendment_reason.strip() if report.version > 1 else "",
        "findings": tuple(finding_names(report)),
        "comment": report.comment.strip(),
        "signatures": tuple(_signatures(report)),
        "earlier": tuple(_earlier(report)),
    }


def verdict_in_words(report: Report) -> str:
    """The clinician's answer as a headline."""
    if report.verdict == Report.Verdict.UNREADABLE:
        return _("Page unreadable")
    if report.label:
        return presentation.label_name(report.label)
    if report.verdict == Report.Verdict.AGREE:
        return presentation.headline(report.diagnosis)
    return report.get_verdict_display()


def finding_names(report: Report) -> list[str]:
    """The coded findings of a report in words."""
    return [str(finding.name) for finding in named(report.findings)]


def _signatures(report: Report) -> list[str]:
    lines = []
    signed = (
        (report.signed_by, report.signed_at, report.get_signed_with_display()),
        (report.second_signed_by, report.second_signed_at, report.get_second_signed_with_display()),
    )
    for number, (who, at, proof) in enumerate(signed):
        if who is None:
            continue
        text = _("Signed by %(who)s on %(when)s") if number == 0 else _("Second signature by %(who)s on %(when)s")
        line = text % {"who": person(who), "when": moment(at)}
        lines.append(line + (_(", confirmed with: %(proof)s") % {"proof": proof} if proof else "") + ".")
    return lines


def _earlier(report: Report) -> list[str]:
    rows = (
        Report.objects.filter(diagnosis_id=report.diagnosis_id, version__lt=report.version, state__in=Report.FIXED)
        .select_related("signed_by", "diagnosis")
        .order_by("version")
    )
    return [
        _("Version %(number)d: %(verdict)s, signed by %(who)s on %(when)s, code %(code)s")
        % {
            "number": row.version,
            "verdict": verdict_in_words(row),
            "who": person(row.signed_by),
            "when": moment(row.signed_at),
            "code": row.printed_code,
        }
        for row in rows
    ]


def _from_model(diagnosis: Diagnosis) -> dict[str, Any]:
    if diagnosis.state != Diagnosis.State.DONE:
        return {
            "reading": presentation.headline(diagnosis),
            "reading_note": messages.describe(diagnosis),
            "bars": (),
            "possible": "",
            "warnings": (),
        }
    if diagnosis.abstained:
        note = _("No class is probable enough for this model to commit itself.")
    else:
        note = _("with a calibrated probability of %(number)s") % {
            "number": presentation.percent(diagnosis.confidence or 0.0)
        }
    return {
        "reading": presentation.headline(diagnosis),
        "reading_note": note,
        "bars": tuple(
            Bar(bar.name, bar.percent, round(max(0.0, min(1.0, bar.probability)), 4), bar.is_answer)
            for bar in presentation.bars(diagnosis)
        ),
        "possible": presentation.possible_classes(diagnosis) if diagnosis.possible else "",
        "warnings": tuple(messages.warning(code) for code in diagnosis.warnings),
    }


def _values(tracing: Tracing | None) -> tuple[Value, ...]:
    if tracing is None or not tracing.is_read:
        return ()
    rows = []
    for row in presentation.measured(tracing):
        remarks = [word for holds, word in ((row.unusual, _("unusual")), (row.unsure, _("uncertain"))) if holds]
        gap = "" if row.unit == "°" else " "
        rows.append(Value(row.title, f"{row.value}{gap}{row.unit}", row.usual, ", ".join(remarks), row.unusual))
    return tuple(rows)


def _sentences(tracing: Tracing | None) -> tuple[Sentence, ...]:
    if tracing is None or not tracing.is_read:
        return ()
    return tuple(Sentence(str(one["text"]), bool(one.get("unusual"))) for one in wording.sentences(tracing))


def _unmeasured(diagnosis: Diagnosis, tracing: Tracing | None) -> str:
    if diagnosis.state != Diagnosis.State.DONE:
        return _("Nothing was measured, because the page could not be read.")
    if tracing is None:
        return _("Nothing was measured on the traces of this page.")
    if not tracing.is_read:
        return messages.unread_traces(tracing.reason)
    if not tracing.measurements.get("values"):
        return _("The traces were read, but too few beats were found to measure anything.")
    return ""


def _origin(diagnosis: Diagnosis) -> tuple[tuple[str, str], ...]:
    model = diagnosis.model_version
    rows = []
    if model is not None:
        rows += [(_("Model"), f"{model.name} {model.version}"), (_("SHA-256 of the model"), model.sha256)]
    if diagnosis.answered_by:
        rows.append((_("Answer taken from"), diagnosis.get_answered_by_display()))
    rows += [(_("SHA-256 of the uploaded file"), diagnosis.upload.sha256), (_("Diagnosis"), str(diagnosis.pk))]
    return tuple(rows)

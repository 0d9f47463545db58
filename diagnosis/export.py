"""The history as a table for spreadsheets and statistics: CSV, sent line by line while it is made."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any, Final

from django.db.models import Prefetch
from django.http import StreamingHttpResponse
from django.utils import timezone

from diagnosis import keyset
from diagnosis.models import Diagnosis
from diagnosis.review.models import Report
from diagnosis.selectors import tracing_of
from ml.measurements.values import QUANTITIES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from django.db.models import QuerySet

# As many rows in memory at a time; each piece is a query of its own, so no transaction stays open for minutes.
PIECE: Final = 500
# What spreadsheets take for the start of a formula (https://owasp.org/www-community/attacks/CSV_Injection).
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")
# Without it, Excel reads UTF-8 as something else.
_BYTE_ORDER_MARK: Final = "\ufeff"
# Values of single leads belong into the signals, which the API has.
MEASURED: Final = tuple(name for name in QUANTITIES if not name.startswith(("r_", "s_", "q_", "st_", "t_amp")))
LABELS: Final = tuple(Diagnosis.Label.values)

COLUMNS: Final = (
    *(
        "diagnosis",
        "upload",
        "page",
        "site",
        "uploaded_by",
        "uploaded_at",
        "recorded_at",
        "requested_at",
        "finished_at",
    ),
    *("patient_reference", "file_name", "note", "media_type", "sha256", "page_warnings"),
    *("state", "reason", "label", "abstained", "confidence", "possible", "answered_by", "distance", "warnings"),
    *(f"probability_{label}" for label in LABELS),
    *("model", "model_version", "model_sha256"),
    *("layout", "quality", "unread_reason"),
    *(f"{name}_{QUANTITIES[name].unit.replace('/', 'per_')}" for name in MEASURED),
    *("report_state", "report_version", "report_verdict", "report_label", "report_comment"),
    *("signed_by", "signed_at", "second_signed_by", "second_signed_at"),
)


def response(found: QuerySet[Diagnosis]) -> StreamingHttpResponse:
    """The readings as a download."""
    name = f"isoline-history-{timezone.localtime():%Y-%m-%d-%H%M}.csv"
    return StreamingHttpResponse(
        lines(found),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )


def lines(found: QuerySet[Diagnosis]) -> Iterator[bytes]:
    """The table in pieces: a header, then a line for each reading, newest first.

    Args:
        found: as `selectors.history` gives them.
    """
    writer = csv.writer(_Echo())
    yield (_BYTE_ORDER_MARK + writer.writerow(COLUMNS)).encode()
    for keys in keyset.in_pieces(found, size=PIECE):
        rows = keyset.in_order(_with_all_columns(Diagnosis.objects.all()), keys)
        yield "".join(writer.writerow(map(_safe, _values(row))) for row in rows).encode()


class _Echo:
    """Gives back what is written to it; ``csv.writer`` returns what the file's ``write`` does."""

    def write(self, text: str) -> str:
        return text


def _with_all_columns(found: QuerySet[Diagnosis]) -> QuerySet[Diagnosis]:
    # All their versions: SQLite, asked for the signed ones, would look through those of all readings.
    reports = Report.objects.order_by().select_related("signed_by", "second_signed_by")
    return (
        found.select_related("upload__site", "upload__uploaded_by", "model_version", "tracing")
        .defer("error", "tracing__sentences", "model_version__card", "model_version__explanations")
        .prefetch_related(Prefetch("reports", reports, to_attr="all_reports"))
    )


def _values(row: Diagnosis) -> Iterator[Any]:
    upload, model, tracing = row.upload, row.model_version, tracing_of(row)
    yield from (row.pk, upload.pk, upload.page_number, upload.site.name, upload.uploaded_by.get_username())
    yield from (
        _moment(upload.created_at),
        _moment(upload.recorded_at),
        _moment(row.created_at),
        _moment(row.finished_at),
    )
    yield from (upload.patient_reference, upload.original_name, upload.note, upload.media_type, upload.sha256)
    yield " ".join(upload.warnings)
    yield from (row.state, row.reason if row.is_ended else "", row.label)
    yield str(row.abstained).lower() if row.label else ""
    yield from (row.confidence, " ".join(row.possible), row.answered_by, row.distance, " ".join(row.warnings))
    yield from (row.probabilities.get(label) for label in LABELS)
    yield from (model.name, model.version, model.sha256) if model else ("", "", "")
    yield from (tracing.layout, tracing.quality, tracing.reason) if tracing else ("", "", "")
    measured = _measured(tracing.measurements if tracing else {})
    yield from (measured.get(name) for name in MEASURED)
    yield from _reported(getattr(row, "all_reports", ()))


def _measured(measurements: dict[str, Any]) -> dict[str, float]:
    return {value["name"]: value["value"] for value in measurements.get("values", ()) if value.get("lead") is None}


def _reported(reports: Iterable[Report]) -> tuple[Any, ...]:
    report = next((report for report in reports if report.state == Report.State.SIGNED), None)
    if report is None:
        return ("",) * 9
    names = [user.get_username() if user else "" for user in (report.signed_by, report.second_signed_by)]
    return (
        *(report.state, report.version, report.verdict, report.label, report.comment),
        *(names[0], _moment(report.signed_at), names[1], _moment(report.second_signed_at)),
    )


def _moment(moment: datetime | None) -> str:
    return timezone.localtime(moment).isoformat(timespec="seconds") if moment else ""


def _safe(value: Any) -> Any:
    """Texts that a spreadsheet would run as a formula begin with an apostrophe, which it does not show."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA_STARTS) else value

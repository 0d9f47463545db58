"""Batches in the browser: send a ZIP archive, follow every file of it, try the failed again."""

from __future__ import annotations

import csv
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from accounts.permissions import may_upload, sites_open_to
from diagnosis.intake import UploadRefused
from diagnosis.messages import refusal
from diagnosis.models import Diagnosis
from diagnosis.presentation import poll_delay_ms
from diagnosis.views import SignedInView
from diagnosis.worklist import batches, selectors
from diagnosis.worklist.forms import ArchiveForm
from diagnosis.worklist.messages import describe_file
from diagnosis.worklist.models import Batch, BatchFile
from diagnosis.worklist.upload_limit import accept_archives

PAGE_SIZE = 25
SLOWEST_POLL_MS = 5000
FileState = BatchFile.State


@dataclass(frozen=True)
class Progress:
    """How far a batch has come, counted."""

    total: int
    waiting: int
    stored: int
    duplicate: int
    refused: int
    failed: int
    being_read: int

    @property
    def ended(self) -> int:
        return self.total - self.waiting

    @property
    def is_over(self) -> bool:
        return not self.waiting and not self.being_read


def progress_of(batch: Batch) -> Progress:
    """Counted anew, in two queries."""
    by_state = {f"{state}": Count("pk", filter=Q(state=state)) for state in FileState.values}
    counted = batch.files.aggregate(total=Count("pk"), **by_state)
    return Progress(**counted, being_read=_readings_of(batch).exclude(state__in=Diagnosis.ENDED).count())


def _readings_of(batch: Batch) -> QuerySet[Diagnosis]:
    # By checksum: every page of a PDF has that of the file.
    return Diagnosis.objects.filter(
        upload__site=batch.site,
        upload__deleted_at__isnull=True,
        upload__sha256__in=batch.files.filter(upload__isnull=False).values("upload__sha256"),
    )


@method_decorator(csrf_exempt, name="dispatch")
class BatchesView(SignedInView):
    """The batches of the user's sites, and the form that sends another."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        # The check against forgery reads the body. Before it does, the body gets its own limit; and nobody sends
        # half a gigabyte to learn that they are logged out.
        if not request.user.is_authenticated:
            return self.handle_no_permission()
        accept_archives(request)
        return self._checked(request, *args, **kwargs)

    @method_decorator(csrf_protect)
    def _checked(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._page(ArchiveForm(sites=sites_open_to(self.user)))

    def post(self, request: HttpRequest) -> HttpResponse:
        by_script = request.headers.get("X-Requested-With") == "XMLHttpRequest"
        form = ArchiveForm(request.POST, request.FILES, sites=sites_open_to(self.user))
        if form.is_valid():
            try:
                batch = self._begin(form.cleaned_data)
            except (batches.BatchRefused, UploadRefused) as refused:
                form.add_error("file", refused.message)
            else:
                if by_script:
                    return render(request, "worklist/_batch_row.html", self._row(batch), status=201)
                return redirect(batch)
        if by_script:
            file = request.FILES.get("file")
            sentence = " ".join(str(error) for errors in form.errors.values() for error in errors)
            outcome = {"kind": "refused", "file_name": file.name if file else "", "message": sentence}
            return render(request, "diagnosis/_upload_rows.html", {"outcomes": [outcome]}, status=422)
        return self._page(form, status=422)

    def _begin(self, fields: dict[str, Any]) -> Batch:
        if not batches.is_archive(fields["file"]):
            raise batches.BatchRefused("not_an_archive")
        return batches.begin(
            files=[fields["file"]],
            user=self.user,
            site=fields["site"],
            patient_reference=fields["patient_reference"],
            note=fields["note"],
        )

    def _row(self, batch: Batch) -> dict[str, Any]:
        return {"batch": batch, "progress": progress_of(batch), "poll_delay_ms": 500}

    def _page(self, form: ArchiveForm, status: int = 200) -> HttpResponse:
        found = selectors.batches_visible_to(self.user).order_by("-created_at", "-pk")
        page = Paginator(found, PAGE_SIZE).get_page(self.request.GET.get("page"))
        context = {
            "form": form,
            "page": page,
            "counted": _counted(list(page.object_list)),
            "no_site": refusal("no_site"),
            "max_megabytes": batches.max_archive_bytes() // batches.MEGABYTE,
        }
        return render(self.request, "worklist/batches.html", context, status=status)


def _counted(shown: list[Batch]) -> list[dict[str, Any]]:
    """Batches with how many of their files are done, in one query for all of them."""
    counts = BatchFile.objects.filter(batch__in=shown).order_by().values("batch_id")
    by_batch = {
        row["batch_id"]: row
        for row in counts.annotate(
            total=Count("pk"),
            ended=Count("pk", filter=~Q(state=FileState.WAITING)),
            not_taken=Count("pk", filter=Q(state__in=(FileState.REFUSED, FileState.FAILED))),
        )
    }
    nothing = {"total": 0, "ended": 0, "not_taken": 0}
    return [{"batch": batch, **by_batch.get(batch.pk, nothing)} for batch in shown]


class _BatchView(SignedInView):
    def find(self, pk: uuid.UUID) -> Batch:
        return get_object_or_404(selectors.batches_visible_to(self.user), pk=pk)

    def context(self, batch: Batch) -> dict[str, Any]:
        progress = progress_of(batch)
        return {
            "batch": batch,
            "progress": progress,
            "may_retry": may_upload(self.user, batch.site) and batches.can_retry(batch),
            "poll_delay_ms": min(poll_delay_ms(batch) * 3, SLOWEST_POLL_MS),
            "polls": not batch.is_ended or not progress.is_over,
        }


class BatchView(_BatchView):
    """One batch: live while it is under way, with the outcome of each file."""

    def get(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        batch = self.find(pk)
        now = _a_moment_ago()
        context = self.context(batch) | {"files": with_readings(batch, batch.files.all()), "since": now.isoformat()}
        return render(request, "worklist/batch.html", context)


class BatchProgressView(_BatchView):
    """What has changed since the page asked last: the counts, and the rows of files that came further."""

    def get(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        batch = self.find(pk)
        since = _moment(request.GET.get("since", "")) or batch.created_at
        now = _a_moment_ago()
        read_since = _readings_of(batch).filter(finished_at__gte=since).values("upload__sha256")
        changed = batch.files.filter(Q(ended_at__gte=since) | Q(upload__sha256__in=read_since))
        context = self.context(batch) | {"files": with_readings(batch, changed), "since": now.isoformat()}
        response = render(request, "worklist/_batch_progress.html", context)
        response.headers["Cache-Control"] = "no-store"
        return response


class BatchRowView(_BatchView):
    """A batch as one row of the upload page's list."""

    def get(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        response = render(request, "worklist/_batch_row.html", self.context(self.find(pk)))
        response.headers["Cache-Control"] = "no-store"
        return response


class BatchOutcomeView(_BatchView):
    """What became of each file, as a table for a spreadsheet."""

    def get(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        batch = self.find(pk)
        response = HttpResponse(content_type="text/csv; charset=utf-8")
        response.headers["Content-Disposition"] = f'attachment; filename="batch-{batch.pk}.csv"'
        # Spreadsheets take a file without this mark for one in some old code page.
        response.write("\ufeff")
        table = csv.writer(response)
        table.writerow([_("File"), _("Outcome"), _("Reason"), _("Result page")])
        for file in with_readings(batch, batch.files.all()):
            links = [request.build_absolute_uri(reading.get_absolute_url()) for reading in file.readings]
            row = [file.name, str(file.get_state_display()), describe_file(file.file), " ".join(links)]
            table.writerow([_inert(cell) for cell in row])
        return response


class BatchRetryView(_BatchView):
    """Take the failed files of a batch in once more."""

    http_method_names = ("post", "options")

    def post(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        batch = self.find(pk)
        if not may_upload(self.user, batch.site):
            messages.warning(request, refusal("site_not_allowed"))
            return redirect(batch)
        try:
            count = batches.retry(batch)
        except batches.BatchRefused as refused:
            messages.warning(request, refused.message)
        else:
            sentence = ngettext("%(count)d file is tried again.", "%(count)d files are tried again.", count)
            messages.success(request, sentence % {"count": count})
        return redirect(batch)


@dataclass
class ShownFile:
    """A file of a batch with the newest reading of each of its pages."""

    file: BatchFile
    readings: list[Diagnosis]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)


def with_readings(batch: Batch, files: QuerySet[BatchFile]) -> list[ShownFile]:
    """The files with their readings, in three queries however many there are."""
    rows: Iterable[BatchFile] = files.select_related("upload")
    live = [row for row in rows if row.upload is not None and row.upload.deleted_at is None]
    checksums = {row.upload.sha256 for row in live if row.upload is not None}
    newest: dict[str, dict[uuid.UUID, Diagnosis]] = {}
    readings = _readings_of(batch).filter(upload__sha256__in=checksums)
    for reading in readings.select_related("upload").order_by("upload__page_number", "created_at", "pk"):
        newest.setdefault(reading.upload.sha256, {})[reading.upload_id] = reading
    return [
        ShownFile(row, list(newest.get(row.upload.sha256, {}).values()) if row.upload is not None else [])
        for row in rows
    ]


def _a_moment_ago() -> datetime:
    # The clocks of web and worker differ a little; a row that is sent twice does no harm.
    return timezone.now() - timedelta(seconds=5)


def _moment(text: str) -> datetime | None:
    try:
        moment = parse_datetime(text)
    except ValueError:
        return None
    return moment if moment is not None and timezone.is_aware(moment) else None


def _inert(cell: str) -> str:
    # A file may be called "=HYPERLINK(…)": https://owasp.org/www-community/attacks/CSV_Injection
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell

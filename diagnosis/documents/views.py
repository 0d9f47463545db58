"""Asking for a document, waiting for it, and getting it."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages as flash
from django.db.models.fields.files import FieldFile
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render

from accounts import scopes
from accounts.models import User
from diagnosis import disclosure, presentation, selectors
from diagnosis.documents import messages, requests
from diagnosis.documents.models import Document
from diagnosis.documents.selectors import documents_visible_to
from diagnosis.models import Upload
from diagnosis.pictures import PictureView
from diagnosis.views import SignedInView


class RequestDocumentView(SignedInView):
    """Ask for the PDF of a reading; what is there already opens at once."""

    http_method_names = ("post", "options")

    def post(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        diagnosis = get_object_or_404(selectors.diagnoses_visible_to(self.user), pk=pk)
        try:
            document = requests.request(diagnosis, requested_by=self.user, paper=request.POST.get("paper", ""))
        except requests.CannotMakeDocument as refused:
            flash.warning(request, str(refused))
            return redirect(diagnosis)
        is_there = document.state == Document.State.DONE
        return redirect("documents:pdf" if is_there else "documents:document", pk=document.pk)


class _DocumentView(SignedInView):
    def find(self, pk: uuid.UUID) -> Document:
        return get_object_or_404(documents_visible_to(self.user), pk=pk)

    def context(self, document: Document) -> dict[str, Any]:
        failed = document.state == Document.State.FAILED
        return {
            "document": document,
            "diagnosis": document.diagnosis,
            "upload": document.upload,
            "phase": presentation.phase(document),
            "poll_delay_ms": presentation.poll_delay_ms(document),
            "why_failed": messages.no_document(document.reason, document.message) if failed else "",
        }


class DocumentView(_DocumentView):
    """One document: live while it is made, then the way to it."""

    def get(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        return render(request, "documents/document.html", self.context(self.find(pk)))


class DocumentStatusView(_DocumentView):
    """What the open page asks for until the document is there."""

    def get(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        context = self.context(self.find(pk))
        context["has_changed"] = request.GET.get("seen") != context["phase"]
        response = render(request, "documents/_document_poll.html", context | {"is_poll": True})
        response.headers["Cache-Control"] = "no-store"
        return response


class PdfView(PictureView):
    """The file, for a browser session or an API token that may see its reading."""

    what = "pdf_report"
    required_scopes = (scopes.Scope.PAGES_READ, scopes.Scope.REPORTS_READ)

    def get(self, request: HttpRequest, pk: Any) -> HttpResponseBase:
        response = super().get(request, pk)
        if "ETag" in response.headers:
            # It is ours and not an uploader's; browsers do not show a PDF in a sandbox.
            policy = "default-src 'none'; style-src 'unsafe-inline'; object-src 'self'"
            response.headers["Content-Security-Policy"] = policy
        return response

    def _answer(self, request: HttpRequest, user: User, upload: Upload, *file: Any) -> HttpResponseBase:
        response = super()._answer(request, user, upload, *file)
        if request.user.is_authenticated and not self.download_asked:
            # Unlike a picture, a report that is opened has left the page it belongs to.
            disclosure.file_sent(user, upload, self.what, downloaded=True)
        return response

    def find(self, user: User, pk: uuid.UUID) -> tuple[Upload, FieldFile, str, str]:
        document = get_object_or_404(documents_visible_to(user), pk=pk)
        return document.upload, document.file, "application/pdf", file_name(document)


def file_name(document: Document) -> str:
    """The name to save it under: what it belongs to, which version, and what it may be used for."""
    upload = document.upload
    stem = upload.original_name.rsplit(".", 1)[0]
    page = f"-p{upload.page_number}" if upload.page_number > 1 else ""
    version = f"v{document.report.version}" if document.report else "preliminary"
    return f"{stem}{page}-report-{version}-{document.paper}-research-use-only.pdf"

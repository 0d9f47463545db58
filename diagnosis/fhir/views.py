"""The download on the result page."""

from __future__ import annotations

import json
import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _

from diagnosis import disclosure, selectors
from diagnosis.fhir import bundles
from diagnosis.models import Diagnosis
from diagnosis.views import SignedInView


def exported(diagnosis: Diagnosis, bundle: dict[str, Any]) -> HttpResponse:
    """A bundle as a file."""
    return HttpResponse(
        json.dumps(bundle, ensure_ascii=False, indent=1),
        content_type=bundles.MEDIA_TYPE,
        headers={
            "Content-Disposition": f'attachment; filename="ecg-report-{diagnosis.pk}.fhir.json"',
            "Cache-Control": "private, no-cache",
        },
    )


class DownloadView(SignedInView):
    """One reading as a FHIR bundle; ``?images=embedded`` with its pictures inside."""

    def get(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        diagnosis = get_object_or_404(selectors.diagnoses_visible_to(self.user), pk=pk)
        try:
            bundle = bundles.collection(diagnosis, embed_images=request.GET.get("images") == "embedded")
        except bundles.NothingToExport:
            messages.warning(request, _("There is nothing to export yet. Wait until the page has been read."))
            return redirect(diagnosis)
        disclosure.file_sent(self.user, diagnosis.upload, "fhir", downloaded=True)
        return exported(diagnosis, bundle)

"""Patients in the browser: search, one patient's pages in time order, two pages side by side."""

from __future__ import annotations

import uuid

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.cache import patch_vary_headers

from diagnosis import disclosure, wording
from diagnosis.messages import unread_traces
from diagnosis.models import Diagnosis
from diagnosis.patients import selectors, trends
from diagnosis.selectors import tracing_of
from diagnosis.views import SignedInView

PAGE_SIZE = 25
# A patient with more pages than this has them on several.
READINGS_AT_ONCE = 50


class PatientsView(SignedInView):
    """The references the user sees, narrowed by a search."""

    def get(self, request: HttpRequest) -> HttpResponse:
        search = request.GET.get("q", "")[:200]
        disclosure.history_searched(self.user, {"patient_reference": search}, by=disclosure.BROWSER)
        page = Paginator(selectors.patients(self.user, search=search), PAGE_SIZE).get_page(request.GET.get("page"))
        context = {"search": search, "page": page}
        is_whole = request.headers.get("HX-Request") != "true" or "HX-History-Restore-Request" in request.headers
        response = render(request, "patients/patients.html" if is_whole else "patients/_results.html", context)
        patch_vary_headers(response, ("HX-Request",))
        return response


class PatientView(SignedInView):
    """All pages of one patient, oldest first, with the measurements that are followed."""

    def get(self, request: HttpRequest, site: int, reference: str) -> HttpResponse:
        found = selectors.readings_of(self.user, site_id=site, reference=reference)
        paginator = Paginator(found, READINGS_AT_ONCE)
        if not paginator.count:
            raise Http404
        # The latest pages are what one came for.
        page = paginator.get_page(request.GET.get("page") or paginator.num_pages)
        readings = list(page.object_list)
        context = {
            "reference": reference,
            "site": readings[0].upload.site,
            "page": page,
            "titles": trends.titles(),
            "rows": list(zip(readings, trends.series(readings), strict=True)),
            "last_two": {reading.pk for reading in readings[-2:]},
        }
        return render(request, "patients/patient.html", context)


class CompareView(SignedInView):
    """Two pages side by side."""

    def get(self, request: HttpRequest) -> HttpResponse:
        a, b = self._find("a"), self._find("b")
        for reading in (a, b):
            disclosure.page_viewed(self.user, reading, reading.upload, by=disclosure.BROWSER)
        sides = [self._side("a", a), self._side("b", b)]
        same = (a.upload.site_id, a.upload.patient_reference) == (b.upload.site_id, b.upload.patient_reference)
        context = {
            "sides": sides,
            "differences": trends.differences(a, b),
            "same_patient": same and bool(a.upload.patient_reference),
            "patient": a.upload if a.upload.patient_reference else None,
            "swapped": f"?a={b.pk}&b={a.pk}",
        }
        return render(request, "patients/compare.html", context)

    def _find(self, side: str) -> Diagnosis:
        try:
            key = uuid.UUID(self.request.GET.get(side, ""))
        except ValueError:
            raise Http404 from None
        return get_object_or_404(selectors.readings_to_compare(self.user), pk=key)

    def _side(self, name: str, reading: Diagnosis) -> dict[str, object]:
        tracing = tracing_of(reading)
        return {
            "name": name,
            "diagnosis": reading,
            "upload": reading.upload,
            "heatmap": next(iter(reading.heatmaps.all()), None),
            "tracing": tracing,
            "sentences": wording.sentences(tracing) if tracing else [],
            "unread": unread_traces(tracing.reason) if tracing and tracing.reason else "",
        }

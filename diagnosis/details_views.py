"""Correcting what is noted of a page, in the browser."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _

from diagnosis import details, selectors
from diagnosis.forms import DetailsForm
from diagnosis.intake import UploadRefused
from diagnosis.models import Diagnosis, Upload
from diagnosis.views import SignedInView


class DetailsView(SignedInView):
    """The form, filled with what is noted now."""

    def get(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        upload = self._find(pk)
        return self._page(upload, DetailsForm(initial=details.noted(upload)))

    def post(self, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
        upload = self._find(pk)
        form = DetailsForm(request.POST)
        if form.is_valid():
            try:
                details.change(upload, self.user, **form.cleaned_data)
            except UploadRefused as refused:
                form.add_error(DetailsForm.field_of(refused.code), refused.message)
            except details.DetailsAreSigned as signed:
                messages.warning(request, str(signed))
                return redirect(self._reading(upload))
            else:
                messages.success(request, _("Saved."))
                return redirect(self._reading(upload))
        return self._page(upload, form, status=422)

    def _find(self, pk: uuid.UUID) -> Upload:
        upload = get_object_or_404(selectors.uploads_visible_to(self.user).select_related("site"), pk=pk)
        if not details.may_change(self.user, upload):
            raise PermissionDenied(str(details.DetailsAreSigned()) if selectors.has_signed_report(upload) else "")
        return upload

    def _reading(self, upload: Upload) -> Diagnosis:
        return selectors.diagnoses_visible_to(self.user).filter(upload=upload)[0]

    def _page(self, upload: Upload, form: DetailsForm, *, status: int = 200) -> HttpResponse:
        context = {"upload": upload, "form": form, "reading": self._reading(upload)}
        return render(self.request, "diagnosis/details.html", context, status=status)

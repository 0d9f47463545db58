"""Save the filters of the history, and put them in order."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from diagnosis.saved_filters import keeping
from diagnosis.saved_filters.models import SavedFilter
from diagnosis.views import SignedInView


class SavedFiltersView(SignedInView):
    """Their list; a POST adds one."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return render(request, "saved_filters/list.html", {"saved": keeping.saved_filters_of(self.user)})

    def post(self, request: HttpRequest) -> HttpResponse:
        query = urlsplit(request.POST.get("query", "")).path
        try:
            saved = keeping.save(self.user, name=request.POST.get("name", ""), query=query)
        except keeping.CannotSave as problem:
            messages.warning(request, str(problem))
            return redirect(f"{reverse('diagnosis:history')}?{query}")
        messages.success(request, _("“%(name)s” is saved.") % {"name": saved.name})
        return redirect(saved)


class RenameFilterView(SignedInView):
    http_method_names = ("post", "options")

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        saved = get_object_or_404(keeping.saved_filters_of(self.user), pk=pk)
        try:
            keeping.rename(saved, name=request.POST.get("name", ""))
        except keeping.CannotSave as problem:
            messages.warning(request, str(problem))
        return redirect("diagnosis:saved_filters")


class DeleteFilterView(SignedInView):
    http_method_names = ("post", "options")

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        saved: SavedFilter = get_object_or_404(keeping.saved_filters_of(self.user), pk=pk)
        saved.delete()
        messages.success(request, _("“%(name)s” is deleted.") % {"name": saved.name})
        return redirect("diagnosis:saved_filters")

"""The history in the browser: a page of it, how long it is, and all of it as a file."""

from __future__ import annotations

from typing import Any, Final

from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import render
from django.utils.cache import patch_vary_headers

from diagnosis import disclosure, export, keyset, selectors
from diagnosis.forms import HistoryFilterForm
from diagnosis.models import Diagnosis, Upload
from diagnosis.views import SignedInView, uuid_or_none

HISTORY_PAGE_SIZE: Final = 20
# Beyond it nobody needs the number, and everybody would wait for it.
COUNT_LIMIT: Final = 10_000
# What stands in the address beside the filters.
_NO_FILTERS: Final = ("before", "after", "page", "deleted")


class _FilteredView(SignedInView):
    def filters(self) -> HistoryFilterForm:
        form = HistoryFilterForm(self.request.GET, user=self.user)
        form.is_valid()
        return form


class HistoryView(_FilteredView):
    """Every diagnosis this user may see, narrowed by the filters in the address."""

    def get(self, request: HttpRequest) -> HttpResponse:
        form = self.filters()
        wanted = form.wanted()
        disclosure.history_searched(self.user, form.cleaned_data, by=disclosure.BROWSER)
        found = selectors.history(self.user, **wanted)
        page = self._page(found)
        rows = keyset.in_order(selectors.with_everything_shown(Diagnosis.objects.all()), page.keys)
        query = _filters_of(request.GET)
        context = {
            "form": form,
            "readings": rows,
            "newer_link": f"?{_with(query, after=page.newer)}" if page.newer else "",
            "older_link": f"?{_with(query, before=page.older)}" if page.older else "",
            "newest_link": f"?{query.urlencode()}",
            "filters_query": query.urlencode(),
            "is_narrowed": bool(wanted) or bool(form.errors),
            # On the only page there is, every row is in sight.
            "count": len(page.keys) if not page.newer and not page.older else None,
            "deletable": set(
                selectors.uploads_deletable_by(self.user)
                .filter(pk__in=[reading.upload_id for reading in rows])
                .values_list("pk", flat=True)
            ),
            "just_deleted": self._just_deleted(),
        }
        is_fragment = (
            request.headers.get("HX-Request") == "true" and "HX-History-Restore-Request" not in request.headers
        )
        template = "diagnosis/_history_results.html" if is_fragment else "diagnosis/history.html"
        response = render(request, template, context)
        patch_vary_headers(response, ("HX-Request",))
        return response

    def _page(self, found: Any) -> keyset.Page[Diagnosis]:
        asked = self.request.GET
        try:
            return keyset.page(
                found, size=HISTORY_PAGE_SIZE, before=asked.get("before", ""), after=asked.get("after", "")
            )
        except keyset.InvalidPlace:
            return keyset.page(found, size=HISTORY_PAGE_SIZE)

    def _just_deleted(self) -> Upload | None:
        key = uuid_or_none(self.request.GET.get("deleted", ""))
        return selectors.uploads_restorable_by(self.user).filter(pk=key).first() if key else None


class HistoryCountView(_FilteredView):
    """How many readings the filters leave; asked for when the page itself is there."""

    def get(self, request: HttpRequest) -> HttpResponse:
        number = keyset.count(selectors.history(self.user, **self.filters().wanted()), limit=COUNT_LIMIT)
        context = {
            "count": None if number is None else min(number, COUNT_LIMIT),
            "is_more": number is not None and number > COUNT_LIMIT,
        }
        response = render(request, "diagnosis/_history_count.html", context)
        response.headers["Cache-Control"] = "no-store"
        return response


class HistoryExportView(_FilteredView):
    """What the filters leave, as a table."""

    def get(self, request: HttpRequest) -> HttpResponseBase:
        form = self.filters()
        disclosure.history_exported(self.user, form.cleaned_data, by=disclosure.BROWSER)
        return export.response(selectors.history(self.user, **form.wanted()))


def _filters_of(query: QueryDict) -> QueryDict:
    """The filters that say something, without the place in the list."""
    filters = QueryDict(mutable=True)
    for name in query:
        if name not in _NO_FILTERS and (value := query.get(name)):
            filters[name] = value
    return filters


def _with(query: QueryDict, **place: Any) -> str:
    query = query.copy()
    for name, value in place.items():
        query[name] = str(value)
    return query.urlencode()

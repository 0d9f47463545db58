"""The worklist's pages: the lists with live counts, assigning, and trying failed pages again."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.permissions import sites_open_to, sites_visible_to
from diagnosis import pipeline
from diagnosis.models import Diagnosis
from diagnosis.selectors import diagnoses_visible_to
from diagnosis.views import SignedInView
from diagnosis.worklist import assigning, selectors
from diagnosis.worklist.forms import look_of

PAGE_SIZE = 25
# What one form may send at once: a page of the list, and some.
AT_ONCE = 200


class WorklistView(SignedInView):
    """One list of the worklist, in the order and narrowed as the address says."""

    def get(self, request: HttpRequest) -> HttpResponse:
        look, form = look_of(request.GET, sites=sites_visible_to(self.user))
        found = selectors.rows(self.user, look)
        page = Paginator(found, PAGE_SIZE).get_page(request.GET.get("page"))
        # The paginator has cut the page out already; as a query once more, so that only its keys are sorted.
        standings = page.object_list
        if not isinstance(standings, QuerySet):
            raise TypeError("a page of the worklist is a query")
        context = {
            "look": look,
            "list_title": selectors.LISTS[look.name],
            "form": form,
            "page": page,
            "page_links": [
                (number, f"?{look.query}&page={number}" if isinstance(number, int) else "")
                for number in page.paginator.get_elided_page_range(page.number, on_each_side=1, on_ends=1)
            ],
            "readings": selectors.shown(self.user, standings),
            "is_narrowed": bool(look.search or look.site_id),
            "may_take": assigning.may_take(self.user),
            "assigns_others": assigning.assigns_others(self.user),
            "retryable": look.name == "failed" and sites_open_to(self.user).exists(),
        }
        is_whole = request.headers.get("HX-Request") != "true" or "HX-History-Restore-Request" in request.headers
        if is_whole:
            context |= tabs(self.user, look)
            if context["assigns_others"]:
                context["readers"] = selectors.readers_of(self.user)
        response = render(request, "worklist/worklist.html" if is_whole else "worklist/_rows.html", context)
        patch_vary_headers(response, ("HX-Request",))
        return response


class CountsView(SignedInView):
    """The tabs with their counts, asked for again and again while the worklist is in sight."""

    def get(self, request: HttpRequest) -> HttpResponse:
        look, _form = look_of(request.GET, sites=sites_visible_to(self.user))
        response = render(request, "worklist/_tabs.html", {"look": look, **tabs(self.user, look)})
        response.headers["Cache-Control"] = "no-store"
        return response


def tabs(user: Any, look: selectors.Look) -> dict[str, Any]:
    """The lists with their counts, for the templates."""
    counts = selectors.counts(user)
    return {
        "tabs": [
            {"name": name, "title": title, "count": counts[name], "is_current": name == look.name}
            for name, title in selectors.LISTS.items()
        ],
        # Changes when, and only when, a count does.
        "seen": "-".join(str(counts[name]) for name in selectors.LISTS),
    }


class AssignView(SignedInView):
    """Assign, take or release the pages that were ticked."""

    http_method_names = ("post", "options")

    def post(self, request: HttpRequest) -> HttpResponse:
        uploads = _keys(request, "upload")
        what = request.POST.get("what", "")
        if not uploads:
            messages.warning(request, _("Tick at least one page first."))
        elif what == "take":
            self._tell(assigning.assign(uploads, reviewer=self.user, by=self.user), _told_taken)
        elif what == "release":
            self._tell(assigning.release(uploads, by=self.user), _told_released)
        else:
            self._assign(uploads)
        return redirect(_back(request))

    def _assign(self, uploads: list[uuid.UUID]) -> None:
        wanted = self.request.POST.get("reviewer", "")
        reviewer = selectors.readers_of(self.user).filter(pk=int(wanted)).first() if wanted.isdecimal() else None
        if reviewer is None:
            messages.warning(self.request, _("Choose a colleague to assign these pages to."))
            return
        name = reviewer.get_full_name() or reviewer.get_username()

        def told(count: int) -> str:
            sentence = ngettext("Assigned %(count)d page to %(name)s.", "Assigned %(count)d pages to %(name)s.", count)
            return sentence % {"count": count, "name": name}

        self._tell(assigning.assign(uploads, reviewer=reviewer, by=self.user), told)

    def _tell(self, result: assigning.Result, told: Any) -> None:
        if result.changed:
            messages.success(self.request, told(result.changed))
        for sentence, count in result.refused.items():
            prefix = ngettext("%(count)d page not changed:", "%(count)d pages not changed:", count) % {"count": count}
            messages.warning(self.request, f"{prefix} {sentence}")


class TryAgainView(SignedInView):
    """Have failed pages read again: one at once, several after saying what that means."""

    http_method_names = ("post", "options")

    def post(self, request: HttpRequest) -> HttpResponse:
        readings = self._failed(_keys(request, "only") or _keys(request, "again"))
        if not readings:
            messages.warning(request, _("None of these pages has failed any more, or you may not have them read."))
            return redirect(_back(request))
        if len(readings) > 1 and request.POST.get("sure") != "yes":
            context = {"readings": readings, "back": _back(request)}
            return render(request, "worklist/try_again.html", context)
        for reading in readings:
            pipeline.requeue(reading, requested_by=self.user)
        sentence = ngettext(
            "%(count)d page is being read again; it is in the list “New” until it is taken up.",
            "%(count)d pages are being read again; they are in the list “New” until they are taken up.",
            len(readings),
        )
        messages.success(request, sentence % {"count": len(readings)})
        return redirect(_back(request))

    def _failed(self, keys: list[uuid.UUID]) -> list[Diagnosis]:
        """Those that are still where the person saw them: the newest reading of their page, and failed."""
        visible = diagnoses_visible_to(self.user).filter(
            pk__in=keys, state=Diagnosis.State.FAILED, standing__isnull=False, upload__site__in=sites_open_to(self.user)
        )
        return list(visible.order_by("upload__created_at", "pk"))


def _told_taken(count: int) -> str:
    return ngettext("You have taken %(count)d page.", "You have taken %(count)d pages.", count) % {"count": count}


def _told_released(count: int) -> str:
    return ngettext("Released %(count)d page.", "Released %(count)d pages.", count) % {"count": count}


def _keys(request: HttpRequest, field: str) -> list[uuid.UUID]:
    found = []
    for text in request.POST.getlist(field)[:AT_ONCE]:
        try:
            found.append(uuid.UUID(text))
        except ValueError:
            continue
    return found


def _back(request: HttpRequest) -> str:
    """The list that the form came from; never another site."""
    address = request.POST.get("back", "")
    home = reverse("diagnosis:worklist:worklist")
    is_ours = url_has_allowed_host_and_scheme(address, allowed_hosts=None) and address.startswith(home)
    return address if is_ours else home

"""“Where you are logged in”."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from accounts.audit.actions import Action
from accounts.audit.log import record
from accounts.audit.selectors import home_of

from . import records

if TYPE_CHECKING:
    from accounts.models import User

LIST = "accounts:sessions:list"


def _person(request: HttpRequest) -> User:
    return cast("User", request.user)


def _note(action: Action, request: HttpRequest, keys: list[int]) -> None:
    # Keys of the rows; those of the sessions themselves would let somebody in.
    user = _person(request)
    record(action, actor=user, target=user, site=home_of(user), details={"sessions": keys})


@login_required
@require_GET
def session_list(request: HttpRequest) -> HttpResponse:
    rows = list(records.live_records(_person(request)))
    # The one somebody looks at first is the one in which they sit.
    rows.sort(key=lambda row: row.session_key != request.session.session_key)
    context = {"records": rows, "this_key": request.session.session_key}
    return render(request, "sessions/list.html", context)


@login_required
@require_POST
def revoke(request: HttpRequest, pk: int) -> HttpResponse:
    own = records.live_records(_person(request)).exclude(session_key=request.session.session_key)
    row = get_object_or_404(own, pk=pk)
    browser = row.browser
    with transaction.atomic():
        key = row.pk
        row.delete()
        _note(Action.SESSION_ENDED, request, [key])
    messages.success(request, _("You have been logged out in %(browser)s.") % {"browser": browser})
    return redirect(LIST)


@login_required
@require_POST
def revoke_others(request: HttpRequest) -> HttpResponse:
    others = records.live_records(_person(request)).exclude(session_key=request.session.session_key)
    with transaction.atomic():
        keys = list(others.values_list("pk", flat=True))
        count = records.end(others.filter(pk__in=keys))
        if count:
            _note(Action.SESSIONS_ENDED, request, keys)
    text = ngettext("%(count)d other session has been ended.", "%(count)d other sessions have been ended.", count)
    messages.success(request, text % {"count": count})
    return redirect(LIST)

"""From a list to a page and on to the list's next page: what the address of a result says of where one came from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.urls import reverse

from accounts.permissions import sites_visible_to
from diagnosis.worklist import selectors
from diagnosis.worklist.forms import look_of

if TYPE_CHECKING:
    from django.http import HttpRequest

    from accounts.models import User
    from diagnosis.models import Diagnosis


@dataclass(frozen=True)
class Way:
    """The list one came from and the pages beside this one in it, as addresses."""

    list_title: str
    list_url: str
    previous_url: str
    next_url: str


def way_through(request: HttpRequest, user: User, diagnosis: Diagnosis) -> Way | None:
    """The way through the list that the address names; None where it names none."""
    if request.GET.get("list") not in selectors.LISTS:
        return None
    look, _form = look_of(request.GET, sites=sites_visible_to(user))
    previous, following = selectors.neighbours(user, look, diagnosis)
    return Way(
        list_title=str(selectors.LISTS[look.name]),
        list_url=f"{reverse('diagnosis:worklist:worklist')}?{look.query}",
        previous_url=f"{previous.get_absolute_url()}?{look.query}" if previous else "",
        next_url=f"{following.get_absolute_url()}?{look.query}" if following else "",
    )

"""Save, rename and forget filters. Everybody has their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from diagnosis.forms import HistoryFilterForm
from diagnosis.saved_filters.models import SavedFilter

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser
    from django.utils.functional import Promise

    from accounts.models import User

MAX_NAME_LENGTH: Final = 60
MAX_QUERY_LENGTH: Final = 2000
# As many as a list above the history still serves.
MAX_FILTERS: Final = 30


class CannotSave(Exception):
    """The filter is not kept; the message is a sentence to act on."""

    def __init__(self, message: str | Promise) -> None:
        super().__init__(str(message))


def saved_filters_of(user: User | AnonymousUser) -> QuerySet[SavedFilter]:
    """The user's own, by name."""
    if not user.is_authenticated or not user.is_active:
        return SavedFilter.objects.none()
    return SavedFilter.objects.filter(user=user)


def save(user: User, *, name: str, query: str) -> SavedFilter:
    """Keep filters under a name.

    Args:
        user: whose they are.
        name: up to 60 characters, not one the user has already.
        query: the query string of the history's address; what is no filter in it is left out.

    Raises:
        CannotSave: with a sentence that says why.
    """
    kept = _filters_in(query, user)
    if not kept:
        raise CannotSave(_("There is nothing to save: choose a filter first."))
    if len(kept) > MAX_QUERY_LENGTH:
        raise CannotSave(_("This search is too long to be saved. Shorten it."))
    if saved_filters_of(user).count() >= MAX_FILTERS:
        raise CannotSave(_("You have as many saved filters as fit. Delete one first."))
    return _store(SavedFilter(user=user, name=_checked(name), query=kept))


def rename(saved: SavedFilter, *, name: str) -> SavedFilter:
    """Give a filter another name.

    Raises:
        CannotSave: with a sentence that says why.
    """
    saved.name = _checked(name)
    return _store(saved)


def _checked(name: str) -> str:
    tidy = " ".join("".join(letter if letter.isprintable() else " " for letter in name).split())
    if not tidy:
        raise CannotSave(_("Give the filter a name."))
    if len(tidy) > MAX_NAME_LENGTH:
        raise CannotSave(_("The name is too long. Use at most 60 characters."))
    return tidy


def _filters_in(query: str, user: User) -> str:
    given = QueryDict(query.lstrip("?"))
    kept = QueryDict(mutable=True)
    for name in HistoryFilterForm(user=user).fields:
        if value := given.get(name):
            kept[name] = value
    return kept.urlencode()


def _store(saved: SavedFilter) -> SavedFilter:
    try:
        with transaction.atomic():
            saved.save()
    except IntegrityError as error:
        raise CannotSave(_("You have a filter of this name already. Choose another name.")) from error
    return saved

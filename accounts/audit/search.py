"""Finding entries by what people type: a name, the key of a row, an action. Every way in has an index."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Final

from django.db.models import Q

from accounts.models import User

from .actions import Action
from .models import kind_of

if TYPE_CHECKING:
    from .models import EntryQuerySet

_MAX_WORDS: Final = 5


def search(entries: EntryQuerySet, text: str) -> EntryQuerySet:
    """Entries in which every word is found: as a user name, in whole the key of a target, or part of an action.

    A user name finds what the person did and what was done to their account, failed log-ins included, under whatever
    name it was at the time.
    """
    for word in text.replace("\x00", "").split()[:_MAX_WORDS]:
        people = list(User.objects.filter(username__iexact=word).values_list("pk", flat=True))
        of_accounts = Q(target_type=kind_of(User), target_id__in=[str(pk) for pk in people])
        entries = entries.filter(
            Q(target_id=_as_key(word)) | Q(actor__in=people) | of_accounts | Q(action__in=_actions_called(word))
        )
    return entries


def _as_key(word: str) -> str:
    """A UUID in any spelling as the log has it; other keys as they are."""
    try:
        return str(uuid.UUID(word)) if len(word) >= len(uuid.UUID(int=0).hex) else word
    except ValueError:
        return word


def _actions_called(word: str) -> list[str]:
    wanted = word.lower()
    return [action.value for action in Action if wanted in action.value or wanted in str(action.label).lower()]

"""Walks the chain and says whether it is whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from django.db import connection

from . import triggers
from .chain import hash_of
from .models import GENESIS, Entry, Head

CHUNK: Final = 2000


@dataclass(frozen=True)
class Verdict:
    """What the walk found.

    Attributes:
        right: entries, from the first on, that are as they were written.
        head: the last of them as ``POSITION:HASH``, to be kept elsewhere; "" of an empty log.
        broken: the first thing that is wrong with the chain, in words; "" if nothing is.
        unguarded: triggers that the database has lost.
    """

    right: int
    head: str
    broken: str
    unguarded: tuple[str, ...] = ()

    @property
    def is_whole(self) -> bool:
        return not self.broken and not self.unguarded


def verify(expected: str = "") -> Verdict:
    """Check every entry there is now; those that come in meanwhile are for the next time.

    Args:
        expected: a head kept from an earlier verification, ``POSITION:HASH`` or the hash alone. The log must still
            hold that very entry: a log that was cut off behind its back does not, nor one that was written anew.
    """
    # Before the entries: the chain only grows, so everything up to this head is there.
    head = Head.objects.filter(pk=Head.ONLY).first()
    unguarded = tuple(triggers.missing(connection))
    position, previous, seen = 0, GENESIS, not expected
    until = head.position if head else 0

    def verdict(broken: str) -> Verdict:
        return Verdict(position, f"{position}:{previous}" if position else "", broken, unguarded)

    for entry in _in_order(until):
        if wrong := _wrong_with(entry, position + 1, previous):
            return verdict(wrong)
        position, previous = entry.pk, entry.hash
        seen = seen or expected in (entry.hash, f"{entry.pk}:{entry.hash}")
    if position < until:
        return verdict(f"the entries {position + 1} to {until} at the end are missing")
    if head is not None and head.hash != previous:
        return verdict(f"the head of the chain does not belong to the last entry, {position}")
    if behind := _behind_the_head():
        return verdict(f"entry {behind} stands behind the head of the chain: it was inserted, or the head put back")
    if not seen:
        return verdict(f"the expected head {expected} is not in the log: it was cut off or written anew")
    return verdict("")


def _wrong_with(entry: Entry, position: int, previous: str) -> str:
    if entry.pk > position:
        gone = f"entry {position} is" if entry.pk == position + 1 else f"the entries {position} to {entry.pk - 1} are"
        return f"{gone} missing"
    if entry.pk < position:
        return f"entry {entry.pk} was inserted"
    if entry.hash != hash_of(entry):
        return f"entry {entry.pk} was changed"
    if entry.previous_hash != previous:
        return f"entry {entry.pk} does not follow the one before it: one of them was replaced or inserted"
    return ""


def _behind_the_head() -> int | None:
    # In this order: the head may have moved on since the last entry was looked up, never the other way round.
    last = Entry.objects.first()
    head = Head.objects.filter(pk=Head.ONLY).first()
    return last.pk if last is not None and (head is None or last.pk > head.position) else None


def _in_order(until: int) -> Iterator[Entry]:
    """The entries in the order of their positions, never many in memory at once."""
    # From far below zero: what was inserted there has to be met as well.
    position: int | None = None
    while True:
        rows = Entry.objects.filter(pk__lte=until).order_by("pk")
        chunk = list((rows if position is None else rows.filter(pk__gt=position))[:CHUNK])
        yield from chunk
        if len(chunk) < CHUNK:
            return
        position = chunk[-1].pk

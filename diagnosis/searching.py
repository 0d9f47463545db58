"""The history narrowed down, in a way that either database answers at once among a million readings.

PostgreSQL keeps statistics and is trusted to choose among the indexes. SQLite has none: it is told. Each filter is
asked whether it has more than a few thousand hits; the first that has not gives the candidates. Where all have many,
the newest readings are walked through until a page is full, which is soon.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final

from django.contrib.auth import get_user_model
from django.db import connections
from django.db.models import BooleanField, Exists, F, Func, OuterRef, Q, QuerySet, Subquery, TextField
from django.db.models.expressions import RawSQL
from django.utils import timezone

from diagnosis.models import Diagnosis, ModelVersion, Upload
from diagnosis.review.models import Report
from diagnosis.search_index import CHECKSUM_LENGTH, CHECKSUM_MARK, COLUMNS, is_installed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.db.backends.base.base import BaseDatabaseWrapper

NOT_SURE: Final = "not_sure"
NO_REPORT: Final = "none"
# Up to so many hits are candidates by themselves; with more, at least one reading in 330 of a million is one.
FEW: Final = 3000
_CHECKSUM: Final = re.compile(r"[0-9a-f]{6,64}")
_TRIGRAM: Final = 3
_TRIGRAMS: Final = "SELECT rowid FROM diagnosis_search WHERE diagnosis_search MATCH %s"
_PAGES: Final = f"SELECT upload_id FROM diagnosis_search_page WHERE id IN ({_TRIGRAMS})"  # noqa: S608


@dataclass(frozen=True)
class Wanted:
    """What the history is narrowed by; empty values narrow nothing.

    Attributes:
        search: words that must all occur in the patient reference, file name or note, or start the SHA-256. One or
            two plain letters or digits must begin one of them, because they occur nearly everywhere.
        label: a class as the confident answer, or ``"not_sure"`` for the readings that abstained.
        state: one of ``Diagnosis.State``.
        site: key of a site.
        reviewer: user name of somebody who signed the report.
        model: start of the model version's SHA-256.
        agreement: one of ``Report.Verdict`` in a signed report, or ``"none"`` for readings without one.
        confidence_min: 0…1, included.
        confidence_max: 0…1, included.
        since: first day, in the current time zone.
        until: last day, included.
    """

    search: str = ""
    label: str = ""
    state: str = ""
    site: int | None = None
    reviewer: str = ""
    model: str = ""
    agreement: str = ""
    confidence_min: float | None = None
    confidence_max: float | None = None
    since: date | None = None
    until: date | None = None


class Words(Func):
    """Everything of a page that is searched for words, as `search_index` has it."""

    template = "(E'\\n\\n' || %(expressions)s)"
    arg_joiner = " || E'\\n\\n' || "
    output_field = TextField()

    def __init__(self, prefix: str = "") -> None:
        super().__init__(*(F(f"{prefix}{name}") for name in COLUMNS))

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        line_ends = "char(10) || char(10)"
        return self.as_sql(
            compiler,
            connection,
            template=f"({line_ends} || %(expressions)s)",
            arg_joiner=f" || {line_ends} || ",
            **context,
        )


class _Unindexed(Func):
    """A column that SQLite does not look for in an index (https://www.sqlite.org/optoverview.html#uplus)."""

    template = "%(expressions)s"
    arity = 1

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template="+%(expressions)s", **context)


class _Among(Func):
    """Whether a key is among those of a subquery, in a form that PostgreSQL asks by itself and first."""

    template = "%(expressions)s)"
    arg_joiner = " = ANY(ARRAY"
    arity = 2
    output_field = BooleanField()


@dataclass(frozen=True)
class _Condition:
    """One filter.

    Attributes:
        narrows: as the databases can use their indexes for it.
        lookups: the same for SQLite's walk, on columns out of its indexes' reach.
        in_order: whether the index holds the readings in the history's order.
        is_beside: whether another table decides.
        candidates: keys of readings, or of a superset of them, that fulfil it, found through an index.
    """

    narrows: Q
    candidates: QuerySet[Any] | None = None
    lookups: tuple[tuple[str, str, Any], ...] = ()
    in_order: bool = False
    is_beside: bool = False


def narrow(found: QuerySet[Diagnosis], wanted: Wanted, *, sites: Sequence[int] | None) -> QuerySet[Diagnosis]:
    """Of readings, those of live pages that are wanted.

    Args:
        found: readings to choose from, in the history's order.
        wanted: the filters.
        sites: keys of the sites to be seen; None means all.
    """
    connection = connections[found.db]
    conditions = _conditions(wanted, sites)
    if conditions is None:
        return found.none()
    found = _in_days(found, wanted)
    words = [word for word in wanted.search.replace("\x00", "").split() if word]
    if connection.vendor == "sqlite":
        return _on_sqlite(found, conditions, words, connection)
    found = found.filter(*(condition.narrows for condition in conditions), upload__deleted_at__isnull=True)
    for condition in conditions:
        # What a table beside says is beyond the statistics: the planner would walk through a million readings for it.
        if condition.is_beside and condition.candidates is not None and _are_few(condition.candidates):
            found = found.filter(_Among(F("pk"), Subquery(condition.candidates)))
    if not words:
        return found
    pages = Upload.objects.order_by().alias(words=Words())
    found = found.alias(words=Words("upload__"))
    for word in words:
        hit = Q(words__icontains=_needle(word))
        is_checksum = _may_be_checksum(word)
        pages = pages.filter(hit | Q(sha256__startswith=word.lower()) if is_checksum else hit)
        found = found.filter(hit | Q(upload__sha256__startswith=word.lower()) if is_checksum else hit)
    if _are_few(pages.values("pk")):
        # The planner takes fetching a few hundred pages to be as dear as walking through a tenth of all.
        found = found.filter(_Among(F("upload_id"), Subquery(pages.values("pk"))))
    return found


def _on_sqlite(
    found: QuerySet[Diagnosis], conditions: list[_Condition], words: list[str], connection: BaseDatabaseWrapper
) -> QuerySet[Diagnosis]:
    candidates = _few_by_words(words, connection)
    if candidates is None:
        asked = (condition.candidates for condition in conditions if condition.candidates is not None)
        candidates = next(filter(_are_few, asked), None)
    if candidates is not None:
        found = found.filter(pk__in=candidates)
    # One index gives the order; several that are asked for at once would each be believed to be the most selective.
    driver = next((c for c in conditions if c.in_order), None) if candidates is None else None
    for number, condition in enumerate(conditions):
        if condition is driver or not condition.lookups:
            found = found.filter(condition.narrows)
            continue
        for field, lookup, value in condition.lookups:
            found = found.alias(**{f"walked_{number}_{field}": _Unindexed(F(field))})
            found = found.filter(**{f"walked_{number}_{field}__{lookup}": value})
    live = Upload.objects.filter(pk=OuterRef("upload_id"), deleted_at__isnull=True).order_by()
    if words:
        live = live.alias(words=Words())
    for word in words:
        hit = Q(words__iregex=re.escape(_needle(word)))
        live = live.filter(hit | Q(sha256__startswith=word.lower()) if _may_be_checksum(word) else hit)
    # A subquery, so that SQLite cannot begin with the pages and sort them all.
    return found.filter(Exists(live))


def _are_few(candidates: QuerySet[Any]) -> bool:
    # Asked for the one beyond, an index is stepped through and nothing fetched.
    return not candidates[FEW : FEW + 1].exists()


def _few_by_words(words: list[str], connection: BaseDatabaseWrapper) -> QuerySet[Any] | None:
    """Readings of the pages that the trigrams point to; None where they are many or cannot be asked."""
    indexed = [word for word in words if len(_needle(word)) >= _TRIGRAM]
    if not indexed or not is_installed(connection):
        return None
    matching = " AND ".join(map(_matching, indexed))
    with connection.cursor() as cursor:
        cursor.execute(f"{_TRIGRAMS} LIMIT 1 OFFSET %s", [matching, FEW])
        if cursor.fetchone():
            return None
    pages = RawSQL(_PAGES, [matching])  # noqa: S611  (what is searched for travels as a parameter)
    return Diagnosis.objects.order_by().filter(upload__in=pages).values("pk")


def _matching(word: str) -> str:
    """https://www.sqlite.org/fts5.html#full_text_query_syntax"""
    quoted = _needle(word).replace('"', '""')
    if not _may_be_checksum(word):
        return f'(words : "{quoted}")'
    return f'(words : "{quoted}" OR checksum : "{CHECKSUM_MARK}{word.lower()[:CHECKSUM_LENGTH]}")'


def _needle(word: str) -> str:
    """What is looked for; in scripts that write whole words with one or two characters, these alone."""
    return "\n" * (_TRIGRAM - len(word)) + word if word.isascii() else word


def _may_be_checksum(word: str) -> bool:
    return _CHECKSUM.fullmatch(word.lower()) is not None


def _conditions(wanted: Wanted, sites: Sequence[int] | None) -> list[_Condition] | None:
    """Every filter but days and words; None where nothing can fulfil them."""
    found: list[_Condition] = []
    if wanted.site is not None:
        sites = [wanted.site] if sites is None or wanted.site in sites else []
    if sites is not None and not sites:
        return None
    if wanted.label == NOT_SURE:
        found.append(_Condition(Q(abstained=True), _keys(abstained=True), in_order=True))
    elif wanted.label:
        found.append(_one_of("label", [wanted.label]))
        found.append(_Condition(Q(abstained=False)))
    if wanted.model:
        models = ModelVersion.objects.filter(sha256__startswith=wanted.model.lower())
        if not (keys := list(models.order_by().values_list("pk", flat=True))):
            return None
        found.append(_one_of("model_version_id", keys))
    if wanted.state:
        found.append(_one_of("state", [wanted.state]))
    if wanted.confidence_min is not None or wanted.confidence_max is not None:
        found.append(_confidence(wanted.confidence_min, wanted.confidence_max))
    if wanted.reviewer or wanted.agreement:
        found.append(_reported(wanted.reviewer, wanted.agreement))
    if sites is not None:
        # Last, so that it leads the walk only where nothing else does: a site has readings of all years,
        # a model has not.
        found.append(_one_of("site_id", list(sites)))
    return found


def _one_of(field: str, values: list[Any]) -> _Condition:
    is_one = len(values) == 1
    lookup, value = ("exact", values[0]) if is_one else ("in", values)
    narrows = Q(**{f"{field}__{lookup}": value})
    return _Condition(narrows, _keys(narrows), ((field, lookup, value),), in_order=is_one)


def _confidence(lowest: float | None, highest: float | None) -> _Condition:
    lookups: list[tuple[str, str, Any]] = []
    if lowest is not None:
        lookups.append(("confidence", "gte", lowest))
    if highest is not None:
        lookups.append(("confidence", "lte", highest))
    narrows = Q(**{f"{field}__{lookup}": value for field, lookup, value in lookups})
    return _Condition(narrows, _keys(narrows), tuple(lookups))


def _reported(reviewer: str, agreement: str) -> _Condition:
    signed = Report.objects.filter(state=Report.State.SIGNED).order_by()
    if reviewer:
        # Nearly all reports are signed; SQLite would look at these first.
        signed = Report.objects.alias(its_state=_Unindexed(F("state"))).filter(its_state=Report.State.SIGNED).order_by()
        # Looked up first: a number is what the databases have statistics of. Nobody has number 0.
        who = get_user_model().objects.filter(username=reviewer).values_list("pk", flat=True).first() or 0
        signed = signed.filter(Q(signed_by=who) | Q(second_signed_by=who))
    if agreement == NO_REPORT:
        return _Condition(~Q(Exists(signed.filter(diagnosis=OuterRef("pk")))))
    if agreement:
        signed = signed.filter(verdict=agreement)
    return _Condition(Q(Exists(signed.filter(diagnosis=OuterRef("pk")))), signed.values("diagnosis"), is_beside=True)


def _keys(*conditions: Q, **fields: Any) -> QuerySet[Any]:
    return Diagnosis.objects.order_by().filter(*conditions, **fields).values("pk")


def _in_days(found: QuerySet[Diagnosis], wanted: Wanted) -> QuerySet[Diagnosis]:
    if wanted.since:
        found = found.filter(created_at__gte=_start_of(wanted.since))
    if wanted.until and wanted.until < date.max:
        found = found.filter(created_at__lt=_start_of(wanted.until + timedelta(days=1)))
    return found


def _start_of(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))

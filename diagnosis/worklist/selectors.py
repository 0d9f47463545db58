"""The lists of the worklist: one row per page, which is its newest reading. Every query starts at who may see what.

| list     | pages in it                                                                                         |
|----------|-----------------------------------------------------------------------------------------------------|
| new      | taken up by nobody: being read, or read with no report begun; and nobody assigned                   |
| mine     | assigned to me and still to be signed (by another, if I signed first: not mine); or a draft of mine |
| waiting  | read, with neither a signed report nor one that waits for the second signature                      |
| second   | with a report that waits for the second signature                                                   |
| signed   | with a signed report, and no amendment of it that waits for the second signature                    |
| rejected, failed | whose reading ended so, and that were not signed all the same                               |

New and mine are ways to look at the others, so a page can be in two lists. What counts is the newest reading: a page
that was read again after its report was signed has to be looked at again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from django.db.models import Count, Prefetch, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.permissions import sites_visible_to
from diagnosis.models import Diagnosis
from diagnosis.review.models import Report
from diagnosis.selectors import diagnoses_visible_to
from diagnosis.worklist.assigning import READS
from diagnosis.worklist.models import Assignment, Batch, Standing

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser
    from django.utils.functional import Promise

Stage = Standing.Stage

LISTS: Final[dict[str, Promise]] = {
    "new": _("New"),
    "mine": _("Mine"),
    "waiting": _("Waiting for review"),
    "second": _("Second signature"),
    "signed": _("Signed"),
    "rejected": _("Rejected"),
    "failed": _("Failed"),
}
OLDEST: Final = "oldest"
URGENT: Final = "urgent"
NEWEST: Final = "newest"
SORTS: Final[dict[str, Promise]] = {
    OLDEST: _("Oldest first"),
    URGENT: _("Most urgent first"),
    NEWEST: _("Newest first"),
}
_ORDERS: Final[dict[str, tuple[str, ...]]] = {
    OLDEST: ("came_in", "upload_id"),
    URGENT: ("urgency", "came_in", "upload_id"),
    NEWEST: ("-came_in", "-upload_id"),
}
UNSIGNED: Final = (Stage.UNDER_WAY, Stage.READ, Stage.SECOND, Stage.REJECTED, Stage.FAILED)

WAITING: Final = "waiting"


def usual_sort(name: str) -> str:
    """The order of a list that asks for none: what waits longest comes first, what has ended last."""
    return NEWEST if name in ("signed", "rejected", "failed") else OLDEST


@dataclass(frozen=True)
class Look:
    """What the worklist's address says: which list, in which order, narrowed by what."""

    name: str = WAITING
    sort: str = OLDEST
    search: str = ""
    site_id: int | None = None

    @property
    def query(self) -> str:
        """As it stands in an address; what is usual stays out of it."""
        said: dict[str, str | int] = {"list": self.name}
        if self.sort != usual_sort(self.name):
            said["sort"] = self.sort
        if self.search:
            said["q"] = self.search
        if self.site_id is not None:
            said["site"] = self.site_id
        return urlencode(said)


def standings_visible_to(user: User | AnonymousUser) -> QuerySet[Standing]:
    """Where the pages stand that the user sees."""
    if not isinstance(user, User) or not user.is_active:
        return Standing.objects.none()
    visible = Standing.objects.filter(is_deleted=False)
    return visible if user.is_administrator else visible.filter(site__in=sites_visible_to(user))


def _belongs(name: str, user: User) -> Q:
    """Which standings are in a list.

    Raises:
        KeyError: there is no such list.
    """
    match name:
        case "new":
            taken_up = Q(has_report=True) | Q(pk__in=Assignment.objects.values("pk"))
            return Q(stage__in=(Stage.UNDER_WAY, Stage.READ)) & ~taken_up
        case "mine":
            return _assigned_to(user) | Q(drafted_by=user)
        case "waiting":
            return Q(stage=Stage.READ)
        case "second" | "signed" | "rejected" | "failed":
            return Q(stage=name)
    raise KeyError(name)


def _assigned_to(user: User) -> Q:
    assigned = Q(stage__in=UNSIGNED, pk__in=Assignment.objects.filter(reviewer=user).values("pk"))
    return assigned & ~Q(stage=Stage.SECOND, first_signed_by=user)


def mine_up_to(user: User | AnonymousUser, most: int) -> int:
    """How many pages the list “mine” has, counted no further than ``most``."""
    if not isinstance(user, User):
        return 0
    visible = standings_visible_to(user).order_by()
    # Apart, because each has an index and their "or" has none.
    either = (visible.filter(_assigned_to(user)), visible.filter(drafted_by=user))
    return len(either[0].values_list("pk").union(either[1].values_list("pk"))[:most])


def counts(user: User | AnonymousUser) -> dict[str, int]:
    """How many pages each list has, in one query."""
    if not isinstance(user, User):
        return dict.fromkeys(LISTS, 0)
    wanted = {name: Count("pk", filter=_belongs(name, user)) for name in LISTS}
    return standings_visible_to(user).aggregate(**wanted)


def rows(user: User | AnonymousUser, look: Look) -> QuerySet[Standing]:
    """The pages of one list in its order."""
    if not isinstance(user, User):
        return Standing.objects.none()
    found = standings_visible_to(user).filter(_belongs(look.name, user))
    if look.site_id is not None:
        found = found.filter(site_id=look.site_id)
    for word in look.search.replace("\x00", "").split():
        found = found.filter(Q(upload__patient_reference__icontains=word) | Q(upload__original_name__icontains=word))
    return found.order_by(*_ORDERS[look.sort])


def shown(user: User | AnonymousUser, standings: QuerySet[Standing]) -> list[Diagnosis]:
    """The readings of some rows, in their order, with everything that the worklist shows of them."""
    # Keys first: a database that sorts what it does not show takes many times as long.
    keys = list(standings.values_list("diagnosis_id", flat=True))
    reports = Report.objects.select_related("author", "signed_by", "second_signed_by")
    readings = (
        diagnoses_visible_to(user)
        .filter(pk__in=keys)
        .select_related("upload__site", "upload__assignment__reviewer", "standing")
        .prefetch_related(Prefetch("reports", reports, to_attr="reports_on_it"))
    )
    found = {reading.pk: reading for reading in readings}
    return [found[key] for key in keys if key in found]


def neighbours(
    user: User | AnonymousUser, look: Look, diagnosis: Diagnosis
) -> tuple[Diagnosis | None, Diagnosis | None]:
    """The rows before and after a page in a list, also when it has left the list meanwhile."""
    here = Standing.objects.filter(upload=diagnosis.upload_id).first()
    if here is None:
        return None, None
    others = rows(user, look).exclude(pk=here.pk)
    before, after, equal = Q(), Q(), Q()
    for field in _ORDERS[look.sort]:
        name = field.removeprefix("-")
        value = getattr(here, name)
        earlier, later = ("gt", "lt") if field.startswith("-") else ("lt", "gt")
        # As tuples are compared.
        before |= equal & Q(**{f"{name}__{earlier}": value})
        after |= equal & Q(**{f"{name}__{later}": value})
        equal &= Q(**{name: value})
    return _first(others.filter(before).reverse()), _first(others.filter(after))


def _first(standings: QuerySet[Standing]) -> Diagnosis | None:
    nearest = standings.select_related("diagnosis").first()
    return nearest.diagnosis if nearest is not None else None


def readers_of(user: User | AnonymousUser) -> QuerySet[User]:
    """The colleagues a page may be assigned to: who reports at the sites the user sees."""
    readers = User.objects.filter(is_active=True, role__in=READS)
    sites = sites_visible_to(user)
    return readers.filter(sites__in=sites).distinct().order_by("last_name", "first_name", "username")


def batches_visible_to(user: User | AnonymousUser) -> QuerySet[Batch]:
    """The batches of the user's sites, newest first."""
    return Batch.objects.filter(site__in=sites_visible_to(user)).select_related("site", "requested_by")


def batches_administered_by(user: User | AnonymousUser) -> QuerySet[Batch]:
    """Every batch for administrators; nothing for anybody else."""
    if not (isinstance(user, User) and user.is_active and user.is_administrator):
        return Batch.objects.none()
    return Batch.objects.select_related("site", "requested_by")


def assignments_administered_by(user: User | AnonymousUser) -> QuerySet[Assignment]:
    """Every assignment for administrators; nothing for anybody else."""
    if not (isinstance(user, User) and user.is_active and user.is_administrator):
        return Assignment.objects.none()
    return Assignment.objects.select_related("upload", "reviewer", "assigned_by")

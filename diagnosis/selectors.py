"""Who may see what. Every view, API and admin query starts here.

A user sees the live pages of the sites they belong to; an administrator sees those of every site, and deleted pages
in the admin. What a user may not see does not exist for them: views turn a missing row into 404, never 403.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final, TypeGuard

from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts import permissions
from accounts.models import Role
from accounts.permissions import sites_visible_to
from diagnosis.models import Diagnosis, Explanation, Heatmap, ModelVersion, Tracing, Upload

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from accounts.models import User

NOT_SURE: Final = "not_sure"


def uploads_visible_to(user: User | AnonymousUser) -> QuerySet[Upload]:
    """The live pages of the user's sites, newest first."""
    if not _may_look(user):
        return Upload.objects.none()
    visible = Upload.objects.filter(deleted_at__isnull=True).select_related("site", "uploaded_by")
    return visible if user.is_administrator else visible.filter(site__in=sites_visible_to(user))


def diagnoses_visible_to(user: User | AnonymousUser) -> QuerySet[Diagnosis]:
    """The readings of the pages the user sees, newest first."""
    if not _may_look(user):
        return Diagnosis.objects.none()
    visible = Diagnosis.objects.filter(upload__deleted_at__isnull=True).select_related(
        "upload__site", "upload__uploaded_by", "model_version"
    )
    return visible if user.is_administrator else visible.filter(upload__site__in=sites_visible_to(user))


def heatmaps_visible_to(user: User | AnonymousUser) -> QuerySet[Heatmap]:
    """The heatmaps of the readings the user sees."""
    return Heatmap.objects.filter(diagnosis__in=diagnoses_visible_to(user).order_by().values("pk"))


def tracings_visible_to(user: User | AnonymousUser) -> QuerySet[Tracing]:
    """The tracings of the readings the user sees."""
    return Tracing.objects.filter(diagnosis__in=diagnoses_visible_to(user).order_by().values("pk"))


def tracing_of(diagnosis: Diagnosis) -> Tracing | None:
    """The tracing of a reading; readings from before there were any, and those not done, have none."""
    try:
        return diagnosis.tracing
    except Tracing.DoesNotExist:
        return None


def explanations_visible_to(user: User | AnonymousUser) -> QuerySet[Explanation]:
    """The explanations of the readings the user sees, newest first."""
    visible = Explanation.objects.filter(diagnosis__in=diagnoses_visible_to(user).order_by().values("pk"))
    return visible.select_related("diagnosis__model_version", "heatmap")


def history(
    user: User | AnonymousUser,
    *,
    search: str = "",
    label: str = "",
    state: str = "",
    since: date | None = None,
    until: date | None = None,
) -> QuerySet[Diagnosis]:
    """The readings the user sees, narrowed down.

    Args:
        search: words that must all occur in the patient reference, file name or note, or start the SHA-256.
        label: a class as the confident answer, or ``"not_sure"`` for the readings that abstained.
        state: one of ``Diagnosis.State``.
        since: first day, in the current time zone.
        until: last day, included.
    """
    found = diagnoses_visible_to(user).prefetch_related("heatmaps")
    for word in search.replace("\x00", "").split():
        found = found.filter(
            Q(upload__patient_reference__icontains=word)
            | Q(upload__original_name__icontains=word)
            | Q(upload__note__icontains=word)
            | Q(upload__sha256__startswith=word.lower())
        )
    if label:
        found = found.filter(state=Diagnosis.State.DONE)
        found = found.filter(abstained=True) if label == NOT_SURE else found.filter(abstained=False, label=label)
    if state:
        found = found.filter(state=state)
    if since:
        found = found.filter(created_at__gte=_start_of(since))
    if until and until < date.max:
        found = found.filter(created_at__lt=_start_of(until + timedelta(days=1)))
    return found


def may_delete(user: User | AnonymousUser, upload: Upload) -> bool:
    """Whether the user may take this page out of the history; see the table in ``accounts.permissions``."""
    if upload.deleted_at is not None:
        return False
    return permissions.may_delete(user, site_id=upload.site_id, uploaded_by_id=upload.uploaded_by_id)


def uploads_deletable_by(user: User | AnonymousUser) -> QuerySet[Upload]:
    """``may_delete`` for a list of pages at once."""
    if not _may_look(user):
        return Upload.objects.none()
    visible = uploads_visible_to(user)
    if user.is_administrator or user.role == Role.REVIEWER:
        return visible
    return visible.filter(uploaded_by=user) if user.role == Role.CLINICIAN else visible.none()


def uploads_restorable_by(user: User | AnonymousUser) -> QuerySet[Upload]:
    """Deleted pages that the user may bring back: all for administrators, else those they deleted themselves."""
    if not _may_look(user):
        return Upload.objects.none()
    deleted = Upload.objects.filter(deleted_at__isnull=False).select_related("site", "uploaded_by")
    if user.is_administrator:
        return deleted
    return deleted.filter(deleted_by=user, site__in=sites_visible_to(user))


def neighbours(user: User | AnonymousUser, diagnosis: Diagnosis) -> tuple[Diagnosis | None, Diagnosis | None]:
    """The next newer and the next older reading in the user's unfiltered history."""
    visible = diagnoses_visible_to(user).exclude(pk=diagnosis.pk)
    newer = visible.filter(
        Q(created_at__gt=diagnosis.created_at) | Q(created_at=diagnosis.created_at, pk__gt=diagnosis.pk)
    ).order_by("created_at", "pk")
    older = visible.filter(
        Q(created_at__lt=diagnosis.created_at) | Q(created_at=diagnosis.created_at, pk__lt=diagnosis.pk)
    ).order_by("-created_at", "-pk")
    return newer.first(), older.first()


def uploads_administered_by(user: User | AnonymousUser) -> QuerySet[Upload]:
    """Every page, deleted ones included, for administrators; nothing for anybody else."""
    return Upload.objects.select_related("site", "uploaded_by") if _administers(user) else Upload.objects.none()


def diagnoses_administered_by(user: User | AnonymousUser) -> QuerySet[Diagnosis]:
    """Every reading, those of deleted pages included, for administrators; nothing for anybody else."""
    if not _administers(user):
        return Diagnosis.objects.none()
    return Diagnosis.objects.select_related("upload__site", "requested_by", "model_version")


def explanations_administered_by(user: User | AnonymousUser) -> QuerySet[Explanation]:
    """Every explanation, those of deleted pages included, for administrators; nothing for anybody else."""
    if not _administers(user):
        return Explanation.objects.none()
    return Explanation.objects.select_related(
        "diagnosis__upload__site", "diagnosis__model_version", "heatmap", "requested_by"
    )


def model_versions_administered_by(user: User | AnonymousUser) -> QuerySet[ModelVersion]:
    """Every registered model for administrators; nothing for anybody else."""
    return ModelVersion.objects.select_related("activated_by") if _administers(user) else ModelVersion.objects.none()


def _may_look(user: User | AnonymousUser) -> TypeGuard[User]:
    return bool(user.is_authenticated and user.is_active)


def _administers(user: User | AnonymousUser) -> bool:
    return _may_look(user) and user.is_administrator


def _start_of(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))

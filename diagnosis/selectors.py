"""Who may see what. Every view, API and admin query starts here.

A user sees the live pages of the sites they belong to; an administrator sees those of every site, and deleted pages
in the admin, a site administrator there those of their own sites. What a user may not see does not exist for them:
views turn a missing row into 404, never 403.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeGuard

from django.contrib.auth import get_user_model
from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts import permissions
from accounts.models import Role
from accounts.permissions import sites_administered_by, sites_visible_to
from diagnosis.models import Diagnosis, Explanation, Heatmap, ModelVersion, Tracing, Upload
from diagnosis.review.models import Report
from diagnosis.searching import Wanted, narrow

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from accounts.models import User


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
    return visible if user.is_administrator else visible.filter(site__in=sites_visible_to(user))


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


def history(user: User | AnonymousUser, **filters: Any) -> QuerySet[Diagnosis]:
    """The readings the user sees, narrowed down.

    Args:
        filters: fields of `searching.Wanted`.

    Returns:
        Readings without related rows: take a page of their keys by `keyset`, then `with_everything_shown`.
    """
    if not _may_look(user):
        return Diagnosis.objects.none()
    sites = None if user.is_administrator else list(sites_visible_to(user).values_list("pk", flat=True))
    return narrow(Diagnosis.objects.all(), Wanted(**filters), sites=sites)


def with_everything_shown(found: QuerySet[Diagnosis]) -> QuerySet[Diagnosis]:
    """The same readings with all that a line of the history shows of them."""
    return found.select_related("upload__site", "upload__uploaded_by", "model_version")


def reviewers_visible_to(user: User | AnonymousUser) -> QuerySet[User]:
    """Who may have signed reports on the readings the user sees: people of the same sites, and administrators."""
    if not _may_look(user):
        return get_user_model().objects.none()
    people = get_user_model().objects.exclude(role=Role.API_CLIENT)
    if not user.is_administrator:
        people = people.filter(Q(sites__in=sites_visible_to(user)) | Q(role=Role.ADMINISTRATOR)).distinct()
    return people.order_by("username")


def may_delete(user: User | AnonymousUser, upload: Upload) -> bool:
    """Whether the user may take this page out of the history; see the table in ``accounts.permissions``."""
    if upload.deleted_at is not None or (has_signed_report(upload) and not _administers(user)):
        return False
    return permissions.may_delete(user, site_id=upload.site_id, uploaded_by_id=upload.uploaded_by_id)


def has_signed_report(upload: Upload) -> bool:
    """Whether somebody signed a report on a reading of this page; one that was amended later counts too."""
    return Upload.objects.filter(with_signed_report(), pk=upload.pk).exists()


def with_signed_report() -> Exists:
    """``has_signed_report`` as a condition on pages."""
    return Exists(Report.objects.filter(diagnosis__upload=OuterRef("pk"), state__in=Report.FIXED))


def uploads_deletable_by(user: User | AnonymousUser) -> QuerySet[Upload]:
    """``may_delete`` for a list of pages at once."""
    if not _may_look(user):
        return Upload.objects.none()
    visible = uploads_visible_to(user)
    if user.is_administrator:
        return visible
    visible = visible.exclude(with_signed_report())
    if user.role in permissions.CLEARS_OWN_SITES:
        return visible
    return visible.filter(uploaded_by=user) if user.role == Role.CLINICIAN else visible.none()


def uploads_restorable_by(user: User | AnonymousUser) -> QuerySet[Upload]:
    """Deleted pages that the user may bring back: all for administrators and, at their own sites, site administrators;
    else those they deleted themselves."""
    if not _may_look(user):
        return Upload.objects.none()
    deleted = Upload.objects.filter(deleted_at__isnull=False).select_related("site", "uploaded_by")
    if user.is_administrator:
        return deleted
    if user.role == Role.SITE_ADMINISTRATOR:
        return deleted.filter(site__in=sites_administered_by(user))
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
    """Every page, deleted ones included, for administrators, and of own sites for site administrators; else nothing."""
    found = Upload.objects.select_related("site", "uploaded_by")
    return found if _administers(user) else found.filter(site__in=sites_administered_by(user))


def diagnoses_administered_by(user: User | AnonymousUser) -> QuerySet[Diagnosis]:
    """The readings of ``uploads_administered_by``."""
    found = Diagnosis.objects.select_related("upload__site", "requested_by", "model_version")
    return found if _administers(user) else found.filter(upload__site__in=sites_administered_by(user))


def explanations_administered_by(user: User | AnonymousUser) -> QuerySet[Explanation]:
    """The explanations of ``uploads_administered_by``."""
    found = Explanation.objects.select_related(
        "diagnosis__upload__site", "diagnosis__model_version", "heatmap", "requested_by"
    )
    return found if _administers(user) else found.filter(diagnosis__upload__site__in=sites_administered_by(user))


def model_versions_administered_by(user: User | AnonymousUser) -> QuerySet[ModelVersion]:
    """Every registered model for administrators; nothing for anybody else."""
    return ModelVersion.objects.select_related("activated_by") if _administers(user) else ModelVersion.objects.none()


def model_versions_visible_to(user: User | AnonymousUser) -> QuerySet[ModelVersion]:
    """Every registered model: whoever sees an answer may know what gave it."""
    return ModelVersion.objects.all() if _may_look(user) else ModelVersion.objects.none()


def _may_look(user: User | AnonymousUser) -> TypeGuard[User]:
    return bool(user.is_authenticated and user.is_active)


def _administers(user: User | AnonymousUser) -> bool:
    return _may_look(user) and user.is_administrator

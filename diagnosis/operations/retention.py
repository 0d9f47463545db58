"""Keeping to a site's retention rule: pages go in two steps, so that a wrong rule can be undone.

A page without a signed report is first deleted, which hides it and can be undone; a deleted page is erased later.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.db.models import QuerySet
from django.utils import timezone

from diagnosis import deletion
from diagnosis.models import Upload
from diagnosis.operations.models import RetentionRule
from diagnosis.selectors import with_signed_report

logger = logging.getLogger(__name__)

# Of one rule in one run; the next run goes on.
BATCH: Final = 200


@dataclass(frozen=True)
class Kept:
    """What a run did."""

    deleted: int
    erased: int


def to_be_deleted(rule: RetentionRule) -> QuerySet[Upload]:
    """Pages that the rule hides now, oldest first."""
    if rule.delete_unreported_after_days is None:
        return Upload.objects.none()
    before = timezone.now() - timedelta(days=rule.delete_unreported_after_days)
    live = Upload.objects.filter(site=rule.site_id, deleted_at__isnull=True, created_at__lt=before)
    return live.exclude(with_signed_report()).order_by("created_at")


def to_be_erased(rule: RetentionRule) -> QuerySet[Upload]:
    """Deleted pages that the rule takes out of the house now, oldest first."""
    if rule.erase_deleted_after_days is None:
        return Upload.objects.none()
    before = timezone.now() - timedelta(days=rule.erase_deleted_after_days)
    hidden = Upload.objects.filter(site=rule.site_id, deleted_at__lt=before)
    return hidden.exclude(with_signed_report()).order_by("deleted_at")


def keep_to(rule: RetentionRule) -> Kept:
    """Do what the rule asks for now, at most ``BATCH`` pages of each kind."""
    deleted = erased = 0
    for upload in to_be_erased(rule)[:BATCH]:
        deletion.remove(upload)
        erased += 1
    for upload in to_be_deleted(rule)[:BATCH]:
        deleted += deletion.hide(upload)
    if deleted or erased:
        logger.info("Retention at site %s: %d page(s) deleted, %d erased", rule.site_id, deleted, erased)
    return Kept(deleted, erased)


def keep_to_all() -> None:
    """Every rule's turn."""
    for rule in RetentionRule.objects.all():
        keep_to(rule)

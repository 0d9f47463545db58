"""Pages go in two steps, and those with a signed report stay."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Site, User
from diagnosis import deletion
from diagnosis.models import Upload
from diagnosis.operations import retention
from diagnosis.operations.models import RetentionRule
from diagnosis.operations.tasks import keep_retention_rules
from diagnosis.review.models import Report

Make = Callable[..., Any]


@pytest.fixture
def rule(site: Site) -> RetentionRule:
    return RetentionRule.objects.create(site=site, delete_unreported_after_days=30, erase_deleted_after_days=7)


def make_old(upload: Upload, days: int) -> Upload:
    Upload.objects.filter(pk=upload.pk).update(created_at=timezone.now() - timedelta(days=days))
    return upload


def test_old_pages_are_hidden_first_and_erased_later(rule: RetentionRule, take_in: Make):
    old, young = make_old(take_in(0), 31), make_old(take_in(1), 29)

    assert retention.keep_to(rule) == retention.Kept(deleted=1, erased=0)

    old.refresh_from_db()
    young.refresh_from_db()
    assert (old.deleted_at is None, old.deleted_by, young.deleted_at) == (False, None, None)

    Upload.objects.filter(pk=old.pk).update(deleted_at=timezone.now() - timedelta(days=8))
    assert retention.keep_to(rule) == retention.Kept(deleted=0, erased=1)
    assert list(Upload.objects.all()) == [young]


def test_an_administrator_can_undo_what_a_rule_hid(rule: RetentionRule, take_in: Make, administrator: User):
    old = make_old(take_in(0), 31)
    retention.keep_to(rule)

    assert deletion.restore(old, administrator).deleted_at is None


@pytest.mark.parametrize("state", Report.FIXED)
def test_a_signed_report_keeps_its_page(rule: RetentionRule, take_in: Make, read: Make, reviewer: User, state: str):
    upload = make_old(take_in(0), 400)
    Report.objects.create(diagnosis=read(upload), author=reviewer, signed_by=reviewer, verdict="agree", state=state)

    assert retention.keep_to(rule) == retention.Kept(0, 0)


def test_a_draft_does_not(rule: RetentionRule, take_in: Make, read: Make, reviewer: User):
    upload = make_old(take_in(0), 400)
    Report.objects.create(diagnosis=read(upload), author=reviewer, verdict="agree")

    assert retention.keep_to(rule).deleted == 1


def test_an_empty_field_keeps_for_ever(rule: RetentionRule, take_in: Make):
    RetentionRule.objects.update(delete_unreported_after_days=None, erase_deleted_after_days=None)
    make_old(take_in(0), 4000)

    keep_retention_rules.apply()

    assert Upload.objects.filter(deleted_at__isnull=True).count() == 1


def test_other_sites_are_left_alone(rule: RetentionRule, take_in: Make, other_site: Site):
    upload = make_old(take_in(0), 400)
    Upload.objects.update(site=other_site)

    keep_retention_rules.apply()

    upload.refresh_from_db()
    assert upload.deleted_at is None

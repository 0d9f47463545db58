"""The administration's front page counts what is there, and only what its reader administers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Site, User
from diagnosis.models import Diagnosis, Upload
from diagnosis.operations import figures
from diagnosis.review.models import Report

Make = Callable[..., Any]


def sign(diagnosis: Diagnosis, verdict: str, user: User) -> Report:
    return Report.objects.create(
        diagnosis=diagnosis, author=user, signed_by=user, verdict=verdict, state=Report.State.SIGNED
    )


def test_pages_are_counted_by_their_day(take_in: Make):
    for seed in range(3):
        take_in(seed)
    Upload.objects.filter(original_name="page-2.png").update(created_at=timezone.now() - timedelta(days=2))

    days = figures.uploads_per_day(Upload.objects.all())

    assert len(days) == figures.DAYS
    assert [day.count for day in days[-3:]] == [1, 0, 2]
    assert [day.height for day in days[-3:]] == [50.0, 0.0, 100.0]


def test_what_ended_badly_is_counted_by_its_reason(take_in: Make, reject: Make, fail: Make, read: Make):
    read(take_in(0))
    reject(take_in(1))
    reject(take_in(2))
    fail(take_in(3), "timed_out")

    shown = figures.of(Upload.objects.all())

    assert [(reason.code, reason.count) for reason in shown["rejections"]] == [("not_an_ecg_page", 2)]
    assert [(reason.code, reason.count) for reason in shown["failures"]] == [("timed_out", 1)]


def test_waiting_pages_have_an_age(take_in: Make, start: Make):
    take_in(0)
    start(take_in(1))
    Diagnosis.objects.filter(state="queued").update(created_at=timezone.now() - timedelta(hours=3))

    pages = figures.of(Upload.objects.all())["waiting"][0]

    assert (pages.waiting, pages.running) == (1, 1)
    assert pages.oldest is not None
    assert pages.oldest > timedelta(hours=2)


def test_agreement_leaves_out_what_could_not_be_agreed_with(take_in: Make, read: Make, reviewer: User):
    for seed, (verdict, unsure) in enumerate(
        [("agree", False), ("agree", False), ("override", False), ("override", True), ("unreadable", False)]
    ):
        sign(read(take_in(seed), abstained=unsure), verdict, reviewer)

    (row,) = figures.agreement(Diagnosis.objects.all())

    assert (row.agreed, row.overruled, row.unsure, row.unreadable) == (2, 1, 1, 1)
    assert row.share == pytest.approx(2 / 3)


def test_an_unsigned_draft_counts_for_nothing(take_in: Make, read: Make, reviewer: User):
    Report.objects.create(diagnosis=read(take_in(0)), author=reviewer, verdict="agree")

    assert figures.agreement(Diagnosis.objects.all()) == []


def test_the_same_mix_is_stable_and_another_is_not():
    mix = {"normal": 0.5, "mi": 0.5}

    assert figures.stability(mix, mix) == 0
    assert figures.stability({"normal": 0.9, "mi": 0.1}, mix) > figures.PSI_LARGE
    assert figures.stability({"normal": 1.0}, mix) > figures.PSI_LARGE


def test_few_answers_say_nothing_about_a_shift(take_in: Make, read: Make):
    read(take_in(0))

    found = figures.drift(Diagnosis.objects.all())

    assert found.answers == 1
    assert found.psi is None
    assert [(one.name, one.now, one.before) for one in found.classes] == [("Myocardial infarction", 1.0, None)]


def test_an_administrator_sees_the_figures_first(take_in: Make, read: Make, signed_in: Make, administrator: User):
    read(take_in(0))

    page = signed_in(administrator).get("/admin/").content.decode()

    assert page.index('id="figures"') < page.index("/admin/accounts/user/")
    assert "Myocardial infarction" in page


def test_the_page_of_a_single_room_claims_nothing(signed_in: Make, administrator: User):
    answer = signed_in(administrator).get("/admin/fhir/")

    assert answer.status_code == 200
    assert 'id="figures"' not in answer.content.decode()


def test_figures_of_one_site_know_nothing_of_another(take_in: Make, site: Site, other_site: Site):
    take_in(0)

    assert figures.storage(Upload.objects.filter(site=site)).pages == 1
    assert figures.storage(Upload.objects.filter(site=other_site)).pages == 0


def test_clinicians_have_no_such_page(browser: Client):
    assert browser.get("/admin/").status_code in (302, 403)

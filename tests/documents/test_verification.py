"""From the code on paper to the report, for those who may see it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from diagnosis.documents import verification_views
from diagnosis.documents.verification import normalised
from diagnosis.models import Diagnosis
from diagnosis.review.models import Report
from tests.documents.conftest import Sign

pytestmark = pytest.mark.django_db


def verify(code: str) -> str:
    return reverse("documents:verify_code", kwargs={"code": code})


@pytest.fixture
def report(done: Diagnosis, sign: Sign) -> Report:
    return sign(done, code="7KQ2M8XWT4D1")


@pytest.mark.parametrize("typed", ["7KQ2-M8XW-T4D1", "7kq2m8xwt4d1", " 7KQ2 M8XW T4DI ", "7KQ2–M8XW–T4Dl"])
def test_capitals_dashes_and_letters_that_look_like_digits_do_not_matter(
    report: Report, browser: Client, typed: str
) -> None:
    assert normalised(typed) == report.code
    answer = browser.get(reverse("documents:verify"), {"code": typed}, follow=True)
    assert answer.redirect_chain[-1][0] == verify(report.code)
    assert "version 1, in force" in answer.content.decode()
    typed_as_address = browser.get(verify(typed.strip()), follow=True)
    assert typed_as_address.redirect_chain[-1][0] == verify(report.code)


def test_it_shows_what_to_compare(report: Report, browser: Client) -> None:
    said = browser.get(verify(report.code)).content.decode()
    for expected in (
        "Myocardial infarction",
        "carla",
        "P-417",
        "North Hospital",
        "21 Nov 2026, 15:03 UTC",
        "7KQ2-M8XW-T4D1",
    ):
        assert expected in said


def test_a_replaced_version_says_so_and_leads_to_the_one_in_force(report: Report, sign: Sign, browser: Client) -> None:
    second = sign(report.diagnosis, amendment_reason="Better.")
    old = browser.get(verify(report.code)).content.decode()
    assert "data-replaced" in old
    assert verify(second.code) in old
    assert "data-replaced" not in browser.get(verify(second.code)).content.decode()


@pytest.mark.parametrize(
    ("who", "status"), [("clinician", 200), ("reviewer", 200), ("administrator", 200), ("other_clinician", 404)]
)
def test_a_code_opens_for_those_who_see_the_page(
    report: Report, signed_in: Callable[[User], Client], request: pytest.FixtureRequest, who: str, status: int
) -> None:
    assert signed_in(request.getfixturevalue(who)).get(verify(report.code)).status_code == status


def test_a_stranger_logs_in_first(report: Report, nobody: Client) -> None:
    answer = nobody.get(verify(report.code))
    assert answer.status_code == 302
    assert answer.headers["Location"] == f"{reverse('accounts:login')}?next={verify(report.code)}"


def test_a_code_of_another_site_and_a_code_of_nobody_are_told_in_the_same_words(
    report: Report, signed_in: Callable[[User], Client], other_clinician: User
) -> None:
    stranger = signed_in(other_clinician)
    there, nowhere = (stranger.get(verify(code)) for code in (report.code, "000000000000"))
    assert (there.status_code, nowhere.status_code) == (404, 404)
    assert "No signed report that you may see has this code." in there.content.decode()
    assert _without(there, report.code) == _without(nowhere, "000000000000")


def _without(answer: Any, code: str) -> str:
    """A page without what differs from request to request."""
    return re.sub(r'"\w{64}"', "", answer.content.decode()).replace(code, "")


def test_a_draft_has_no_verification(done: Diagnosis, browser: Client, clinician: User) -> None:
    draft = Report.objects.create(diagnosis=done, verdict="agree", author=clinician)
    assert browser.get(verify(draft.code)).status_code == 404


def test_a_wrong_code_is_noted_without_what_was_typed(browser: Client, clinician: User) -> None:
    from accounts.audit.models import Entry

    browser.get(verify("7K2M9QXA4TZ0"))
    entry = Entry.objects.get(action="verification.failed")
    assert entry.actor == clinician
    assert "7K2M" not in str(vars(entry))


def test_a_code_of_the_wrong_length_is_refused_with_a_sentence(browser: Client) -> None:
    answer: Any = browser.get(reverse("documents:verify"), {"code": "7KQ2"})
    assert answer.status_code == 422
    assert "has 12 letters and digits" in answer.content.decode()


def test_the_form_alone_complains_of_nothing(browser: Client) -> None:
    answer = browser.get(reverse("documents:verify"))
    assert answer.status_code == 200
    assert "invalid-feedback" not in answer.content.decode()


def test_whoever_guesses_has_to_wait(
    report: Report,
    browser: Client,
    signed_in: Callable[[User], Client],
    reviewer: User,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(verification_views, "TRIES", 3)
    statuses = [browser.get(verify(f"00000000000{number}")).status_code for number in range(4)]
    assert statuses == [404, 404, 404, 429]
    assert browser.get(verify(report.code)).status_code == 429
    assert signed_in(reviewer).get(verify(report.code)).status_code == 200


def test_looking_a_report_up_is_noted(report: Report, browser: Client) -> None:
    from accounts.audit.models import Entry

    browser.get(verify(report.code))
    assert Entry.objects.filter(action="page.viewed", target_id=str(report.pk)).count() == 1

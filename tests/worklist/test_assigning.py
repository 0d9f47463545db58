"""Who may assign, take and release which pages."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.audit.models import Entry
from accounts.models import Role, Site, User
from diagnosis.models import Diagnosis, Upload
from diagnosis.worklist import assigning, selectors
from diagnosis.worklist.models import Assignment


@pytest.fixture
def page(take_in: Any) -> Upload:
    return take_in(1)


@pytest.fixture
def manager(site: Site) -> User:
    user = User.objects.create_user("mara", role=Role.SITE_ADMINISTRATOR)
    user.sites.add(site)
    return user


# by, to → whether it is done
ALLOWED = {
    ("clinician", "clinician"): True,
    ("clinician", "colleague"): False,
    ("reviewer", "colleague"): True,
    ("reviewer", "reviewer"): True,
    ("manager", "colleague"): True,
    ("administrator", "colleague"): True,
    ("administrator", "administrator"): False,
    ("api_client_user", "api_client_user"): False,
    ("api_client_user", "clinician"): False,
    ("reviewer", "api_client_user"): False,
    ("reviewer", "other_clinician"): False,
    ("administrator", "other_clinician"): False,
    ("other_clinician", "other_clinician"): False,
}


@pytest.mark.parametrize(("by", "to"), ALLOWED)
def test_who_may_assign_whom(by: str, to: str, page: Upload, request: pytest.FixtureRequest) -> None:
    actor, reader = request.getfixturevalue(by), request.getfixturevalue(to)
    result = assigning.assign([page.pk], reviewer=reader, by=actor)
    given = Assignment.objects.filter(upload=page, reviewer=reader, assigned_by=actor).exists()
    assert given == ALLOWED[by, to]
    assert bool(result.changed) == ALLOWED[by, to]


def test_a_clinician_takes_no_page_from_a_colleague_but_a_reviewer_passes_it_on(
    page: Upload, clinician: User, colleague: User, reviewer: User
) -> None:
    assigning.assign([page.pk], reviewer=colleague, by=colleague)
    refused = assigning.assign([page.pk], reviewer=clinician, by=clinician)
    assert refused.changed == 0
    assert "colin has it" in next(iter(refused.refused))
    assigning.assign([page.pk], reviewer=clinician, by=reviewer)
    assert Assignment.objects.get().reviewer == clinician


def test_everybody_releases_their_own_and_reviewers_anybodys(
    page: Upload, clinician: User, colleague: User, reviewer: User
) -> None:
    assigning.assign([page.pk], reviewer=colleague, by=colleague)
    assert assigning.release([page.pk], by=clinician).changed == 0
    assert assigning.release([page.pk], by=colleague).changed == 1
    assigning.assign([page.pk], reviewer=colleague, by=reviewer)
    assert assigning.release([page.pk], by=reviewer).changed == 1
    assert not Assignment.objects.exists()


def test_each_page_assigned_or_released_is_noted_and_none_that_stayed_as_it_was(
    take_in: Any, clinician: User, reviewer: User
) -> None:
    mine, theirs = take_in(1), take_in(2)
    assigning.assign([theirs.pk], reviewer=reviewer, by=reviewer)
    assigning.assign([mine.pk, theirs.pk], reviewer=clinician, by=clinician)
    assigning.release([mine.pk, theirs.pk], by=clinician)
    noted = Entry.objects.filter(action__in=("page.assigned", "page.released")).order_by("pk")
    assert [(entry.action, entry.actor, entry.target_id) for entry in noted] == [
        ("page.assigned", reviewer, str(theirs.pk)),
        ("page.assigned", clinician, str(mine.pk)),
        ("page.released", clinician, str(mine.pk)),
    ]
    assert noted[0].details == {"reviewer": reviewer.pk}


def test_colleagues_to_choose_from_are_readers_of_ones_sites(
    clinician: User,
    colleague: User,
    reviewer: User,
    manager: User,
    administrator: User,
    api_client_user: User,
    other_clinician: User,
) -> None:
    gone = User.objects.create_user("gone", is_active=False)
    gone.sites.set(clinician.sites.all())
    assert set(selectors.readers_of(reviewer)) == {clinician, colleague, reviewer, manager}
    assert set(selectors.readers_of(other_clinician)) == {other_clinician}


def test_an_assigned_page_is_read_and_shown_like_any_other(
    page: Upload, read: Any, clinician: User, reviewer: User
) -> None:
    assigning.assign([page.pk], reviewer=clinician, by=reviewer)
    done = read(page)
    shown = selectors.shown(reviewer, selectors.rows(reviewer, selectors.Look("waiting")))
    assert [(row, row.upload.assignment.reviewer) for row in shown] == [(done, clinician)]
    assert isinstance(shown[0], Diagnosis)

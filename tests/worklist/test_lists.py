"""Which pages are in which list, for whom, in which order."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.management import call_command
from django.utils import timezone

from accounts.models import Role, Site, User
from diagnosis import deletion, pipeline
from diagnosis.models import Diagnosis, Upload
from diagnosis.worklist import assigning, selectors, standing
from diagnosis.worklist.models import Standing
from diagnosis.worklist.selectors import LISTS, NEWEST, OLDEST, URGENT, Look

UNREAD = {"waiting to be read", "being read"}
TABLE = {
    "new": UNREAD | {"read"},
    "waiting": {"read", "drafted"},
    "second": {"signed once"},
    "signed": {"signed", "signed, amendment drafted"},
    "rejected": {"rejected"},
    "failed": {"failed"},
}


def names(user: Any, look: Look, stages: dict[str, Diagnosis]) -> list[str]:
    of = {diagnosis.upload_id: name for name, diagnosis in stages.items()}
    return [of[row.pk] for row in selectors.rows(user, look)]


def test_each_list_has_the_pages_of_its_stage(stages: dict[str, Diagnosis], reviewer: User) -> None:
    assert {name: set(names(reviewer, Look(name), stages)) for name in TABLE} == TABLE


def test_mine_are_those_assigned_to_me_until_i_have_signed_and_my_drafts(
    stages: dict[str, Diagnosis], clinician: User, reviewer: User
) -> None:
    everything = [diagnosis.upload_id for diagnosis in stages.values()]
    assert set(names(clinician, Look("mine"), stages)) == {"drafted", "signed, amendment drafted"}

    assigning.assign(everything, reviewer=clinician, by=reviewer)
    still_to_sign = set(stages) - {"signed", "signed once"}
    assert set(names(clinician, Look("mine"), stages)) == still_to_sign

    assigning.assign(everything, reviewer=reviewer, by=reviewer)
    # The one that the clinician signed first waits for the reviewer now.
    assert set(names(reviewer, Look("mine"), stages)) == set(stages) - {"signed", "signed, amendment drafted"}


def test_a_page_that_somebody_has_taken_is_no_longer_new(
    stages: dict[str, Diagnosis], clinician: User, reviewer: User
) -> None:
    taken = [stages["read"].upload_id, stages["being read"].upload_id]
    assigning.assign(taken, reviewer=clinician, by=clinician)
    assert set(names(reviewer, Look("new"), stages)) == {"waiting to be read"}
    assert "read" in names(reviewer, Look("waiting"), stages)


def test_the_counts_are_those_of_the_lists_in_one_query(
    stages: dict[str, Diagnosis], clinician: User, django_assert_num_queries: Any
) -> None:
    expected = {name: len(names(clinician, Look(name), stages)) for name in LISTS}
    with django_assert_num_queries(1):
        assert selectors.counts(clinician) == expected

    with django_assert_num_queries(1):
        assert selectors.mine_up_to(clinician, 99) == expected["mine"] > 1
    assert selectors.mine_up_to(clinician, 1) == 1


def test_what_is_assigned_to_me_is_counted_beside_my_drafts_and_each_page_once(
    stages: dict[str, Diagnosis], clinician: User, reviewer: User, other_clinician: User
) -> None:
    everything = [diagnosis.upload_id for diagnosis in stages.values()]
    assigning.assign(everything, reviewer=clinician, by=reviewer)
    assert selectors.mine_up_to(clinician, 99) == len(names(clinician, Look("mine"), stages))
    assert selectors.mine_up_to(reviewer, 99) == selectors.mine_up_to(other_clinician, 99) == 0
    assert selectors.mine_up_to(AnonymousUser(), 99) == 0


def test_the_newest_reading_counts(
    take_in: Callable[..., Upload], read: Callable[..., Diagnosis], report: Any, clinician: User
) -> None:
    upload = take_in(1)
    first = read(upload)
    report(first, "signed", by=clinician)
    assert selectors.counts(clinician)["signed"] == 1

    again = pipeline.requeue(first, requested_by=clinician)
    counts = selectors.counts(clinician)
    assert (counts["signed"], counts["new"]) == (0, 1)
    assert selectors.rows(clinician, Look("new")).get().diagnosis_id == again.pk


# --- Who sees them ---------------------------------------------------------------------------------


@pytest.fixture
def people(
    clinician: User, other_clinician: User, reviewer: User, administrator: User, api_client_user: User, site: Site
) -> dict[str, Any]:
    manager = User.objects.create_user("mara", role=Role.SITE_ADMINISTRATOR)
    manager.sites.add(site)
    left = User.objects.create_user("left", role=Role.ADMINISTRATOR, is_active=False)
    left.sites.add(site)
    return {
        "clinician": clinician,
        "reviewer": reviewer,
        "site administrator": manager,
        "administrator": administrator,
        "API client": api_client_user,
        "clinician elsewhere": other_clinician,
        "without a site": User.objects.create_user("nowhere"),
        "no longer active": left,
        "anonymous": AnonymousUser(),
    }


SEES_OURS = {
    "clinician": True,
    "reviewer": True,
    "site administrator": True,
    "administrator": True,
    "API client": True,
    "clinician elsewhere": False,
    "without a site": False,
    "no longer active": False,
    "anonymous": False,
}


def test_nobody_sees_or_counts_another_sites_pages(people: dict[str, Any], stages: dict[str, Diagnosis]) -> None:
    for who, user in people.items():
        for name, expected in TABLE.items():
            visible = expected if SEES_OURS[who] else set()
            assert set(names(user, Look(name), stages)) == visible, (who, name)
            assert selectors.counts(user)[name] == len(visible), (who, name)
            assert len(selectors.shown(user, selectors.rows(user, Look(name)))) == len(visible), (who, name)
        before_after = selectors.neighbours(user, Look("waiting"), stages["being read"])
        assert any(before_after) == SEES_OURS[who], who


def test_a_deleted_page_leaves_every_list_and_comes_back(stages: dict[str, Diagnosis], clinician: User) -> None:
    upload = stages["read"].upload
    deletion.delete(upload, clinician)
    assert "read" not in names(clinician, Look("waiting"), stages)
    deletion.restore(upload, clinician)
    assert "read" in names(clinician, Look("waiting"), stages)
    # By a retention rule.
    deletion.hide(upload)
    assert "read" not in names(clinician, Look("waiting"), stages)


def test_an_erased_page_leaves_nothing(stages: dict[str, Diagnosis], administrator: User) -> None:
    upload = stages["signed"].upload
    deletion.delete(upload, administrator)
    deletion.erase(upload, administrator)
    assert not Standing.objects.filter(pk=stages["signed"].upload_id).exists()


def test_standings_can_be_worked_out_anew(stages: dict[str, Diagnosis], clinician: User) -> None:
    before = list(Standing.objects.order_by("pk").values())
    Standing.objects.filter(stage="read").delete()
    Standing.objects.filter(stage="signed").update(stage="read")
    assert standing.refresh_all(only_missing=True) == 2
    call_command("refresh_worklist", stdout=StringIO())
    assert list(Standing.objects.order_by("pk").values()) == before


# --- Order -----------------------------------------------------------------------------------------


@pytest.fixture
def queue(take_in: Callable[..., Upload], read: Callable[..., Diagnosis]) -> dict[str, Diagnosis]:
    """Four pages, the normal one oldest."""
    kinds: dict[str, dict[str, Any]] = {
        "normal": {"label": "normal"},
        "unsure": {"label": "mi", "abstained": True},
        "mi": {"label": "mi"},
        "second mi": {"label": "mi"},
    }
    made = {}
    now = timezone.now()
    for age, (name, kind) in enumerate(kinds.items()):
        upload = take_in(20 + age)
        Upload.objects.filter(pk=upload.pk).update(created_at=now - timedelta(hours=10 - age))
        made[name] = read(Upload.objects.get(pk=upload.pk), **kind)
    return made


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        (OLDEST, ["normal", "unsure", "mi", "second mi"]),
        (NEWEST, ["second mi", "mi", "unsure", "normal"]),
        (URGENT, ["mi", "second mi", "unsure", "normal"]),
    ],
)
def test_neighbours_follow_the_order_of_the_list(
    sort: str, expected: list[str], queue: dict[str, Diagnosis], clinician: User
) -> None:
    look = Look("waiting", sort=sort)
    assert names(clinician, look, queue) == expected
    for place, name in enumerate(expected):
        previous, following = selectors.neighbours(clinician, look, queue[name])
        assert previous == (queue[expected[place - 1]] if place else None)
        assert following == (queue[expected[place + 1]] if place + 1 < len(expected) else None)


def test_the_way_on_is_known_also_when_the_page_has_just_left_the_list(
    queue: dict[str, Diagnosis], report: Any, clinician: User
) -> None:
    report(queue["unsure"], "signed", by=clinician)
    assert selectors.neighbours(clinician, Look("waiting"), queue["unsure"]) == (queue["normal"], queue["mi"])


@pytest.mark.parametrize(
    ("search", "found"), [("P-7", {"mi"}), ("page-20", {"normal"}), ("p-7 page-22", {"mi"}), ("P-8", set())]
)
def test_lists_are_narrowed_by_reference_and_file_name(
    search: str, found: set[str], queue: dict[str, Diagnosis], clinician: User
) -> None:
    Upload.objects.filter(pk=queue["mi"].upload_id).update(patient_reference="P-7")
    assert set(names(clinician, Look("waiting", search=search), queue)) == found

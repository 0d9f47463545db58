"""Who sees which pages: a table of people against visible and hidden rows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone

from accounts.models import Role, Site, User
from diagnosis import deletion, intake, pipeline, selectors
from diagnosis.models import Diagnosis, Upload
from tests.diagnosis.files import encoded


@pytest.fixture
def pages(clinician: User, other_clinician: User, site: Site, other_site: Site) -> dict[str, Upload]:
    """One page here, one elsewhere, and a deleted one of each."""

    def take_in(seed: int, user: User, where: Site) -> Upload:
        return intake.accept(data=encoded("PNG", seed), original_name=f"{seed}.png", user=user, site=where).uploads[0]

    pages = {
        "ours": take_in(1, clinician, site),
        "ours, deleted": take_in(2, clinician, site),
        "theirs": take_in(3, other_clinician, other_site),
        "theirs, deleted": take_in(4, other_clinician, other_site),
    }
    deletion.delete(pages["ours, deleted"], clinician)
    deletion.delete(pages["theirs, deleted"], other_clinician)
    return pages


@pytest.fixture
def people(
    clinician: User, other_clinician: User, reviewer: User, administrator: User, api_client_user: User, site: Site
) -> dict[str, Any]:
    left = User.objects.create_user("left", role=Role.ADMINISTRATOR, is_active=False)
    left.sites.add(site)
    both = User.objects.create_user("both", role=Role.CLINICIAN)
    both.sites.set(Site.objects.all())
    sita = User.objects.create_user("sita", role=Role.SITE_ADMINISTRATOR)
    sita.sites.add(site)
    return {
        "site administrator": sita,
        "clinician": clinician,
        "clinician elsewhere": other_clinician,
        "clinician of both": both,
        "reviewer": reviewer,
        "API client": api_client_user,
        "administrator": administrator,
        "superuser": User.objects.create_superuser("root"),
        "without a site": User.objects.create_user("nowhere", role=Role.CLINICIAN),
        "no longer active": left,
        "anonymous": AnonymousUser(),
    }


OURS, THEIRS = {"ours"}, {"theirs"}
LIVE = OURS | THEIRS
DELETED = {"ours, deleted", "theirs, deleted"}
NOTHING: set[str] = set()

#                      sees     deletes   restores            administers
TABLE = {
    "clinician": (OURS, OURS, {"ours, deleted"}, NOTHING),
    "clinician elsewhere": (THEIRS, THEIRS, {"theirs, deleted"}, NOTHING),
    "clinician of both": (LIVE, NOTHING, NOTHING, NOTHING),
    "reviewer": (OURS, OURS, NOTHING, NOTHING),
    "site administrator": (OURS, OURS, {"ours, deleted"}, OURS | {"ours, deleted"}),
    "API client": (OURS, NOTHING, NOTHING, NOTHING),
    "administrator": (LIVE, LIVE, DELETED, LIVE | DELETED),
    "superuser": (LIVE, LIVE, DELETED, LIVE | DELETED),
    "without a site": (NOTHING, NOTHING, NOTHING, NOTHING),
    "no longer active": (NOTHING, NOTHING, NOTHING, NOTHING),
    "anonymous": (NOTHING, NOTHING, NOTHING, NOTHING),
}


@pytest.mark.parametrize("who", TABLE)
def test_everybody_finds_their_own_rows_and_no_others(
    who: str, people: dict[str, Any], pages: dict[str, Upload]
) -> None:
    user = people[who]
    sees, deletes, restores, administers = TABLE[who]
    names = {upload.pk: name for name, upload in pages.items()}

    def found(rows: Any) -> set[str]:
        return {names[getattr(row, "upload_id", row.pk)] for row in rows}

    assert found(selectors.uploads_visible_to(user)) == sees
    assert found(selectors.diagnoses_visible_to(user)) == sees
    assert found(selectors.history(user)) == sees
    assert found(selectors.uploads_deletable_by(user)) == deletes
    assert {name for name, upload in pages.items() if selectors.may_delete(user, _fresh(upload))} == deletes
    assert found(selectors.uploads_restorable_by(user)) == restores
    assert found(selectors.uploads_administered_by(user)) == administers
    assert found(selectors.diagnoses_administered_by(user)) == administers


def test_models_are_the_administrators_business(people: dict[str, Any], model: Any) -> None:
    who = {name for name, user in people.items() if selectors.model_versions_administered_by(user).exists()}
    assert who == {"administrator", "superuser"}


def test_heatmaps_follow_their_readings(
    pages: dict[str, Upload], people: dict[str, Any], claim: Callable[..., Diagnosis], reading: Callable[..., Any]
) -> None:
    pipeline.finish(claim(pages["ours"].diagnoses.get()), reading())
    who = {name for name, user in people.items() if selectors.heatmaps_visible_to(user).exists()}
    assert who == {
        *("clinician", "clinician of both", "reviewer", "site administrator", "API client"),
        *("administrator", "superuser"),
    }


def test_who_leaves_a_site_no_longer_sees_its_pages(pages: dict[str, Upload], clinician: User) -> None:
    clinician.sites.clear()
    assert not selectors.uploads_visible_to(clinician).exists()
    assert not selectors.uploads_restorable_by(clinician).exists()


# --- The history's filters ------------------------------------------------------------------------


@pytest.fixture
def readings(clinician: User, site: Site, claim: Any, reading: Any, model: Any) -> dict[str, Diagnosis]:
    """One of each kind."""
    made = {}
    kinds = ("mi", "normal", "unsure", "rejected", "waiting")
    for seed, kind in enumerate(kinds):
        upload = intake.accept(
            data=encoded("PNG", 10 + seed),
            original_name=f"scan {kind}.png",
            user=clinician,
            site=site,
            patient_reference=f"P-{seed}",
            note="before surgery" if kind == "mi" else "",
        ).uploads[0]
        made[kind] = upload.diagnoses.get()
    pipeline.finish(claim(made["mi"]), reading())
    pipeline.finish(claim(made["normal"]), reading(label="normal"))
    pipeline.finish(claim(made["unsure"]), reading(label="mi", abstained=True))
    pipeline.reject(claim(made["rejected"]), "not_an_ecg_page", model_version=model)
    return made


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, {"mi", "normal", "unsure", "rejected", "waiting"}),
        ({"label": "mi"}, {"mi"}),
        ({"label": "normal"}, {"normal"}),
        ({"label": "not_sure"}, {"unsure"}),
        ({"label": "covid19"}, set()),
        ({"state": "done"}, {"mi", "normal", "unsure"}),
        ({"state": "rejected"}, {"rejected"}),
        ({"state": "queued"}, {"waiting"}),
        ({"state": "done", "label": "not_sure"}, {"unsure"}),
        ({"search": "P-1"}, {"normal"}),
        ({"search": "SCAN NORMAL"}, {"normal"}),
        ({"search": "surgery p-0"}, {"mi"}),
        ({"search": "surgery p-1"}, set()),
        ({"search": "  "}, {"mi", "normal", "unsure", "rejected", "waiting"}),
        ({"search": "%"}, set()),
        ({"search": "\x00"}, {"mi", "normal", "unsure", "rejected", "waiting"}),
    ],
)
def test_filters_narrow_the_history(
    filters: dict[str, Any], expected: set[str], clinician: User, readings: dict[str, Diagnosis]
) -> None:
    names = {reading.pk: kind for kind, reading in readings.items()}
    assert {names[found.pk] for found in selectors.history(clinician, **filters)} == expected


def test_a_file_is_found_by_the_start_of_its_checksum(clinician: User, readings: dict[str, Diagnosis]) -> None:
    wanted = readings["mi"]
    assert list(selectors.history(clinician, search=wanted.upload.sha256[:12].upper())) == [wanted]


def test_days_are_those_of_the_hospital_and_both_ends_count(
    clinician: User, readings: dict[str, Diagnosis], settings: Any
) -> None:
    settings.TIME_ZONE = "America/New_York"
    late_evening = datetime(2026, 3, 10, 23, 30, tzinfo=ZoneInfo("America/New_York"))
    Diagnosis.objects.filter(pk=readings["mi"].pk).update(created_at=late_evening)
    day = date(2026, 3, 10)
    assert list(selectors.history(clinician, since=day, until=day)) == [readings["mi"]]
    assert readings["mi"] not in selectors.history(clinician, since=day + timedelta(days=1))
    assert list(selectors.history(clinician, until=day - timedelta(days=1))) == []
    assert selectors.history(clinician, since=date.min, until=date.max).count() == len(readings)


def test_neighbours_are_the_next_readings_in_time(clinician: User, readings: dict[str, Diagnosis]) -> None:
    now = timezone.now()
    for minutes, kind in enumerate(("normal", "mi", "unsure")):
        Diagnosis.objects.filter(pk=readings[kind].pk).update(created_at=now + timedelta(minutes=minutes))
    middle = Diagnosis.objects.get(pk=readings["mi"].pk)
    assert selectors.neighbours(clinician, middle) == (readings["unsure"], readings["normal"])
    newest = Diagnosis.objects.get(pk=readings["unsure"].pk)
    assert selectors.neighbours(clinician, newest)[0] is None


def test_the_history_costs_few_queries_however_long_it_is(
    clinician: User, readings: dict[str, Diagnosis], django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(3):
        for found in selectors.with_everything_shown(selectors.history(clinician)):
            assert found.upload.site.name
            assert found.upload.uploaded_by.username
            str(found.model_version)


def _fresh(upload: Upload) -> Upload:
    return Upload.objects.get(pk=upload.pk)

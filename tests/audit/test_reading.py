"""Who reads the log, how it is found through and taken out."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.audit.log import record
from accounts.audit.models import Entry
from accounts.audit.search import search
from accounts.audit.selectors import entries_visible_to
from accounts.models import Role, Site, User

LIST = "/admin/audit/entry/"


@pytest.fixture
def entries(clinician: User, other_clinician: User, site: Site, other_site: Site) -> dict[str, Entry]:
    return {
        "north": record("page.viewed", actor=clinician, target=site, site=site),
        "south": record("page.downloaded", actor=other_clinician, target=other_site, site=other_site),
        "nowhere": record("model.activated", actor=None),
    }


@pytest.fixture
def pages(client: Client, administrator: User, entries: dict[str, Entry]) -> Client:
    client.force_login(administrator)
    return client


# --- Who -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "at", "is_active", "visible"),
    [
        (Role.ADMINISTRATOR, [], True, {"north", "south", "nowhere"}),
        (Role.SITE_ADMINISTRATOR, ["North Hospital"], True, {"north"}),
        (Role.SITE_ADMINISTRATOR, ["North Hospital", "South Hospital"], True, {"north", "south"}),
        (Role.SITE_ADMINISTRATOR, [], True, set()),
        (Role.CLINICIAN, ["North Hospital"], True, set()),
        (Role.REVIEWER, ["North Hospital"], True, set()),
        (Role.API_CLIENT, ["North Hospital"], True, set()),
        (Role.ADMINISTRATOR, [], False, set()),
        (Role.SITE_ADMINISTRATOR, ["North Hospital"], False, set()),
    ],
)
def test_administrators_read_everything_and_those_of_a_site_its_entries(
    entries: dict[str, Entry], role: Role, at: list[str], is_active: bool, visible: set[str]
):
    reader = User.objects.create_user("reader", role=role, is_active=is_active)
    reader.sites.set(Site.objects.filter(name__in=at))

    found = set(entries_visible_to(reader))

    assert {name for name, entry in entries.items() if entry in found} == visible


@pytest.mark.parametrize("who", ["clinician", "reviewer", "api_client_user"])
@pytest.mark.parametrize("address", [LIST, f"{LIST}export/", f"{LIST}1/change/"])
def test_the_log_is_closed_to_everybody_else(
    client: Client, entries: dict[str, Entry], request: pytest.FixtureRequest, who: str, address: str
):
    client.force_login(request.getfixturevalue(who))

    assert client.get(address, follow=True).status_code == 403


def test_the_list_and_the_export_of_a_site_administrator_hold_their_site_alone(
    client: Client, entries: dict[str, Entry], site: Site
):
    reader = User.objects.create_user("sita", role=Role.SITE_ADMINISTRATOR)
    reader.sites.add(site)
    client.force_login(reader)

    listed = client.get(LIST).context["cl"].queryset
    exported = b"".join(client.get(f"{LIST}export/")).decode()

    assert {entry.site for entry in listed} == {site}
    assert "otto" not in exported
    assert "carla" in exported
    assert client.get(f"{LIST}{entries['south'].pk}/change/").status_code == 302


# --- Only reading --------------------------------------------------------------------------------


def test_an_entry_is_shown_whole_and_cannot_be_touched(pages: Client, entries: dict[str, Entry], site: Site):
    entry = entries["north"]

    text = pages.get(f"{LIST}{entry.pk}/change/").text

    assert entry.hash in text
    assert entry.previous_hash in text
    assert reverse("admin:accounts_site_change", args=[site.pk]) in text
    assert "Viewed a page and its reading" in text
    assert 'name="_save"' not in text
    assert pages.get(f"{LIST}add/").status_code == 403
    assert pages.post(f"{LIST}{entry.pk}/delete/", {"post": "yes"}).status_code == 403
    assert pages.post(f"{LIST}{entry.pk}/change/", {"action": "nothing"}).status_code == 403
    assert "delete_selected" not in pages.get(LIST).text


# --- Finding -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("carla", {"carla viewed", "carla failed"}),
        ("CARLA", {"carla viewed", "carla failed"}),
        ("carla login.failed", {"carla failed"}),
        ("carla viewed", {"carla viewed"}),
        ("otto", {"otto viewed"}),
        ("page.viewed", {"carla viewed", "otto viewed"}),
        ("c0ffee00-0000-4000-8000-000000000001", {"otto viewed"}),
        ("C0FFEE00000040008000000000000001", {"otto viewed"}),
        ("nobody", set()),
        ("carla otto", set()),
        ("", {"carla viewed", "carla failed", "otto viewed"}),
        ("\x00%_'", set()),
    ],
)
def test_a_search_goes_by_name_key_and_action(
    clinician: User, other_clinician: User, site: Site, text: str, found: set[str]
):
    from diagnosis.models import Upload

    upload = Upload(pk="c0ffee00-0000-4000-8000-000000000001")
    rows = {
        "carla viewed": record("page.viewed", actor=clinician, target=site),
        "otto viewed": record("page.viewed", actor=other_clinician, target=upload),
        "carla failed": record("login.failed", actor=None, actor_name="carla", target=clinician),
    }

    results = set(search(Entry.objects.all(), text))

    assert {name for name, entry in rows.items() if entry in results} == found


def test_the_list_narrows_by_action_site_and_day(pages: Client, site: Site):
    def shown(**filters: Any) -> set[str]:
        return {entry.action for entry in pages.get(LIST, filters).context["cl"].queryset}

    assert shown(action="page.viewed") == {"page.viewed"}
    assert shown(site=site.pk) == {"page.viewed"}
    assert shown(q="otto") == {"page.downloaded"}
    assert "model.activated" in shown(at__gte="2020-01-01 00:00:00+00:00")
    assert shown(at__lt="2020-01-01 00:00:00+00:00") == set()


def test_a_long_log_is_read_with_few_queries(pages: Client, clinician: User, django_assert_max_num_queries: Any):
    for _ in range(60):
        record("page.viewed", actor=clinician)

    with django_assert_max_num_queries(9):
        assert len(pages.get(LIST).context["cl"].result_list) == 50


# --- Taking out ----------------------------------------------------------------------------------


def exported(pages: Client, **filters: Any) -> list[dict[str, str]]:
    response = pages.get(f"{LIST}export/", filters)
    assert response.streaming
    assert response.headers["Content-Disposition"].startswith('attachment; filename="audit-log-')
    return list(csv.DictReader(io.StringIO(b"".join(response).decode())))


def test_the_export_holds_everything_that_is_hashed_in_order(pages: Client, clinician: User):
    rows = exported(pages)

    assert [int(row["position"]) for row in rows] == list(range(1, len(rows) + 1))
    for row, before in zip(rows[1:], rows, strict=False):
        assert row["previous_hash"] == before["hash"]
        content: dict[str, Any] = {name: row[name] for name in row if name not in ("hash", "site_name")}
        content["position"] = int(row["position"])
        content |= {name: int(row[name]) if row[name] else None for name in ("actor", "site")}
        content["details"] = json.loads(row["details"])
        canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
        assert hashlib.sha256(canonical.encode()).hexdigest() == row["hash"]


def test_the_export_keeps_to_the_filters_and_is_noted_without_the_words(pages: Client, site: Site):
    assert [row["actor_name"] for row in exported(pages, q="carla", site=site.pk)] == ["carla"]

    entry = Entry.objects.first()
    assert (entry.action, entry.actor_name) == ("audit.exported", "ada")
    assert entry.details == {"filters": {"site": str(site.pk)}, "other_filters": ["q"]}


def test_an_export_by_a_filter_that_is_none_leads_back_to_the_list(pages: Client):
    response = pages.get(f"{LIST}export/", {"nonsense__exact": "1"})

    assert (response.status_code, response["Location"]) == (302, LIST)


# --- One's own -----------------------------------------------------------------------------------


def test_a_person_sees_their_own_last_log_ins_and_nobody_elses(
    client: Client, clinician: User, other_clinician: User, password: str
):
    def try_to_log_in(name: str, word: str, address: str) -> None:
        Client().post("/accounts/login/", {"username": name, "password": word}, REMOTE_ADDR=address)

    try_to_log_in("carla", password, "203.0.113.1")
    try_to_log_in("carla", "wrong", "203.0.113.2")
    try_to_log_in("otto", password, "203.0.113.3")
    client.force_login(clinician)

    text = client.get("/accounts/").text

    assert "203.0.113.1" in text
    assert "203.0.113.2" in text
    assert "203.0.113.3" not in text
    assert text.count("Failed log-in") == 1


def test_of_many_log_ins_the_last_ten_are_shown(client: Client, clinician: User):
    for number in range(12):
        record("login.succeeded", actor=clinician, target=clinician, details={"number": number})
    client.force_login(clinician)

    assert len(client.get("/accounts/").context["log_ins"]) == 10

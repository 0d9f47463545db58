"""Patients by reference: who sees which, what changed over time, two pages side by side, the same over the API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from accounts.models import Role, Site, User
from diagnosis import deletion, pipeline
from diagnosis.models import Diagnosis, Upload
from diagnosis.patients import selectors, trends
from diagnosis.review.models import Report


def found(user: Any, search: str = "") -> list[tuple[str, str, int]]:
    rows = selectors.patients(user, search=search)
    return [(row["site_name"], row["patient_reference"], row["pages"]) for row in rows]


def test_everybody_finds_the_references_of_their_sites_and_no_others(
    over_time: list[Diagnosis],
    elsewhere: Upload,
    clinician: User,
    reviewer: User,
    administrator: User,
    api_client_user: User,
    other_clinician: User,
) -> None:
    ours, theirs = ("North Hospital", "P-1", 3), ("South Hospital", "P-1", 1)
    left = User.objects.create_user("left", role=Role.ADMINISTRATOR, is_active=False)
    table: dict[Any, set[Any]] = {
        clinician: {ours},
        reviewer: {ours},
        api_client_user: {ours},
        administrator: {ours, theirs},
        other_clinician: {theirs},
        left: set(),
        AnonymousUser(): set(),
    }
    for user, visible in table.items():
        assert set(found(user)) == visible, user
        readings = selectors.readings_of(user, site_id=over_time[0].upload.site_id, reference="P-1")
        assert readings.count() == (3 if ours in visible else 0), user


def test_references_are_searched_and_pages_without_one_are_no_patient(
    over_time: list[Diagnosis], take_in: Callable[..., Upload], clinician: User, site: Site
) -> None:
    take_in(20, patient_reference="Q-17 b")
    take_in(21)
    assert {reference for _, reference, _ in found(clinician)} == {"P-1", "Q-17 b"}
    assert found(clinician, "17 q") == [("North Hospital", "Q-17 b", 1)]
    assert found(clinician, "%") == []
    assert not selectors.readings_of(clinician, site_id=site.pk, reference="").exists()


def test_a_patients_pages_are_in_time_order_each_with_its_newest_reading(
    over_time: list[Diagnosis], clinician: User, site: Site, django_assert_max_num_queries: Any
) -> None:
    again = pipeline.requeue(over_time[1], requested_by=clinician)
    with django_assert_max_num_queries(2):
        readings = list(selectors.readings_of(clinician, site_id=site.pk, reference="P-1"))
        trends.series(readings)
        assert [list(reading.signed_reports) for reading in readings] == [[], [], []]
    assert readings == [over_time[0], again, over_time[2]]
    deletion.delete(over_time[0].upload, clinician)
    assert selectors.readings_of(clinician, site_id=site.pk, reference="P-1").count() == 2


def test_changes_are_told_since_the_last_page_that_has_the_value(
    over_time: list[Diagnosis], clinician: User, site: Site
) -> None:
    first, second, third = trends.series(selectors.readings_of(clinician, site_id=site.pk, reference="P-1"))
    by_name = dict(zip(trends.FOLLOWED, third, strict=True))
    assert [(value.number, value.change) for value in first] == [
        ("70", ""),
        ("", ""),
        ("92", ""),
        ("", ""),
        ("170", ""),
    ]
    assert all(value.number == "" for value in second)
    assert (by_name["heart_rate"].number, by_name["heart_rate"].change) == ("85", "+15")
    assert by_name["qrs_duration"].unusual
    # An axis turns.
    assert (by_name["qrs_axis"].number, by_name["qrs_axis"].change) == ("−170", "+20")
    assert (by_name["qtc_fridericia"].number, by_name["qtc_fridericia"].change) == ("430", "")


@pytest.mark.parametrize(("change", "text"), [(14.6, "+15"), (-3, "−3"), (0.4, "±0"), (-0.4, "±0")])
def test_a_change_has_its_sign(change: float, text: str) -> None:
    assert trends.signed("heart_rate", change) == text


# --- In the browser --------------------------------------------------------------------------------


def test_a_patients_page_shows_answer_report_and_trend(
    over_time: list[Diagnosis], browser: Client, reviewer: User
) -> None:
    Report.objects.create(
        diagnosis=over_time[0], state="signed", verdict="override", label="normal", author=reviewer, signed_by=reviewer
    )
    listed = browser.get("/patients/", {"q": "p-1"}).content.decode()
    path = reverse("diagnosis:patients:patient", args=[over_time[0].upload.site_id, "P-1"])
    assert f'href="{path}"' in listed
    page = browser.get(path).content.decode()
    assert [page.index(str(reading.pk)) for reading in over_time] == sorted(
        page.index(str(reading.pk)) for reading in over_time
    )
    for words in ("rosa", "Normal", "+15", "118", "not signed"):
        assert words in page


@pytest.mark.parametrize("reference", ["A/B 7", "50%", "Ä?#&", "a//b", "x+y"])
def test_a_reference_may_hold_any_character(
    reference: str, take_in: Callable[..., Upload], browser: Client, site: Site
) -> None:
    upload = take_in(1, patient_reference=reference)
    response = browser.get(reverse("diagnosis:patients:patient", args=[site.pk, reference]))
    assert str(upload.diagnoses.get().pk) in response.content.decode()


def test_two_pages_are_compared_with_their_differences(over_time: list[Diagnosis], browser: Client) -> None:
    response = browser.get("/compare/", {"a": over_time[0].pk, "b": over_time[2].pk})
    text = response.content.decode()
    assert response.status_code == 200
    for reading in (over_time[0], over_time[2]):
        assert reverse("diagnosis:page_image", args=[reading.upload_id]) in text
        assert reverse("diagnosis:traces", args=[reading.tracing.pk]) in text
    for words in ("+15", "+26", "Heart rate 70", "Heart rate 85"):
        assert words in text
    assert "may be of two patients" not in text


def test_a_comparison_of_two_patients_says_so(
    over_time: list[Diagnosis], take_in: Callable[..., Upload], browser: Client
) -> None:
    other = take_in(9, patient_reference="P-2").diagnoses.get()
    text = browser.get("/compare/", {"a": over_time[0].pk, "b": other.pk}).content.decode()
    assert "may be of two patients" in text


def test_what_one_may_not_see_does_not_exist(
    over_time: list[Diagnosis],
    elsewhere: Upload,
    browser: Client,
    signed_in: Callable[[User], Client],
    nobody: Client,
    other_clinician: User,
) -> None:
    ours, theirs = over_time[0], elsewhere.diagnoses.get()
    path = reverse("diagnosis:patients:patient", args=[ours.upload.site_id, "P-1"])
    stranger = signed_in(other_clinician)
    assert stranger.get(path).status_code == 404
    assert browser.get(reverse("diagnosis:patients:patient", args=[elsewhere.site_id, "P-1"])).status_code == 404
    assert browser.get(reverse("diagnosis:patients:patient", args=[elsewhere.site_id, "P-9"])).status_code == 404
    for a, b in ((ours.pk, theirs.pk), (theirs.pk, ours.pk), ("x", ours.pk), (ours.pk, "")):
        assert browser.get("/compare/", {"a": a, "b": b}).status_code == 404
    for address in (path, "/patients/", "/compare/"):
        assert nobody.get(address).status_code == 302


# --- Over the API ----------------------------------------------------------------------------------


def test_patients_over_the_api(
    over_time: list[Diagnosis],
    elsewhere: Upload,
    sign_in: Callable[[User], APIClient],
    clinician: User,
    other_clinician: User,
) -> None:
    client = sign_in(clinician)
    listed = client.get("/api/v1/patients/", {"search": "P-1"}).json()
    assert [(row["patient_reference"], row["pages"], row["site"]["name"]) for row in listed["results"]] == [
        ("P-1", 3, "North Hospital")
    ]
    pages = client.get(listed["results"][0]["url"]).json()["results"]
    assert [page["diagnosis"] for page in pages] == [str(reading.pk) for reading in over_time]
    assert pages[2]["measurements"] == {
        "heart_rate": 85.4,
        "qrs_duration": 118,
        "qrs_axis": -170,
        "qtc_fridericia": 430,
    }
    assert (pages[0]["label"], pages[0]["report"]) == ("mi", None)
    assert sign_in(other_clinician).get(listed["results"][0]["url"]).status_code == 404
    assert APIClient().get("/api/v1/patients/").status_code == 401

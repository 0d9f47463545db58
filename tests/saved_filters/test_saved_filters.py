"""Searches under a name: one's own, kept as they stand in the address."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from diagnosis.saved_filters import keeping
from diagnosis.saved_filters.models import SavedFilter

LIST = "diagnosis:saved_filters"


@pytest.fixture
def browser(client: Client, clinician: User) -> Client:
    client.force_login(clinician)
    return client


def test_the_present_filters_are_saved_and_found_above_the_history(browser: Client, clinician: User) -> None:
    answer = browser.post(reverse(LIST), {"name": "  Urgent   MI ", "query": "label=mi&q=urgent&before=xyz&page=3"})
    saved = SavedFilter.objects.get()
    assert (saved.user, saved.name, saved.query) == (clinician, "Urgent MI", "q=urgent&label=mi")
    assert answer.headers["Location"] == f"{reverse('diagnosis:history')}?q=urgent&label=mi"
    page = browser.get(saved.get_absolute_url()).content.decode()
    assert "Urgent MI" in page
    assert 'aria-current="page">Urgent MI' in page


@pytest.mark.parametrize(
    ("name", "query", "sentence"),
    [
        ("x", "", "There is nothing to save"),
        ("x", "deleted=1&page=2", "There is nothing to save"),
        ("  ", "label=mi", "Give the filter a name"),
        ("x" * 61, "label=mi", "too long"),
        ("taken", "label=mi", "of this name already"),
        ("x", "q=" + "y" * 3000, "too long"),
    ],
)
def test_what_cannot_be_saved_is_said(browser: Client, clinician: User, name: str, query: str, sentence: str) -> None:
    keeping.save(clinician, name="taken", query="state=done")
    page = browser.post(reverse(LIST), {"name": name, "query": query}, follow=True).content.decode()
    assert sentence in page
    assert SavedFilter.objects.count() == 1


def test_there_is_an_end_to_saving(clinician: User) -> None:
    for number in range(keeping.MAX_FILTERS):
        keeping.save(clinician, name=str(number), query="label=mi")
    with pytest.raises(keeping.CannotSave, match="Delete one first"):
        keeping.save(clinician, name="one more", query="label=mi")


def test_two_people_may_use_the_same_name(clinician: User, reviewer: User) -> None:
    assert (
        keeping.save(clinician, name="mine", query="label=mi").pk
        != keeping.save(reviewer, name="mine", query="label=mi").pk
    )


def test_a_filter_is_renamed_and_deleted(browser: Client, clinician: User) -> None:
    saved = keeping.save(clinician, name="old", query="label=mi")
    browser.post(reverse("diagnosis:rename_filter", args=[saved.pk]), {"name": "new"})
    saved.refresh_from_db()
    assert saved.name == "new"
    assert "new" in browser.get(reverse(LIST)).content.decode()
    browser.post(reverse("diagnosis:delete_filter", args=[saved.pk]))
    assert not SavedFilter.objects.exists()
    assert "No saved filters yet" in browser.get(reverse(LIST)).content.decode()


def test_a_name_that_is_taken_stays_with_its_owner(browser: Client, clinician: User) -> None:
    keeping.save(clinician, name="a", query="label=mi")
    other = keeping.save(clinician, name="b", query="label=mi")
    page = browser.post(reverse("diagnosis:rename_filter", args=[other.pk]), {"name": "a"}, follow=True)
    assert "of this name already" in page.content.decode()
    other.refresh_from_db()
    assert other.name == "b"


@pytest.mark.parametrize("who", ["reviewer", "other_clinician", "administrator"])
def test_what_others_saved_does_not_exist(who: str, client: Client, clinician: User, request: Any) -> None:
    saved = keeping.save(clinician, name="private words", query="label=mi")
    client.force_login(request.getfixturevalue(who))
    assert "private words" not in client.get(reverse(LIST)).content.decode()
    assert "private words" not in client.get(reverse("diagnosis:history")).content.decode()
    for action in ("diagnosis:rename_filter", "diagnosis:delete_filter"):
        assert client.post(reverse(action, args=[saved.pk]), {"name": "stolen"}).status_code == 404
    saved.refresh_from_db()
    assert saved.name == "private words"


def test_who_is_not_signed_in_saves_nothing(client: Client, db: None) -> None:
    assert client.post(reverse(LIST), {"name": "x", "query": "label=mi"}).status_code == 302
    assert not SavedFilter.objects.exists()


def test_a_place_elsewhere_cannot_be_saved(browser: Client) -> None:
    answer = browser.post(reverse(LIST), {"name": "", "query": "https://elsewhere.invalid/?q=1"})
    assert answer.headers["Location"].startswith(reverse("diagnosis:history"))

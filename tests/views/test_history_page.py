"""The history: search, filters, pages, empty states, deleting and undoing."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Site
from diagnosis.history_views import HISTORY_PAGE_SIZE
from diagnosis.models import Diagnosis, Upload

Make = Callable[..., Diagnosis]


def history(client: Client, **filters: str) -> str:
    return client.get(reverse("diagnosis:history"), filters).content.decode()


def shown(text: str) -> set[str]:
    return set(re.findall(r'data-diagnosis="([^"]+)"', text))


@pytest.fixture
def five(take_in: Any, read: Make, reject: Make, fail: Make) -> dict[str, Diagnosis]:
    """One of each kind, newest last."""
    made = {
        "mi": read(take_in(1, patient_reference="P-100", note="palpitations")),
        "normal": read(take_in(2, patient_reference="P-200"), "normal"),
        "unsure": read(take_in(3, original_name="blurred.png"), abstained=True),
        "rejected": reject(take_in(4)),
        "failed": fail(take_in(5)),
    }
    for days, diagnosis in enumerate(reversed(made.values())):
        Diagnosis.objects.filter(pk=diagnosis.pk).update(created_at=timezone.now() - timedelta(days=days))
    return made


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, {"mi", "normal", "unsure", "rejected", "failed"}),
        ({"q": "p-100"}, {"mi"}),
        ({"q": "PALPIT"}, {"mi"}),
        ({"q": "blurred"}, {"unsure"}),
        ({"label": "mi"}, {"mi"}),
        ({"label": "not_sure"}, {"unsure"}),
        ({"state": "rejected"}, {"rejected"}),
        ({"state": "done", "q": "P-"}, {"mi", "normal"}),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_filters_narrow_the_list(
    browser: Client, five: dict[str, Diagnosis], filters: dict[str, str], expected: set[str]
) -> None:
    assert shown(history(browser, **filters)) == {str(five[name].pk) for name in expected}


def test_a_checksum_finds_its_page(browser: Client, five: dict[str, Diagnosis]) -> None:
    assert shown(history(browser, q=five["normal"].upload.sha256[:12])) == {str(five["normal"].pk)}


def test_a_range_of_days_includes_both_ends(browser: Client, five: dict[str, Diagnosis]) -> None:
    today = timezone.localdate()
    days = {"since": str(today - timedelta(days=2)), "until": str(today - timedelta(days=1))}
    assert shown(history(browser, **days)) == {str(five["unsure"].pk), str(five["rejected"].pk)}


def test_a_range_the_wrong_way_round_is_named(browser: Client, five: dict[str, Diagnosis]) -> None:
    assert "lies before its start" in history(browser, since="2026-05-02", until="2026-05-01")


@pytest.mark.parametrize(
    "nonsense",
    [
        {"page": "x"},
        {"before": "x"},
        {"after": "!"},
        {"site": "x"},
        {"confidence_from": "high"},
        {"since": "soon"},
        {"label": "flu"},
        {"q": "%_\\"},
    ],
)
def test_nonsense_in_the_address_does_no_harm(
    browser: Client, five: dict[str, Diagnosis], nonsense: dict[str, str]
) -> None:
    assert browser.get(reverse("diagnosis:history"), nonsense).status_code == 200


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"confidence_from": "70"}, {"mi", "unsure"}),
        ({"confidence_to": "50"}, {"normal"}),
        ({"agreement": "none", "label": "mi"}, {"mi"}),
        ({"agreement": "override"}, set()),
        ({"model": "c0ffee000000"}, {"mi", "normal", "unsure", "rejected"}),
        ({"reviewer": "carla"}, set()),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else None,
)
def test_seldom_filters_narrow_the_list_and_stay_in_sight(
    browser: Client, five: dict[str, Diagnosis], filters: dict[str, str], expected: set[str]
) -> None:
    text = history(browser, **filters)
    assert shown(text) == {str(five[name].pk) for name in expected}
    assert '<details class="more-filters" open>' in text


def test_sites_to_choose_from_are_ones_own(browser: Client, five: dict[str, Diagnosis], other_site: Site) -> None:
    text = history(browser, site=str(other_site.pk))
    assert other_site.name not in text
    assert shown(text) == {str(reading.pk) for reading in five.values()}


def test_a_long_list_is_counted_afterwards(
    browser: Client, take_in: Any, model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in range(HISTORY_PAGE_SIZE + 2):
        take_in(seed, patient_reference="P-9")
    count = re.search(r'hx-get="([^"]+count/[^"]+)"', history(browser, q="P-9"))
    assert count
    assert "22 results" in browser.get(count[1].replace("&amp;", "&")).content.decode()
    monkeypatch.setattr("diagnosis.history_views.COUNT_LIMIT", 10)
    assert "more than 10 results" in browser.get(count[1].replace("&amp;", "&")).content.decode()


def test_a_short_list_is_counted_at_once(browser: Client, five: dict[str, Diagnosis]) -> None:
    assert "5 results" in history(browser)


def test_an_empty_history_leads_to_the_upload(browser: Client) -> None:
    assert "No pages yet" in history(browser)


def test_a_search_without_a_match_can_be_cleared(browser: Client, five: dict[str, Diagnosis]) -> None:
    text = history(browser, q="no such thing")
    assert "Nothing matches" in text
    assert "Clear filters" in text


def test_a_filter_asks_for_the_results_alone(browser: Client, five: dict[str, Diagnosis]) -> None:
    response = browser.get(reverse("diagnosis:history"), {"q": "P-100"}, headers={"HX-Request": "true"})
    text = response.content.decode()
    assert shown(text) == {str(five["mi"].pk)}
    assert "<html" not in text
    assert "HX-Request" in response.headers["Vary"]


def test_pages_keep_the_filters(browser: Client, take_in: Any, model: Any) -> None:
    for seed in range(HISTORY_PAGE_SIZE + 2):
        take_in(seed, patient_reference="P-9")
    first = history(browser, q="P-9")
    link = re.search(r'rel="next" href="(\?[^"]+)"', first)
    assert link
    second = browser.get(reverse("diagnosis:history") + link[1].replace("&amp;", "&")).content.decode()
    assert len(shown(first)) == HISTORY_PAGE_SIZE
    assert len(shown(second)) == 2
    assert not shown(first) & shown(second)
    assert 'value="P-9"' in second


def test_the_list_takes_the_same_few_queries_however_long_it_is(
    browser: Client, take_in: Any, read: Make, django_assert_max_num_queries: Any
) -> None:
    for seed in range(8):
        read(take_in(seed))
    with django_assert_max_num_queries(16):
        history(browser)


def test_deleting_asks_first_then_offers_to_undo(browser: Client, take_in: Any, read: Make) -> None:
    done = read(take_in(1, original_name="mine.png"))
    path = reverse("diagnosis:delete_upload", kwargs={"pk": done.upload_id})
    assert "Delete this page?" in browser.get(path).content.decode()
    assert Upload.objects.filter(deleted_at__isnull=True).exists()

    after = browser.post(path, follow=True).content.decode()
    assert "“mine.png” was deleted" in after
    assert shown(after) == set()

    restore = reverse("diagnosis:restore_upload", kwargs={"pk": done.upload_id})
    assert restore in after
    back = browser.post(restore, follow=True).content.decode()
    assert "“mine.png” is back" in back
    assert shown(back) == {str(done.pk)}


def test_undo_says_why_it_cannot_where_the_page_was_uploaded_again(browser: Client, take_in: Any) -> None:
    upload = take_in(1)
    browser.post(reverse("diagnosis:delete_upload", kwargs={"pk": upload.pk}))
    take_in(1)
    text = browser.post(reverse("diagnosis:restore_upload", kwargs={"pk": upload.pk}), follow=True).content.decode()
    assert "uploaded again" in text
    assert Upload.objects.filter(deleted_at__isnull=True).count() == 1


def test_delete_is_offered_only_for_what_one_may_delete(
    browser: Client, take_in: Any, colleague: Any, read: Make
) -> None:
    mine, theirs = take_in(1), take_in(2, by=colleague)
    text = history(browser)
    assert reverse("diagnosis:delete_upload", kwargs={"pk": mine.pk}) in text
    assert reverse("diagnosis:delete_upload", kwargs={"pk": theirs.pk}) not in text

"""A session ends when nobody is there, however often the page asks for news by itself."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from accounts import middleware
from accounts.models import User

ACCOUNT = "/accounts/"
POLL = {"HX-Request": "true", "X-Background": "true", "HX-Current-URL": "http://testserver/accounts/?page=2"}


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def time(self) -> float:
        return self.now

    def pass_minutes(self, minutes: float) -> None:
        self.now += minutes * 60


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(middleware, "time", clock)
    return clock


@pytest.fixture
def session(client: Client, clinician: User, clock: Clock) -> Client:
    client.force_login(clinician)
    assert client.get(ACCOUNT).status_code == 200
    return client


def test_after_the_idle_time_the_next_click_leads_to_the_log_in_page_and_says_why(session: Client, clock: Clock):
    clock.pass_minutes(31)

    response = session.get(ACCOUNT, follow=True)

    assert response.redirect_chain == [(f"{reverse('accounts:login')}?next={ACCOUNT}", 302)]
    assert "logged out after 30 minutes without activity" in response.text


def test_work_keeps_a_session_alive(session: Client, clock: Clock):
    for _ in range(5):
        clock.pass_minutes(20)
        assert session.get(ACCOUNT).status_code == 200


@pytest.mark.parametrize("headers", [POLL, {"Sec-Fetch-Dest": "image"}])
def test_what_the_page_does_by_itself_keeps_no_session_alive(session: Client, clock: Clock, headers: dict[str, str]):
    for _ in range(3):
        clock.pass_minutes(9)
        assert session.get(ACCOUNT, headers=headers).status_code == 200
    clock.pass_minutes(9)

    assert "_auth_user_id" in session.session
    session.get(ACCOUNT, headers=headers)

    assert "_auth_user_id" not in session.session


def test_a_page_that_asks_for_news_after_the_end_goes_to_the_log_in_page_as_a_whole(session: Client, clock: Clock):
    clock.pass_minutes(31)

    response = session.get(ACCOUNT, headers=POLL)

    assert response.status_code == 200
    assert response.content == b""
    assert response["HX-Redirect"] == "/accounts/login/?next=/accounts/%3Fpage%3D2"
    assert "logged out after 30 minutes" in session.get(response["HX-Redirect"]).text


def test_a_page_of_another_site_is_no_way_back(session: Client, clock: Clock):
    clock.pass_minutes(31)

    response = session.get(ACCOUNT, headers={**POLL, "HX-Current-URL": "https://evil.example/there"})

    assert response["HX-Redirect"] == "/accounts/login/?next=/"


def test_the_idle_time_is_a_setting(session: Client, clock: Clock, settings):
    settings.ISOLINE_IDLE_MINUTES = 5
    clock.pass_minutes(6)

    assert session.get(ACCOUNT).status_code == 302


def test_polling_does_not_write_the_session(session: Client, clock: Clock, django_assert_num_queries):
    clock.pass_minutes(1)
    with django_assert_num_queries(4):  # session, user, second factor, what waits for them
        session.get(reverse("accounts:password_change"), headers=POLL)

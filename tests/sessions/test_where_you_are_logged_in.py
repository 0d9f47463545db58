"""The list of one's sessions, and ending them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from accounts.sessions.models import SessionRecord
from accounts.sessions.user_agents import described
from tests.second_factor.conftest import LOGIN

LIST = "/accounts/sessions/"
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0"
PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.5 Mobile/15E148 Safari/604.1"
)


CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"
EDGE = f"{CHROME.replace('X11; Linux x86_64', 'Windows NT 10.0; Win64; x64')} Edg/126.0.2592.87"
SAMSUNG = CHROME.replace("X11; Linux x86_64", "Linux; Android 14; SM-G991B").replace(
    "Chrome", "SamsungBrowser/25.0 Chrome"
)


@pytest.mark.parametrize(
    ("user_agent", "words"),
    [
        (FIREFOX, "Firefox 128 on Windows"),
        (PHONE, "Safari 17 on iPhone"),
        (PHONE.replace("Version/17.5", "CriOS/126.0.6478.54"), "Chrome 126 on iPhone"),
        (CHROME, "Chrome 126 on Linux"),
        (EDGE, "Edge 126 on Windows"),
        (SAMSUNG, "Samsung Internet 25 on Android"),
        ("curl/8.5.0", "Unknown browser"),
        ("", "Unknown browser"),
    ],
)
def test_a_user_agent_in_words(user_agent: str, words: str):
    assert described(user_agent) == words


def browser_of(user: User, password: str, user_agent: str, address: str = "198.51.100.7") -> Client:
    client = Client(headers={"User-Agent": user_agent}, REMOTE_ADDR=address)
    client.post(LOGIN, {"username": user.username, "password": password})
    return client


@pytest.fixture
def desk(clinician: User, password: str) -> Client:
    return browser_of(clinician, password, FIREFOX)


@pytest.fixture
def phone(clinician: User, password: str) -> Client:
    return browser_of(clinician, password, PHONE, "203.0.113.5")


def test_the_list_says_where_and_marks_this_one(desk: Client, phone: Client):
    page = desk.get(LIST).text

    assert page.index("Firefox 128 on Windows") < page.index("this one") < page.index("Safari 17 on iPhone")
    assert "203.0.113.5" in page
    assert "198.51.100.7" in page
    assert page.count("Log out there") == 1


def test_the_sessions_of_others_are_not_in_it(desk: Client, reviewer: User, password: str):
    browser_of(reviewer, password, PHONE)

    assert "iPhone" not in desk.get(LIST).text


def test_ending_one_logs_it_out_and_leaves_this_one(desk: Client, phone: Client):
    record = SessionRecord.objects.get(address="203.0.113.5")

    answer = desk.post(reverse("accounts:sessions:revoke", args=[record.pk]), follow=True)

    assert "logged out in Safari 17 on iPhone" in answer.text
    assert phone.get(LIST).status_code == 302
    assert desk.get(LIST).status_code == 200


def test_ending_all_others(desk: Client, phone: Client, clinician: User, password: str):
    third = browser_of(clinician, password, "curl/8.5.0")

    answer = desk.post(reverse("accounts:sessions:revoke_others"), follow=True)

    assert "2 other sessions have been ended" in answer.text
    assert "nowhere else" in answer.text
    assert (phone.get(LIST).status_code, third.get(LIST).status_code) == (302, 302)


def test_nobody_ends_somebody_elses_session(desk: Client, reviewer: User, password: str):
    theirs = browser_of(reviewer, password, PHONE)
    record = SessionRecord.objects.get(user=reviewer)

    assert desk.post(reverse("accounts:sessions:revoke", args=[record.pk])).status_code == 404
    desk.post(reverse("accounts:sessions:revoke_others"))

    assert theirs.get(LIST).status_code == 200


def test_looking_ends_nothing(desk: Client, phone: Client):
    record = SessionRecord.objects.get(address="203.0.113.5")

    assert desk.get(reverse("accounts:sessions:revoke", args=[record.pk])).status_code == 405
    assert desk.get(reverse("accounts:sessions:revoke_others")).status_code == 405


def test_logging_out_takes_the_session_off_the_list(desk: Client, phone: Client):
    phone.post(reverse("accounts:logout"))

    assert "iPhone" not in desk.get(LIST).text


def test_a_new_password_ends_the_others_and_keeps_this_one_with_its_beginning(
    desk: Client, phone: Client, password: str
):
    began = SessionRecord.objects.get(address="198.51.100.7").began_at

    desk.post(
        "/accounts/password/",
        {"old_password": password, "new_password1": "a quite different one", "new_password2": "a quite different one"},
    )

    assert phone.get(LIST).status_code == 302
    page = desk.get(LIST)
    assert page.status_code == 200
    assert [record.began_at for record in page.context["records"] if record.address == "198.51.100.7"] == [began]


def test_a_session_idle_for_too_long_is_not_listed(desk: Client, phone: Client, settings):
    SessionRecord.objects.filter(address="203.0.113.5").update(
        seen_at=timezone.now() - timedelta(minutes=settings.ISOLINE_IDLE_MINUTES + 2)
    )

    assert "iPhone" not in desk.get(LIST).text


def test_last_seen_is_written_once_a_minute_and_not_with_every_click(desk: Client):
    long_ago = timezone.now() - timedelta(minutes=5)
    desk.get("/accounts/")
    SessionRecord.objects.update(seen_at=long_ago)
    for _ in range(3):
        desk.get("/accounts/")
    assert SessionRecord.objects.get().seen_at == long_ago

    cache.clear()  # a minute later
    desk.get("/accounts/", headers={"X-Background": "true"})
    assert SessionRecord.objects.get().seen_at == long_ago
    desk.get("/accounts/")

    assert SessionRecord.objects.get().seen_at > long_ago


def test_a_session_from_before_the_list_joins_it(desk: Client):
    SessionRecord.objects.all()._raw_delete("default")
    cache.clear()

    assert "this one" in desk.get(LIST).text


def test_a_token_of_the_api_is_no_session(client: Client, clinician: User, password: str):
    client.post("/api/v1/token/", {"username": clinician.username, "password": password})

    assert not SessionRecord.objects.exists()


def test_an_administrator_sees_and_ends_sessions_in_django_admin(desk: Client, administrator: User):
    office = Client()
    office.force_login(administrator)
    page = office.get(reverse("admin:login_sessions_sessionrecord_changelist"))
    assert "Firefox 128 on Windows" in page.text
    record = SessionRecord.objects.get(address="198.51.100.7")

    office.post(reverse("admin:login_sessions_sessionrecord_delete", args=[record.pk]), {"post": "yes"})

    assert desk.get(LIST).status_code == 302


def test_an_administrator_does_not_end_a_superusers_session(administrator: User, password: str):
    root = User.objects.create_superuser("root", "root@hospital.invalid", password)
    theirs = browser_of(root, password, FIREFOX)
    office = Client()
    office.force_login(administrator)
    record = SessionRecord.objects.get(user=root)

    office.post(reverse("admin:login_sessions_sessionrecord_delete", args=[record.pk]), {"post": "yes"})
    office.post(
        reverse("admin:login_sessions_sessionrecord_changelist"),
        {"action": "delete_selected", "_selected_action": [record.pk], "post": "yes"},
    )

    assert theirs.get(LIST).status_code == 200

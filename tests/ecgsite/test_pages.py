"""What every page has in common: the notice, the headers, nothing inline, a helpful word when something is wrong."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.template.loader import render_to_string
from django.test import Client
from django.urls import reverse

from accounts.models import User

NOTICE = "Research use only"


@pytest.mark.parametrize(
    "address",
    ["/accounts/login/", "/accounts/password/forgotten/", "/accounts/password/forgotten/sent/", "/nothing-here"],
)
def test_the_notice_is_there_before_anyone_has_logged_in(client: Client, db: None, address: str):
    assert NOTICE in client.get(address, follow=True).text


def test_the_notice_is_on_every_page_inside(client: Client, administrator: User):
    client.force_login(administrator)
    for address in ("/", "/accounts/", "/accounts/password/", "/admin/", "/admin/accounts/user/", "/nothing-here"):
        assert NOTICE in client.get(address).text, address


@pytest.mark.parametrize("name", ["400.html", "403.html", "403_csrf.html", "404.html", "500.html"])
def test_error_pages_need_neither_a_user_nor_a_database(name: str):
    page = render_to_string(name)

    assert NOTICE in page
    assert re.search(r"<h1>[^<]+</h1>", page)
    assert 'href="/"' in page


def test_a_view_that_breaks_shows_the_page_for_it_and_no_details(client: Client, clinician: User, monkeypatch):
    def explode(user: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("accounts.views.sites_visible_to", explode)
    client.force_login(clinician)
    client.raise_request_exception = False

    response = client.get(reverse("accounts:account"))

    assert response.status_code == 500
    assert "Something went wrong here" in response.text
    assert "secret detail" not in response.text


def test_browsers_are_told_to_run_and_load_nothing_but_ours(client: Client, db: None):
    response = client.get("/accounts/login/")

    policy = response["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert response["X-Frame-Options"] == "DENY"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Referrer-Policy"] == "same-origin"


def test_pages_keep_to_that_policy(client: Client, administrator: User):
    client.force_login(administrator)
    for address in ("/", "/accounts/", "/accounts/password/", "/nothing-here", "/admin/"):
        page = client.get(address).text
        assert not re.search(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)", page), address
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=", page), address
        assert not re.findall(r'(?:src|href)="(?:https?:)?//[^"]+\.(?:js|css|woff2?)"', page), address


def test_everything_that_pages_link_is_shipped(client: Client, clinician: User):
    client.force_login(clinician)
    links = set(re.findall(rf'(?:src|href)="/?{settings.STATIC_URL.strip("/")}/([^"#?]+)', client.get("/").text))

    assert len(links) >= 6
    assert [link for link in links if not finders.find(link)] == []


def test_icons_in_use_are_in_the_shipped_set(client: Client, administrator: User):
    client.force_login(administrator)
    sprite = Path(finders.find("vendor/bootstrap-icons-1.13.2/icons.svg"))
    known = set(re.findall(r'id="([^"]+)"', sprite.read_text()))

    used = set(re.findall(r'icons\.svg#([^"]+)"', client.get("/accounts/").text))

    assert used
    assert used <= known


def test_the_health_check_answers_without_an_account(client: Client, db: None):
    response = client.get("/healthz")

    assert response.json() == {"status": "ok"}
    assert "no-store" in response["Cache-Control"]


def test_the_health_check_says_so_when_the_database_is_away(client: Client, monkeypatch):
    from django.db import OperationalError, connections

    def away(*args: object) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr(connections["default"], "cursor", away)

    assert client.get("/healthz").status_code == 503


def test_keyboard_users_can_skip_the_navigation(client: Client, clinician: User):
    client.force_login(clinician)
    page = client.get("/accounts/").text

    assert page.index('href="#content"') < page.index("<nav")
    assert 'id="content"' in page

"""A real passkey in Chromium's virtual authenticator, against the real pages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import ConsoleMessage, Page, expect, sync_playwright

from accounts.models import Role, User

pytestmark = pytest.mark.browser
START = re.compile(r"^http://[^/]+/$")


@pytest.fixture
def page(live_server: Any, chromium: str, clinician: User, monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    """The log-in page, in a browser on a machine with a fingerprint reader; fails on any error in the console."""
    # Playwright keeps an event loop in this thread; the server has threads of its own.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        context = browser.new_context(base_url=live_server.url, locale="en-GB")
        page = context.new_page()
        problems: list[str] = []
        page.on("console", lambda said: problems.append(said.text) if _is_ours(said) else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        devtools = context.new_cdp_session(page)
        devtools.send("WebAuthn.enable")
        devtools.send(
            "WebAuthn.addVirtualAuthenticator",
            {
                "options": {
                    "protocol": "ctap2",
                    "transport": "internal",
                    "hasResidentKey": True,
                    "hasUserVerification": True,
                    "isUserVerified": True,
                    "automaticPresenceSimulation": True,
                }
            },
        )
        page.goto("/accounts/login/")
        yield page
        context.close()
        browser.close()
    assert problems == []


def _is_ours(said: ConsoleMessage) -> bool:
    """Errors of scripts and of the Content-Security-Policy; what the server refuses, the page says in words."""
    return said.type == "error" and not said.text.startswith("Failed to load resource")


def log_in(page: Page, name: str, password: str) -> None:
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in", exact=True).click()


def log_out(page: Page) -> None:
    page.get_by_role("button", name="account menu").click()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", name="Log in", exact=True)).to_be_visible()


def add_passkey(page: Page) -> list[str]:
    page.goto("/accounts/second-factor/")
    page.get_by_role("link", name="Add a passkey").click()
    # Without a name nothing is asked of the authenticator.
    page.get_by_role("button", name="Add the passkey").click()
    expect(page.get_by_role("heading", name="Add a passkey")).to_be_visible()
    page.get_by_label("Name").fill("Ward laptop")
    page.get_by_role("button", name="Add the passkey").click()
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
    return page.locator("#recovery-codes code").all_text_contents()


def test_a_passkey_is_added_asked_for_logs_in_alone_and_is_removed(page: Page, clinician: User, password: str) -> None:
    log_in(page, clinician.username, password)
    codes = add_passkey(page)
    assert len(codes) == 10
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    assert download.value.path().read_text().split() == codes
    page.get_by_role("link", name="I have kept them").click()
    expect(page.locator(".passkey-name")).to_have_text("Ward laptop")
    expect(page.get_by_text("10 left")).to_be_visible()

    # After the password, as second factor.
    log_out(page)
    log_in(page, clinician.username, password)
    expect(page.get_by_role("heading", name="Second factor")).to_be_visible()
    page.goto("/diagnoses/")
    expect(page.get_by_role("heading", name="Log in", exact=True)).to_be_visible()
    log_in(page, clinician.username, password)
    page.get_by_role("button", name="Use your passkey").click()
    expect(page).to_have_url(re.compile("/diagnoses/$"))

    # In place of the password.
    log_out(page)
    page.goto("/accounts/login/?next=/accounts/")
    page.get_by_role("button", name="Log in with a passkey").click()
    expect(page.get_by_role("heading", name="Your account")).to_be_visible()

    # As proof of who sits there.
    page.goto("/accounts/second-factor/confirm/")
    page.get_by_role("button", name="Use your passkey").click()
    expect(page.get_by_role("link", name="Add a passkey")).to_be_visible()

    page.get_by_role("link", name="Remove Ward laptop").click()
    page.get_by_label("Your password").fill(password)
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("The passkey has been removed")).to_be_visible()
    log_out(page)
    log_in(page, clinician.username, password)
    expect(page).to_have_url(START)


def test_a_passkey_that_is_not_known_is_refused_with_a_sentence(page: Page, clinician: User, password: str) -> None:
    from django_otp_webauthn.models import WebAuthnCredential

    log_in(page, clinician.username, password)
    add_passkey(page)
    log_out(page)
    WebAuthnCredential.objects.all().delete()

    page.get_by_role("button", name="Log in with a passkey").click()

    expect(page.get_by_role("status").filter(has_text="was not found")).to_be_visible()
    expect(page.get_by_role("heading", name="Log in", exact=True)).to_be_visible()


def test_a_touch_makes_a_token_of_ones_own_and_a_machines(
    page: Page, clinician: User, api_client_user: User, password: str
) -> None:
    clinician.role = Role.ADMINISTRATOR
    clinician.save()
    log_in(page, clinician.username, password)
    add_passkey(page)
    for address in ("/accounts/tokens/new/", f"/admin/accounts/user/{api_client_user.pk}/token/"):
        page.goto(address)
        page.get_by_label("Name").fill("ECG cart")
        page.get_by_label("Upload pages").check()
        page.get_by_role("button", name="Use your passkey").click()
        expect(page.get_by_role("textbox", name="Token")).to_have_value(re.compile("^iso_"))

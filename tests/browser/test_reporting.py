"""A report written, signed and amended in Chromium: by keys, saving itself, with dialogs that keep the focus."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.dropping import drop

pytestmark = pytest.mark.browser


def test_a_report_is_written_signed_and_amended_without_a_mouse(page: Page, draw: Callable[[int], bytes]) -> None:
    drop(page, reported__png=draw(601))
    comment, saved = page.get_by_label("Comment"), page.locator("#review-saved")
    expect(comment).to_be_visible()
    page.keyboard.press("o")
    expect(page.locator('[value="override"]')).to_be_checked()
    page.locator(".review-findings summary").press("Enter")
    page.get_by_label("Filter the findings").fill("flutter")
    expect(page.locator(".review-finding:visible", has_text="bundle")).to_have_count(0)
    page.get_by_label("Atrial flutter").check()
    with page.expect_response(lambda answer: "here%3A%20sus" in (answer.request.post_data or "")):
        comment.press_sequentially("letters like s and u sign nothing here: sus")
    expect(saved).to_contain_text("Saved ")
    page.reload()
    expect(comment).to_have_value("letters like s and u sign nothing here: sus")

    page.keyboard.press("s")
    password = page.get_by_label("Your password")
    expect(password).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#review-sign")).to_be_focused()
    page.keyboard.press("Enter")
    password.fill("wrong")
    password.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("not your password")
    expect(password).to_be_focused()
    password.fill("isoline-demo")
    password.press("Enter")
    expect(page.get_by_text("Verification code")).to_be_visible()
    expect(page.locator("#review-title")).to_be_focused()

    page.locator("#review-amend").press("Enter")
    page.get_by_label("Reason of the amendment").fill("wrong rhythm")
    page.get_by_role("button", name="Begin the amendment").press("Enter")
    expect(page.get_by_text("Amendment because: wrong rhythm")).to_be_visible()
    expect(page.get_by_text("Signed report")).to_be_visible()


def test_two_windows_at_once_lose_nothing(page: Page, draw: Callable[[int], bytes]) -> None:
    drop(page, twice__png=draw(602))
    expect(page.get_by_label("Comment")).to_be_visible()
    other = page.context.new_page()
    other.goto(page.url)
    other.get_by_label("Comment").fill("from the other window")
    expect(other.locator("#review-saved")).to_contain_text("Saved ")
    page.get_by_label("Comment").fill("from this window")
    expect(page.locator("#review-theirs")).to_contain_text("from the other window")
    expect(page.get_by_label("Comment")).to_have_value("from this window")
    page.get_by_role("button", name="Save mine over it").click()
    expect(page.locator("#review-theirs")).to_have_count(0)
    other.reload()
    expect(other.get_by_label("Comment")).to_have_value("from this window")

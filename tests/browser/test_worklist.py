"""The worklist by keyboard, and a ZIP archive from the upload page to every file's outcome."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.dropping import archive, drop

pytestmark = pytest.mark.browser


def here(page: Page) -> str | None:
    """The page whose row has the focus."""
    found = page.evaluate("document.activeElement.closest('[data-row]')?.dataset.diagnosis")
    return str(found) if found else None


def test_an_archive_is_followed_to_every_files_outcome(page: Page, draw: Callable[[int], bytes]) -> None:
    drop(page, scans__zip=archive(one__png=draw(631), two__png=draw(632), letter__txt=b"words"))
    page.wait_for_url("**/batches/*/")
    expect(page.get_by_text("All files are in, and every page was looked at")).to_be_visible(timeout=30_000)
    expect(page.locator("#batch-files [data-kind=stored] [data-state=done]")).to_have_count(2)
    expect(page.locator("#batch-files [data-kind=refused]")).to_contain_text("This is not a JPEG")


def test_the_worklist_is_worked_through_by_keyboard(page: Page, draw: Callable[[int], bytes]) -> None:
    drop(page, three__png=draw(611), four__png=draw(612), five__png=draw(613))
    expect(page.locator("#upload-list [data-state=done]")).to_have_count(3, timeout=30_000)
    expect(page.locator("#upload-sum")).to_contain_text("3 of 3 settled: 3 stored, 3 read")

    page.goto("/worklist/?sort=newest")
    rows = page.locator("[data-row]")
    keys = [rows.nth(place).get_attribute("data-diagnosis") for place in range(3)]
    page.keyboard.press("j")
    assert here(page) == keys[0]
    page.keyboard.press("j")
    page.keyboard.press("ArrowDown")
    assert here(page) == keys[2]
    page.keyboard.press("k")
    assert here(page) == keys[1]

    page.keyboard.press("x")
    expect(page.locator("[data-ticked]")).to_have_text("1 ticked")
    page.keyboard.press("/")
    page.keyboard.type("jx")
    expect(page.locator("#id_q")).to_have_value("jx")

    page.goto("/worklist/?sort=newest")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(f"/diagnoses/{keys[0]}/.*list=waiting"))
    page.keyboard.press("ArrowRight")
    page.wait_for_url(re.compile(f"/diagnoses/{keys[1]}/.*list=waiting"))
    page.get_by_role("link", name="Waiting for review").click()
    page.wait_for_url(re.compile("/worklist/"))


def test_letters_are_no_shortcuts_once_they_are_turned_off(page: Page) -> None:
    page.goto("/worklist/")
    page.get_by_text("Keyboard", exact=True).click()
    page.get_by_label("Single letters as shortcuts").uncheck()
    page.goto("/worklist/")
    page.keyboard.press("/")
    expect(page.locator("#id_q")).not_to_be_focused()


def test_counts_change_by_themselves_and_rest_while_nobody_looks(page: Page, draw: Callable[[int], bytes]) -> None:
    page.goto("/worklist/?list=new")
    before = int(page.locator("[data-list=new] [data-count]").inner_text())
    other = page.context.new_page()
    other.goto("/")
    drop(other, six__png=draw(621))
    other.wait_for_url("**/diagnoses/*/")
    other.close()
    expect(page.locator("[data-list=new] [data-count]")).to_have_text(str(before + 1), timeout=20_000)
    expect(page.locator("[data-row]")).to_have_count(min(before + 1, 25))

"""Several files at once, and what happens when something goes wrong on the way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import sign_in
from tests.browser.dropping import drop

pytestmark = pytest.mark.browser


def row(page: Page, name: str) -> Any:
    return page.locator("#upload-list > li", has=page.locator(".upload-name", has_text=name))


def test_each_file_has_its_own_outcome(page: Page, draw: Callable[[int], bytes]) -> None:
    drop(page, first__png=draw(201))
    page.wait_for_url("**/diagnoses/*/")
    earlier = page.url
    page.goto("/")

    drop(page, new__png=draw(202), first_again__png=draw(201), letter__docx=b"PK\x03\x04 no picture", empty__png=b"")

    expect(row(page, "letter.docx")).to_contain_text("This is not a JPEG, PNG, TIFF, WebP, PDF or DICOM file")
    expect(row(page, "empty.png")).to_contain_text("The file is empty")
    expect(row(page, "first_again.png")).to_contain_text("Already here.")
    assert row(page, "first_again.png").get_by_role("link").get_attribute("href") in earlier
    expect(row(page, "new.png").locator("[data-state=done]")).to_be_visible()
    row(page, "new.png").get_by_role("link").click()
    expect(page.locator("#heat-layer")).to_be_visible()


def test_the_reference_of_one_patient_does_not_stick_to_the_next(page: Page, draw: Callable[[int], bytes]) -> None:
    reference = page.get_by_label("Patient reference")
    reference.fill("P-ONE")
    drop(page, one__png=draw(211), two__png=draw(212))
    expect(row(page, "one.png").locator("a")).to_be_visible()
    expect(row(page, "two.png").locator("a")).to_be_visible()
    expect(reference).to_have_value("")
    page.goto("/diagnoses/?q=P-ONE")
    expect(page.locator("tr[data-diagnosis]")).to_have_count(2)


def test_a_file_that_is_too_large_is_refused_before_it_is_sent(page: Page) -> None:
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.method))
    page.evaluate("document.getElementById('upload-form').dataset.maxBytes = '10'")
    drop(page, big__png=b"x" * 11)
    expect(row(page, "big.png")).to_contain_text("larger than 25 MB")
    assert "POST" not in sent


def test_a_broken_connection_keeps_the_file_and_offers_to_retry(page: Page, draw: Callable[[int], bytes]) -> None:
    page.context.set_offline(True)
    drop(page, offline__png=draw(221))
    expect(row(page, "offline.png")).to_contain_text("could not be reached")
    page.context.set_offline(False)
    row(page, "offline.png").get_by_role("button", name="Retry").click()
    page.wait_for_url("**/diagnoses/*/")
    expect(page.get_by_text("offline.png")).to_be_visible()


def test_an_expired_log_in_loses_nothing(page: Page, draw: Callable[[int], bytes]) -> None:
    page.context.clear_cookies()
    drop(page, kept__png=draw(231))
    expect(row(page, "kept.png")).to_contain_text("You have been logged out. Nothing is lost")

    row(page, "kept.png").get_by_role("button", name="Retry").click()
    expect(row(page, "kept.png")).to_contain_text("You have been logged out. Nothing is lost")

    other_tab = page.context.new_page()
    sign_in(other_tab)
    other_tab.close()
    row(page, "kept.png").get_by_role("button", name="Retry").click()
    page.wait_for_url("**/diagnoses/*/")
    expect(page.get_by_text("kept.png")).to_be_visible()


def test_the_example_can_be_tried_with_one_click(page: Page) -> None:
    page.get_by_role("button", name="Try it").click()
    expect(page.get_by_text("synthetic_ecg_page.png").or_(page.locator("#heat-layer")).first).to_be_visible()
    expect(page.locator(".upload-refused")).to_have_count(0)


def test_a_file_chosen_before_the_script_arrived_is_sent_as_well(page: Page, draw: Callable[[int], bytes]) -> None:
    held: list[Any] = []
    # Playwright cannot call a built-in method.
    page.route("**/js/upload*.js", lambda route: held.append(route))  # noqa: PLW0108
    page.goto("/", wait_until="commit")
    page.locator("#id_file").set_input_files([{"name": "early.png", "mimeType": "image/png", "buffer": draw(251)}])
    expect(page.locator("#upload-list > li")).to_have_count(0)
    held[0].continue_()
    expect(page.locator("#heat-layer")).to_be_visible()
    expect(page.get_by_text("early.png")).to_be_visible()


def test_without_scripts_the_whole_job_works_too(
    chromium_browser: Any, house: Any, draw: Callable[[int], bytes]
) -> None:
    context = chromium_browser.new_context(base_url=house.url, java_script_enabled=False)
    page = context.new_page()
    sign_in(page)
    files = [{"name": f"{seed}.png", "mimeType": "image/png", "buffer": draw(seed)} for seed in (241, 242)]
    page.get_by_label("Choose files").set_input_files(files[:1])
    page.get_by_role("button", name="Upload").click()
    # The waiting page reloads itself.
    expect(page.locator("#heat-layer")).to_be_visible(timeout=15_000)
    page.goto("/")
    page.locator("#id_file").set_input_files(files)
    page.get_by_role("button", name="Upload").click()
    expect(row(page, "241.png")).to_contain_text("Already here.")
    expect(row(page, "242.png").get_by_role("link")).to_be_visible()
    context.close()

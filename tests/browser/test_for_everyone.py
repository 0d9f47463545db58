"""Narrow screens, keyboards, dark rooms and screen readers."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import chain
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import URLPattern, get_resolver
from playwright.sync_api import FileChooser, Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from tests.browser.conftest import NARROW, START_PAGE, WIDE, sign_in
from tests.browser.dropping import archive, drop

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def result_path(chromium_browser: Any, house: Any, draw: Callable[[int], bytes]) -> str:
    """A finished result that the tests below look at."""
    context = chromium_browser.new_context(base_url=house.url)
    page = context.new_page()
    sign_in(page)
    page.get_by_label("Patient reference").fill("WARD-7/2026-000123")
    page.get_by_label("Note").fill("A note long enough to be wrapped on a narrow screen, " * 4)
    drop(page, **{"a_long_file_name_from_the_scanner_of_the_ward_" * 3 + "__png": draw(301)})
    page.wait_for_url("**/diagnoses/*/")
    expect(page.locator("#heat-layer")).to_be_visible()
    path = page.url.removeprefix(house.url)
    context.close()
    return str(path)


@pytest.fixture(scope="module")
def keyed_paths(chromium_browser: Any, house: Any, draw: Callable[[int], bytes]) -> dict[str, str]:
    """Pages that only come into being by work: a batch, a signed report's PDF and its verification."""
    context = chromium_browser.new_context(base_url=house.url)
    page = context.new_page()
    sign_in(page)
    drop(page, many__zip=archive(two__png=draw(342), letter__txt=b"words"))
    page.wait_for_url("**/batches/*/")
    paths = {"batch": page.url}
    page.goto("/")
    drop(page, signed__png=draw(341))
    page.wait_for_url("**/diagnoses/*/")
    page.get_by_label("Unreadable").check()
    page.locator("#review-sign").click()
    page.get_by_label("Your password").fill("isoline-demo")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Verification code")).to_be_visible()
    paths["signed result"] = page.url
    code = page.locator("#review-title").locator("xpath=..").inner_text()
    found = re.search(r"[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}", code)
    assert found is not None
    paths["verified report"] = f"/verify/{found[0]}/"
    page.get_by_role("button", name="PDF report on Letter paper").click()
    page.wait_for_url("**/documents/*/")
    expect(page.get_by_role("heading", name="The PDF report is ready")).to_be_visible(timeout=30_000)
    paths["document"] = page.url
    context.close()
    return paths


def visit_keyed(page: Page, keyed_paths: dict[str, str]) -> Iterator[str]:
    """Go through the pages above; somebody must be logged in."""
    for name, path in keyed_paths.items():
        page.goto(path, wait_until="networkidle")
        yield name


def visit_all(page: Page, result_path: str) -> Any:
    """Go through every kind of page."""
    page.goto("/accounts/login/")
    yield "log-in"
    sign_in(page)
    yield "upload"
    drop(page, letter__docx=b"no picture", another__docx=b"no picture either")
    expect(page.locator(".upload-refused")).to_have_count(2)
    yield "upload with a list"
    page.goto(result_path)
    expect(page.locator("#heat-layer")).to_be_visible()
    for folded in page.locator("details summary").all():
        folded.click()
    yield "result"
    delete = page.get_by_role("link", name="Delete page…").get_attribute("href")
    page.goto(str(delete))
    yield "delete"
    page.goto("/diagnoses/")
    yield "history"
    page.goto("/diagnoses/?q=nothing-has-this-name")
    yield "history without a match"


# Not pages of ours, or pages that end something.
NO_PAGES = re.compile(r"/(admin|api|language|metrics|healthz|readyz|accounts/(logout|login)|webauthn|otp_webauthn)")
LARGEST_KB = 300


def addresses() -> Iterator[str]:
    """Every address that needs no key."""

    def walk(patterns: Any, prefix: str) -> Iterator[str]:
        for pattern in patterns:
            text = prefix + str(pattern.pattern)
            if isinstance(pattern, URLPattern):
                yield f"/{text}"
            else:
                yield from walk(pattern.url_patterns, text)

    for address in sorted(set(walk(get_resolver().url_patterns, ""))):
        if not re.search(r"[<^(]", address) and not NO_PAGES.match(address):
            yield address


def visit_rooms(page: Page, result_path: str, *, language: str = "en") -> Iterator[str]:
    """Go through every page that is there without a key, and those of one reading and its patient."""
    sign_in(page)
    page.set_extra_http_headers({"Accept-Language": language})
    seen = 0
    for address in addresses():
        # A download is no page, and neither is a part that a page asks for.
        with suppress(Exception):
            answer = page.context.request.get(address)
            if answer.ok and "<!doctype html>" in answer.text()[:40].lower():
                page.goto(address)
                seen += 1
                yield address
    assert seen > 12
    key = result_path.strip("/").rpartition("/")[2]
    page.goto("/patients/")
    page.locator("main a[href*='/patients/']").first.click()
    yield "patient"
    page.goto(f"/compare/?a={key}&b={key}")
    yield "compare"
    page.goto(result_path)
    page.locator("a[href^='/models/']").first.click()
    page.wait_for_url("**/models/**")
    yield "model card"


@pytest.mark.parametrize(("size", "language"), [(NARROW, "de"), (WIDE, "en")], ids=["390px-de", "1440px-en"])
def test_no_room_scrolls_sideways(
    window: Callable[..., Any], result_path: str, keyed_paths: dict[str, str], size: tuple[int, int], language: str
) -> None:
    page = window(size).page
    for name in chain(visit_rooms(page, result_path, language=language), visit_keyed(page, keyed_paths)):
        wide, visible = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        assert wide <= visible, name


@pytest.mark.parametrize(("size", "scheme"), [(NARROW, "dark"), (WIDE, "light")], ids=["390px-dark", "1440px-light"])
def test_axe_finds_nothing_in_any_room(
    window: Callable[..., Any], result_path: str, keyed_paths: dict[str, str], size: tuple[int, int], scheme: str
) -> None:
    page = window(size, scheme).page
    axe = Axe()
    complaints = []
    for name in chain(visit_rooms(page, result_path), visit_keyed(page, keyed_paths)):
        found = axe.run(page)
        if found.violations_count:
            complaints.append(f"{name}: {found.generate_report()}")
    assert complaints == []


WEIGHED = """() => performance.getEntries()
  .filter((entry) => ["navigation", "link", "script", "css", "fetch", "xmlhttprequest"].includes(entry.initiatorType))
  .map((entry) => [entry.name, entry.decodedBodySize])"""


def test_no_page_is_heavy(window: Callable[..., Any], result_path: str) -> None:
    """Without pictures of ECGs; style sheets and scripts as they are sent in production, compressed."""
    page = window().page
    heavy = {}
    for name in chain(visit_rooms(page, result_path), [result_path]):
        page.goto(page.url if name != result_path else result_path, wait_until="networkidle")
        size = 0
        for url, plain_size in page.evaluate(WEIGHED):
            is_static = "/static/" in url
            size += len(gzip.compress(page.context.request.get(url).body())) if is_static else plain_size
        assert size > 0, name
        if size > LARGEST_KB * 1024:
            heavy[name] = size
    assert heavy == {}


@pytest.mark.parametrize("size", [NARROW, WIDE], ids=["390px", "1440px"])
def test_no_page_scrolls_sideways(window: Callable[..., Any], result_path: str, size: tuple[int, int]) -> None:
    page = window(size).page
    for name in visit_all(page, result_path):
        wide, visible = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        assert wide <= visible, name


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [NARROW, WIDE], ids=["390px", "1440px"])
def test_axe_finds_nothing_to_complain_about(
    window: Callable[..., Any], result_path: str, size: tuple[int, int], scheme: str
) -> None:
    page = window(size, scheme).page
    axe = Axe()
    for name in visit_all(page, result_path):
        found = axe.run(page)
        assert found.violations_count == 0, f"{name}: {found.generate_report()}"


def test_a_page_can_be_uploaded_and_looked_at_by_keyboard_alone(
    window: Callable[..., Any], draw: Callable[[int], bytes]
) -> None:
    page = window().page
    page.goto("/accounts/login/")
    expect(page.locator("[name=username]")).to_be_focused()
    page.keyboard.type("clinician")
    page.keyboard.press("Tab")
    page.keyboard.type("isoline-demo")
    page.keyboard.press("Enter")
    page.wait_for_url(START_PAGE)
    tab_to(page, "#id_file")
    choose_by_keyboard(page).set_files({"name": "keys.png", "mimeType": "image/png", "buffer": draw(311)})
    page.wait_for_url("**/diagnoses/*/")
    expect(page.locator("#heat-layer")).to_be_visible()
    tab_to(page, "#heat-opacity")
    page.keyboard.press("Home")
    expect(page.locator("#heat-layer")).to_have_css("opacity", "0")


def test_arrow_keys_lead_to_the_neighbours_but_not_from_the_slider(
    page: Page, result_path: str, draw: Callable[[int], bytes]
) -> None:
    drop(page, neighbour__png=draw(321))
    page.wait_for_url("**/diagnoses/*/")
    expect(page.locator("#heat-layer")).to_be_visible()
    newest = page.url
    page.get_by_role("slider").focus()
    page.keyboard.press("ArrowRight")
    assert page.url == newest
    page.get_by_role("slider").blur()
    page.keyboard.press("ArrowRight")
    page.wait_for_url(lambda url: url != newest)
    page.keyboard.press("ArrowLeft")
    page.wait_for_url(newest)


def test_the_end_of_the_waiting_is_announced(page: Page, house: Any, draw: Callable[[int], bytes]) -> None:
    drop(page, spoken__png=draw(331))
    page.wait_for_url("**/diagnoses/*/")
    live = page.locator("#verdict")
    expect(live).to_have_attribute("role", "status")
    expect(live).not_to_contain_text("Waiting")
    expect(page).not_to_have_title("Waiting for a reader… · Isoline")


def choose_by_keyboard(page: Page) -> FileChooser:
    """Open the file dialog as a person does: press the key, and once more if nothing comes of it.

    A headless Chromium under load drops a key press now and then.
    """
    for key in ("Enter", "Space", "Enter"):
        with suppress(PlaywrightTimeout):
            with page.expect_file_chooser(timeout=5000) as chooser:
                page.keyboard.press(key)
            return chooser.value
    pytest.fail("no key opens the file dialog")


def tab_to(page: Page, selector: str) -> None:
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    pytest.fail(f"no Tab leads to {selector}")

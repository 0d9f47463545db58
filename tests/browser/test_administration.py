"""The administration for everyone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.browser.conftest import NARROW, WIDE, sign_in
from tests.browser.dropping import drop

pytestmark = pytest.mark.browser

# Django's own and not ours to change: a tooltip in the label of two lists, headings of the columns for deletion, and a
# search field whose label is a picture with a text, which axe overlooks.
OF_DJANGO = (".help-tooltip", ".inline-group thead th", "#searchbar")


@pytest.fixture(scope="module")
def _something_to_see(chromium_browser: Any, house: Any, draw: Callable[[int], bytes]) -> None:
    context = chromium_browser.new_context(base_url=house.url)
    page = context.new_page()
    sign_in(page)
    drop(page, read__png=draw(361))
    page.wait_for_url("**/diagnoses/*/")
    context.close()


def visit_everything(page: Page) -> Iterator[str]:
    """Every page that the front page leads to, and the first row of every list."""
    sign_in(page, "admin")
    page.goto("/admin/")
    links = page.locator("#content a, #nav-sidebar a").evaluate_all("all => all.map((link) => link.pathname)")
    for path in dict.fromkeys(["/admin/", *links]):
        if not path.startswith("/admin/"):
            continue
        page.goto(path)
        yield path
        row = page.locator("#result_list tbody th a").first
        if row.count():
            page.goto(row.evaluate("link => link.pathname"))
            yield f"{path}: its first row"


@pytest.mark.usefixtures("_something_to_see")
@pytest.mark.parametrize(("size", "scheme"), [(WIDE, "light"), (NARROW, "dark")], ids=["1440px-light", "390px-dark"])
def test_axe_finds_nothing_in_the_administration(
    window: Callable[..., Any], size: tuple[int, int], scheme: str
) -> None:
    opened = window(size, scheme)
    axe, seen, complaints = Axe(), 0, []
    for name in visit_everything(opened.page):
        complaints += [f"{name}: {complaint}" for complaint in opened.complaints]
        found = axe.run(opened.page, context={"exclude": [[selector] for selector in OF_DJANGO]})
        # Axe tries out styles that our Content-Security-Policy forbids.
        opened.complaints.clear()
        seen += 1
        if found.violations_count:
            complaints.append(f"{name}: {found.generate_report()}")
    assert complaints == []
    assert seen > 40

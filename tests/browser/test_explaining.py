"""An explanation asked for on the result page, in Chromium, with the real methods in a real worker."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.dropping import drop

pytestmark = pytest.mark.browser


def test_another_explanation_is_computed_and_shown_without_a_reload(page: Page, draw: Callable[[int], bytes]) -> None:
    drop(page, explained__png=draw(401))
    layer, method = page.locator("#heat-layer"), page.get_by_label("Explain by")
    expect(layer).to_be_visible()
    expect(method).to_have_value("trace_relevance")
    expect(page.locator("#second-opinion")).to_be_visible()
    first = layer.get_attribute("src")
    page.evaluate("window.sameDocument = true")
    page.get_by_role("slider", name="Heatmap").fill("80")

    # By keyboard alone, as far as the browser lets us.
    method.focus()
    method.select_option("saliency")
    expect(layer).to_have_count(0)
    expect(page.get_by_text("It explains the second network")).to_be_visible()
    compute = page.get_by_role("button", name="Compute")
    compute.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("progressbar", name="Progress of the explanation")).to_be_visible()
    expect(page.locator("#explain-compute")).to_be_focused()
    expect(layer).to_be_visible(timeout=60_000)
    assert layer.get_attribute("src") != first
    expect(layer).to_have_css("opacity", "0.8")
    expect(page.locator("#explain-compute")).to_have_count(0)
    expect(method).to_be_focused()
    page.locator("#explain summary").click()
    expect(page.get_by_text("replaces what the network has learned by random numbers")).to_be_visible()

    method.select_option("trace_relevance")
    expect(layer).to_have_attribute("src", first or "")
    method.select_option("saliency")
    expect(layer).not_to_have_attribute("src", first or "")
    assert page.evaluate("window.sameDocument"), "the page was loaded anew"
    page.reload()
    expect(method).to_have_value("saliency")
    expect(layer).to_be_visible()

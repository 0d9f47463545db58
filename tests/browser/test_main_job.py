"""The main job as a clinician does it, in Chromium, with real web and worker processes."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.dropping import drop

pytestmark = pytest.mark.browser

ENDED = re.compile(r"^(Normal|Abnormal heartbeat|History of MI|Myocardial infarction|COVID-19|Not sure)$")


@contextmanager
def paused_worker(house: Any) -> Iterator[None]:
    house.signal_worker(signal.SIGSTOP)
    try:
        yield
    finally:
        house.signal_worker(signal.SIGCONT)


def test_a_dropped_page_becomes_a_result_in_the_history_until_it_is_deleted(
    page: Page, house: Any, draw: Callable[[int], bytes]
) -> None:
    page.get_by_label("Patient reference").fill("E2E-1")
    with paused_worker(house):
        drop(page, ward__png=draw(101))
        page.wait_for_url("**/diagnoses/*/")
        expect(page.get_by_role("heading", level=1)).to_contain_text("Waiting")
        page.evaluate("window.sameDocument = true")
    expect(page.get_by_role("heading", level=1)).to_have_text(ENDED)
    assert page.evaluate("window.sameDocument"), "the page was loaded anew"
    expect(page.locator("#result-poll")).to_have_count(0)
    assert_heat_lies_on_the_page(page)
    assert_bars_add_up(page)
    assert_traces_were_read(page)
    result_url = page.url

    page.get_by_role("link", name="History", exact=True).first.click()
    row = page.locator("tr[data-diagnosis]", has_text="ward.png")
    expect(row).to_have_count(1)
    expect(row.locator("img")).to_have_js_property("complete", True)
    assert row.locator("img").evaluate("image => image.naturalWidth") > 0
    page.get_by_label("Search").fill("E2E-1")
    page.wait_for_url("**?q=E2E-1")
    expect(page.locator("tr[data-diagnosis]")).to_have_count(1)
    page.get_by_label("State").select_option("failed")
    expect(page.get_by_text("Nothing matches")).to_be_visible()
    page.get_by_role("link", name="Clear filters").click()
    expect(row).to_have_count(1)

    row.get_by_role("link", name="Delete ward.png").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_text("“ward.png” was deleted.")).to_be_visible()
    expect(row).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(row).to_have_count(1)

    page.get_by_role("button", name="account menu").click()
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url("**/accounts/login/**")
    page.goto(result_url)
    expect(page.get_by_label("Password")).to_be_visible()


def test_the_heat_slider_the_crop_and_the_downloads_work(page: Page, draw: Callable[[int], bytes]) -> None:
    drop(page, slider__png=draw(102))
    layer, slider = page.locator("#heat-layer"), page.get_by_role("slider", name="Heatmap")
    expect(layer).to_have_css("opacity", "0.6")
    slider.focus()
    page.keyboard.press("End")
    expect(layer).to_have_css("opacity", "1")
    page.keyboard.press("Home")
    expect(layer).to_have_css("opacity", "0")
    page.keyboard.press("ArrowRight")
    expect(layer).to_have_css("opacity", "0.05")
    page.reload()
    expect(layer).to_have_css("opacity", "0.05")

    crop = page.locator("#crop-outline")
    expect(crop).to_be_hidden()
    page.get_by_role("switch", name="Area that was read").check()
    expect(crop).to_be_visible()
    inner, outer = box(page, "#crop-outline rect"), box(page, "#page-image")
    assert outer["x"] < inner["x"] < inner["x"] + inner["width"] < outer["x"] + outer["width"]
    assert inner["width"] > 0.85 * outer["width"]

    with page.expect_download() as original:
        page.get_by_role("link", name="Save original").click()
    assert original.value.suggested_filename == "slider.png"
    assert Path(original.value.path()).read_bytes() == draw(102)
    with page.expect_download() as overlay:
        page.get_by_role("link", name="Save with heatmap").click()
    assert overlay.value.suggested_filename == "slider-overlay-research-use-only.jpg"


@pytest.mark.dataset
def test_a_page_from_a_real_machine_is_read(page: Page, dataset: Path) -> None:
    real = next(iter(sorted((dataset / "originals").glob("*.jpg"))))
    drop(page, original__jpg=real.read_bytes())
    expect(page.get_by_role("heading", level=1)).to_have_text(ENDED)
    assert_heat_lies_on_the_page(page)
    assert_bars_add_up(page)


def test_what_is_no_ecg_is_refused_with_a_way_on(page: Page, not_an_ecg: bytes) -> None:
    drop(page, holiday__png=not_an_ecg)
    expect(page.get_by_role("heading", level=1)).to_have_text("This page cannot be read")
    expect(page.get_by_text("does not look like an ECG page")).to_be_visible()
    page.get_by_role("link", name="Upload another page").click()
    expect(page.locator("#dropzone")).to_be_visible()


@pytest.fixture(scope="session")
def not_an_ecg() -> bytes:
    import numpy as np

    from ml.decode import encode_png

    rows, columns = np.mgrid[0:800, 0:1100]
    sky = np.dstack([rows / 5, columns / 7, (rows + columns) / 9]).astype(np.uint8)
    return encode_png(sky)


def box(page: Page, selector: str) -> Any:
    found = page.locator(selector).bounding_box()
    assert found, selector
    return found


def assert_heat_lies_on_the_page(page: Page) -> None:
    """The layer covers the page edge to edge, and has its proportions, so that nothing is stretched."""
    expect(page.locator("#heat-layer")).to_be_visible()
    below, above = box(page, "#page-image"), box(page, "#heat-layer")
    for side in ("x", "y", "width", "height"):
        assert above[side] == pytest.approx(below[side], abs=1), side
    for selector in ("#page-image", "#heat-layer"):
        page.locator(selector).evaluate("image => image.decode()")
    proportions = [
        page.locator(selector).evaluate("image => image.naturalWidth / image.naturalHeight")
        for selector in ("#page-image", "#heat-layer")
    ]
    assert proportions[0] == pytest.approx(proportions[1], rel=0.01)


def assert_traces_were_read(page: Page) -> None:
    """Measurements and words arrive with the answer, and what was read can be laid over the page."""
    rate = page.locator('tr[data-measured="heart_rate"] td').first
    expect(rate).to_have_text(re.compile(r"^\d{2,3} /min"))
    expect(page.locator(".in-words li").first).to_contain_text("Heart rate")
    layer = page.locator("#traces-layer")
    expect(layer).to_be_hidden()
    page.get_by_label("Traces as read").check()
    expect(layer).to_be_visible()
    expect(layer).to_have_js_property("complete", True)
    assert layer.evaluate("image => image.naturalWidth") > 0
    ours, theirs = layer.bounding_box(), page.locator("#page-image").bounding_box()
    assert ours is not None
    assert theirs is not None
    assert all(abs(ours[side] - theirs[side]) < 2 for side in ("x", "y", "width", "height")), "edge to edge"
    page.get_by_label("Traces as read").uncheck()
    expect(layer).to_be_hidden()
    page.get_by_text("Measurements of each lead").click()
    expect(page.get_by_role("row", name=re.compile("^V6 ")).first).to_be_visible()


def assert_bars_add_up(page: Page) -> None:
    widths = page.locator(".bar-fill").evaluate_all("bars => bars.map(bar => Number(bar.getAttribute('width')))")
    assert len(widths) == page.locator(".bars tr").count() >= 4
    assert widths == sorted(widths, reverse=True)
    assert sum(widths) == pytest.approx(100, abs=1)

"""The page as a viewer, in Chromium: zoom and pan, callipers, side by side, full screen, paper."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import cv2
import numpy as np
import pypdfium2 as pdfium
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from ml.render import render_page
from ml.synthetic import synthetic_signals
from tests.browser.conftest import NARROW, WIDE, sign_in
from tests.browser.dropping import drop

pytestmark = pytest.mark.browser


def _photograph(seed: int) -> bytes:
    """The same page three times as large, as a camera of thirty megapixels makes it, under another light."""
    page = cv2.resize(render_page(synthetic_signals(seed=seed), seed=seed).image, None, fx=3, fy=3)
    done, data = cv2.imencode(".jpg", page[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 80])
    assert done
    return data.tobytes()


def _uploaded(browser: Any, house: Any, data: bytes, name: str) -> str:
    context = browser.new_context(base_url=house.url)
    page = context.new_page()
    sign_in(page)
    drop(page, **{name: data})
    page.wait_for_url("**/diagnoses/*/")
    expect(page.locator("#tracing table.measured").first).to_be_visible(timeout=60_000)
    path = page.url.removeprefix(house.url)
    context.close()
    return str(path)


@pytest.fixture(scope="module")
def result_path(chromium_browser: Any, house: Any, draw: Callable[[int], bytes]) -> str:
    return _uploaded(chromium_browser, house, draw(501), "viewed__png")


@pytest.fixture(scope="module")
def photograph_path(chromium_browser: Any, house: Any) -> str:
    return _uploaded(chromium_browser, house, _photograph(502), "photograph__jpg")


@pytest.fixture
def viewer(page: Page, result_path: str) -> Page:
    """A wide window with the viewer open, the page fitted into it."""
    return opened(page, result_path)


def opened(page: Page, path: str) -> Page:
    page.goto(path)
    expect(page.locator("#stage.is-live")).to_be_visible()
    expect(page.locator("#heat-layer")).to_be_visible()
    wait_until(page, "document.getElementById('page-image').complete")
    return page


def wait_until(page: Page, true: str) -> None:
    """Playwright's own waiting evaluates strings in the page, which our security policy forbids."""
    for _ in range(100):
        if page.evaluate(true):
            return
        page.wait_for_timeout(50)
    pytest.fail(f"never came true: {true}")


def view(page: Page) -> Locator:
    return page.locator("#stage-view")


def box(locator: Locator) -> dict[str, float]:
    found = locator.bounding_box()
    assert found is not None
    return {"x": found["x"], "y": found["y"], "width": found["width"], "height": found["height"]}


def percent(page: Page) -> int:
    return int(page.locator(".stage-percent").inner_text().removesuffix("%"))


def settled(page: Page) -> int:
    """The zoom, once nothing moves any more."""
    page.wait_for_timeout(250)
    return percent(page)


def shown_at(page: Page, x: float, y: float) -> tuple[float, float]:
    """Which point of the page, as a share of its sides, is shown at a point of the window."""
    image = box(page.locator("#page-image"))
    return (x - image["x"]) / image["width"], (y - image["y"]) / image["height"]


def drag(page: Page, start: tuple[float, float], stop: tuple[float, float]) -> None:
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*stop, steps=6)
    page.mouse.up()


def middle(page: Page) -> tuple[float, float]:
    at = box(view(page))
    return at["x"] + at["width"] / 2, at["y"] + at["height"] / 2


# --- Zoom and pan ----------------------------------------------------------------------------------


def test_the_page_is_fitted_whole_and_uses_the_window(viewer: Page) -> None:
    window, image = box(view(viewer)), box(viewer.locator("#page-image"))
    assert image["x"] >= window["x"]
    assert image["x"] + image["width"] <= window["x"] + window["width"] + 1
    assert image["height"] == pytest.approx(window["height"], abs=3)
    assert window["height"] > 0.6 * WIDE[1]
    assert box(viewer.locator("#explain"))["y"] < WIDE[1]


def test_the_wheel_zooms_with_ctrl_about_the_mouse_and_scrolls_without(viewer: Page) -> None:
    at = box(view(viewer))
    x, y = at["x"] + at["width"] * 0.3, at["y"] + at["height"] * 0.4
    fitted, held = percent(viewer), shown_at(viewer, x, y)
    viewer.mouse.move(x, y)
    viewer.keyboard.down("Control")
    viewer.mouse.wheel(0, -240)
    viewer.keyboard.up("Control")
    assert settled(viewer) > 1.8 * fitted
    assert shown_at(viewer, x, y) == pytest.approx(held, abs=0.002)
    assert viewer.evaluate("window.scrollY") == 0
    closer = percent(viewer)
    viewer.mouse.wheel(0, 240)
    wait_until(viewer, "window.scrollY > 0")
    assert percent(viewer) == closer


def test_buttons_zoom_within_limits_and_say_so(viewer: Page) -> None:
    fitted = percent(viewer)
    closer = viewer.get_by_role("button", name="Zoom in")
    closer.click()
    assert settled(viewer) == pytest.approx(fitted * 1.25, abs=1)
    expect(viewer.locator("[data-viewer=zoom-status]")).to_have_text(f"Zoom {percent(viewer)} %")
    viewer.get_by_role("button", name="1:1").click()
    assert settled(viewer) == 100
    assert box(viewer.locator("#page-image"))["width"] == pytest.approx(2213, abs=1)
    for _ in range(14):
        closer.click()
    assert settled(viewer) == 800
    viewer.get_by_role("button", name="Fit").click()
    assert settled(viewer) == fitted
    for _ in range(3):
        viewer.get_by_role("button", name="Zoom out").click()
    assert settled(viewer) == fitted


def test_keys_zoom_and_move_the_page_and_never_lead_to_another_result(viewer: Page) -> None:
    address, fitted = viewer.url, percent(viewer)
    view(viewer).focus()
    viewer.keyboard.press("ArrowLeft")
    viewer.keyboard.press("ArrowRight")
    viewer.keyboard.press("1")
    assert settled(viewer) == 100
    before = box(viewer.locator("#page-image"))
    viewer.keyboard.press("ArrowRight")
    viewer.keyboard.press("ArrowDown")
    viewer.wait_for_timeout(250)
    after = box(viewer.locator("#page-image"))
    assert after["x"] < before["x"] - 50
    assert after["y"] < before["y"] - 50
    viewer.keyboard.press("-")
    assert settled(viewer) == 80
    viewer.keyboard.press("+")
    viewer.keyboard.press("0")
    assert settled(viewer) == fitted
    assert viewer.url == address


def test_the_page_is_dragged_but_never_out_of_sight(viewer: Page) -> None:
    viewer.get_by_role("button", name="1:1").click()
    settled(viewer)
    x, y = middle(viewer)
    before = box(viewer.locator("#page-image"))
    drag(viewer, (x, y), (x - 120, y - 60))
    after = box(viewer.locator("#page-image"))
    assert (after["x"] - before["x"], after["y"] - before["y"]) == pytest.approx((-120, -60), abs=1)
    for _ in range(5):
        drag(viewer, (x - 300, y - 200), (x + 300, y + 200))
    at, image = box(view(viewer)), box(viewer.locator("#page-image"))
    assert (image["x"], image["y"]) == pytest.approx((at["x"] + 1, at["y"] + 1), abs=1)


def test_a_double_click_goes_close_and_back(viewer: Page) -> None:
    fitted = percent(viewer)
    x, y = middle(viewer)
    viewer.mouse.dblclick(x, y)
    assert settled(viewer) == 100
    viewer.mouse.dblclick(x, y)
    assert settled(viewer) == fitted


def test_two_fingers_zoom_about_what_is_between_them(window: Callable[..., Any], result_path: str) -> None:
    page = window(NARROW).page
    sign_in(page)
    opened(page, result_path)
    x, y = middle(page)
    fitted, held = percent(page), shown_at(page, x, y)
    touch = page.context.new_cdp_session(page)

    def fingers(kind: str, apart: float) -> None:
        points = [{"x": x - apart, "y": y, "id": 1}, {"x": x + apart, "y": y, "id": 2}]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points if kind != "touchEnd" else []})

    fingers("touchStart", 30)
    for apart in (40, 60, 80, 90):
        fingers("touchMove", apart)
    fingers("touchEnd", 0)
    assert settled(page) == pytest.approx(3 * fitted, rel=0.05)
    assert shown_at(page, x, y) == pytest.approx(held, abs=0.01)
    assert page.evaluate("visualViewport.scale") == 1


def test_no_animation_where_less_motion_is_wanted(viewer: Page) -> None:
    viewer.emulate_media(reduced_motion="reduce")
    viewer.get_by_role("button", name="1:1").click()
    assert percent(viewer) == 100


@pytest.mark.parametrize("zoom", ["0", "1"])
def test_layers_lie_on_the_page_at_every_zoom_and_after_another_explanation(viewer: Page, zoom: str) -> None:
    view(viewer).focus()
    viewer.keyboard.press("1")
    viewer.keyboard.press(zoom)
    settled(viewer)
    viewer.get_by_role("switch", name="Traces as read").check()
    viewer.get_by_role("switch", name="Area that was read").check()

    def check(layers: tuple[str, ...] = ("#heat-layer", "#traces-layer", "#crop-outline")) -> None:
        page_box = box(viewer.locator("#page-image"))
        for name in layers:
            assert box(viewer.locator(name)) == pytest.approx(page_box, abs=0.6), name

    check()
    before, layer = percent(viewer), viewer.locator("#heat-layer")
    first = layer.get_attribute("src")
    viewer.get_by_label("for", exact=True).select_option(index=1)
    expect(layer).to_have_count(0)
    expect(viewer.get_by_role("button", name="Compute")).to_be_visible()
    check(("#traces-layer", "#crop-outline"))
    viewer.get_by_label("for", exact=True).select_option(index=0)
    expect(layer).to_have_attribute("src", str(first))
    expect(viewer.locator("#traces-layer")).to_be_visible()
    assert percent(viewer) == before
    check()


def test_the_whole_page_comes_only_when_somebody_looks_closely(page: Page, result_path: str) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    opened(page, result_path)
    page.wait_for_timeout(400)
    assert not any(url.endswith("/page/") for url in asked)
    page.get_by_role("button", name="1:1").click()
    whole = page.locator("#stage-view .stage-sharp")
    expect(whole).to_be_visible()
    wait_until(page, "document.querySelector('.stage-sharp').naturalWidth === 2213")
    assert box(whole) == pytest.approx(box(page.locator("#page-image")), abs=0.6)
    assert sum(url.endswith("/page/") for url in asked) == 1


def test_of_a_large_photograph_only_the_tiles_in_view_are_loaded(page: Page, photograph_path: str) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    opened(page, photograph_path)
    assert any(url.endswith("/screen/") for url in asked)
    assert not any("/page/" in url or "/tiles/" in url for url in asked)
    natural = page.evaluate("document.getElementById('page-image').naturalWidth")
    assert natural == 1600
    page.get_by_role("button", name="1:1").click()
    tiles = page.locator("#stage-view .stage-sharp")
    expect(tiles.first).to_be_visible()
    wait_until(page, "[...document.querySelectorAll('.stage-sharp')].every((tile) => tile.naturalWidth > 0)")
    assert 1 <= tiles.count() <= 6
    assert not any("/page/" in url for url in asked)
    # Each lies where its pixels belong, one to one.
    image = box(page.locator("#page-image"))
    for tile in tiles.all():
        column, row = (int(part) for part in str(tile.get_attribute("data-part")).split("-"))
        at = box(tile)
        assert at["x"] - image["x"] == pytest.approx(column * 1024, abs=1)
        assert at["y"] - image["y"] == pytest.approx(row * 1024, abs=1)
        assert at["width"] == pytest.approx(tile.evaluate("tile => tile.naturalWidth"), abs=1)


# --- Callipers -------------------------------------------------------------------------------------

_READ = """async ([name, ...args]) => {
  const measure = await import("/static/js/viewer/measure.js");
  return measure[name](...args);
}"""


@pytest.fixture
def measure(viewer: Page) -> Callable[..., Any]:
    """The viewer's own arithmetic."""
    return lambda name, *args: viewer.evaluate(_READ, [name, *args])


def test_known_lengths_at_known_scales_give_the_right_values(measure: Callable[..., Any]) -> None:
    def point(x: float, y: float) -> dict[str, float]:
        return {"x": x, "y": y}

    usual = {"pxPerMm": 8, "rotationDeg": 0, "mmPerS": 25, "mmPerMv": 10}
    # Four large boxes of paper, 20 mm, are 800 ms at 25 mm/s: a rate of 75 a minute.
    time = measure("read", "time", point(100, 50), point(260, 50), usual)
    assert time == pytest.approx({"px": 160, "ms": 800, "perMinute": 75})
    assert measure("read", "time", point(260, 50), point(100, 50), usual)["ms"] == pytest.approx(800)
    assert measure("read", "time", point(0, 0), point(160, 0), usual | {"mmPerS": 50})["ms"] == pytest.approx(400)
    assert measure("read", "voltage", point(5, 200), point(5, 80), usual) == pytest.approx({"px": 120, "mv": 1.5})
    assert measure("read", "voltage", point(5, 200), point(5, 80), usual | {"mmPerMv": 5})["mv"] == pytest.approx(3)
    assert measure("read", "time", point(0, 0), point(160, 0), usual | {"pxPerMm": 0}) == {"px": 160}


def test_a_turned_page_is_measured_along_its_own_axes(measure: Callable[..., Any]) -> None:
    turn = np.deg2rad(10)
    scale = {"pxPerMm": 8, "rotationDeg": 10, "mmPerS": 25, "mmPerMv": 10}
    start = {"x": 500, "y": 300}
    along = {"x": 500 + 160 * np.cos(turn), "y": 300 + 160 * np.sin(turn)}
    down = {"x": 500 - 80 * np.sin(turn), "y": 300 + 80 * np.cos(turn)}
    assert measure("kindOf", start, along, 10) == "time"
    assert measure("kindOf", start, down, 10) == "voltage"
    assert measure("read", "time", start, along, scale)["ms"] == pytest.approx(800)
    assert measure("read", "voltage", start, down, scale)["mv"] == pytest.approx(1)
    # What leaves the axis does not count.
    both = {"x": along["x"] + down["x"] - 500, "y": along["y"] + down["y"] - 300}
    assert measure("endTowards", "time", start, both, 10) == pytest.approx(along)
    assert measure("endTowards", "voltage", start, both, 10) == pytest.approx(down)


def test_a_span_marches_to_both_edges_and_no_further(measure: Callable[..., Any]) -> None:
    page = {"width": 1000, "height": 600}
    marks = measure("march", {"x": 400, "y": 100}, {"x": 550, "y": 100}, page)
    assert sorted(mark["x"] for mark in marks) == [100, 250, 700, 850, 1000]
    assert measure("march", {"x": 400, "y": 100}, {"x": 400, "y": 100}, page) == []


def drawn_px_per_mm(page: Page) -> float:
    return float(page.locator("[data-px-per-mm]").get_attribute("data-px-per-mm") or 0)


def reading(page: Page) -> str:
    return page.locator(".calliper-reading").inner_text().replace("\u202f", " ")


def values(text: str) -> list[float]:
    """The numbers of a reading, "Time span 1: 1,234 ms · 49/min"."""
    return [float(number.replace(",", "")) for number in re.findall(r"[\d.,]*\d", text.partition(":")[2])]


def test_dragging_measures_time_and_voltage_on_the_pages_own_grid(viewer: Page) -> None:
    view(viewer).focus()
    viewer.keyboard.press("1")
    viewer.keyboard.press("c")
    settled(viewer)
    x, y = middle(viewer)
    scale = drawn_px_per_mm(viewer)
    assert scale == pytest.approx(7.87, abs=0.05)
    drag(viewer, (x - 100, y), (x + 60, y + 7))
    assert values(reading(viewer))[0] == pytest.approx(160 / scale / 25 * 1000, abs=1)
    assert f"· {round(60_000 / (160 / scale / 25 * 1000))}/min" in reading(viewer)
    drag(viewer, (x - 200, y - 60), (x - 195, y + 60))
    assert values(reading(viewer)) == pytest.approx([120 / scale / 10], abs=0.01)
    assert viewer.locator("#stage-view .calliper-label").count() == 2
    # Zoom changes nothing of what was measured, and the callipers stay where they were put.
    before, held = reading(viewer), shown_at(viewer, x - 200, y - 60)
    viewer.keyboard.press("-")
    settled(viewer)
    assert reading(viewer) == before
    handle = box(viewer.locator("#stage-view .calliper-handle.is-voltage").first)
    at = shown_at(viewer, handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2)
    assert at == pytest.approx(held, abs=0.001)
    # The paper's speed is the reader's to say.
    viewer.get_by_label("Gain").select_option("20")
    assert values(reading(viewer)) == pytest.approx([120 / scale / 20], abs=0.01)


def test_two_clicks_draw_a_span_as_well_as_a_drag(viewer: Page) -> None:
    viewer.get_by_role("button", name="Callipers").click()
    viewer.get_by_role("button", name="1:1").click()
    settled(viewer)
    x, y = middle(viewer)
    viewer.mouse.click(x, y)
    expect(viewer.get_by_text("Now the other end.")).to_be_visible()
    viewer.mouse.click(x + 200, y)
    assert values(reading(viewer))[0] == pytest.approx(200 / drawn_px_per_mm(viewer) / 25 * 1000, abs=1)


def test_callipers_by_keyboard_alone(viewer: Page) -> None:
    view(viewer).focus()
    viewer.keyboard.press("c")
    # The bar stands before the page.
    for _ in range(12):
        viewer.keyboard.press("Shift+Tab")
        if viewer.evaluate("document.activeElement.dataset.viewer === 'time-span'"):
            break
    viewer.keyboard.press("Enter")
    end = viewer.get_by_role("slider", name="Time span 1, end")
    expect(end).to_be_focused()
    assert values(reading(viewer)) == pytest.approx([800, 75], abs=1)
    step = 10 / (percent(viewer) / 100) / drawn_px_per_mm(viewer) / 25 * 1000
    viewer.keyboard.press("Shift+ArrowRight")
    assert values(reading(viewer))[0] == pytest.approx(800 + step, rel=0.01)
    assert end.get_attribute("aria-valuetext") == reading(viewer).partition(": ")[2]
    at = box(end)
    viewer.keyboard.press("ArrowDown")
    assert box(end)["y"] == pytest.approx(at["y"] + 1, abs=0.1)
    viewer.keyboard.press("m")
    expect(viewer.get_by_role("button", name="March out")).to_have_attribute("aria-pressed", "true")
    assert "M" in str(viewer.locator("#stage-view .calliper-march").get_attribute("d"))
    viewer.keyboard.press("Shift+Tab")
    expect(viewer.get_by_role("slider", name="Time span 1, start")).to_be_focused()
    viewer.keyboard.press("Delete")
    expect(viewer.get_by_role("slider", name="Time span 1, start")).to_have_count(0)
    expect(view(viewer)).to_be_focused()
    viewer.keyboard.press("Escape")
    expect(viewer.get_by_role("button", name="Callipers")).to_have_attribute("aria-pressed", "false")


def test_clear_all_takes_every_calliper_away(viewer: Page) -> None:
    viewer.get_by_role("button", name="Callipers").click()
    for name in ("Time span", "Voltage span", "Time span"):
        viewer.get_by_role("button", name=name).click()
    assert viewer.get_by_role("slider", name="span").count() == 6
    viewer.get_by_role("button", name="Clear all").click()
    assert viewer.get_by_role("slider", name="span").count() == 0
    assert viewer.locator(".calliper").count() == 0


def test_a_page_without_a_scale_says_so_and_is_given_one_by_hand(viewer: Page) -> None:
    viewer.evaluate("document.querySelector('[data-px-per-mm]').remove()")
    view(viewer).focus()
    viewer.keyboard.press("1")
    viewer.keyboard.press("c")
    settled(viewer)
    expect(viewer.get_by_text("The scale of this page is not known.")).to_be_visible()
    x, y = middle(viewer)
    drag(viewer, (x, y), (x + 4.5, y + 1))
    expect(viewer.get_by_text("too short for a large box")).to_be_visible()
    drag(viewer, (x, y), (x + 50, y))
    expect(viewer.get_by_text("Scale set by hand: 1 mm is 10.00 px.")).to_be_visible()
    drag(viewer, (x, y), (x + 250, y))
    assert values(reading(viewer)) == pytest.approx([1000, 60])


# --- Side by side, full screen, everyone, paper -----------------------------------------------------


def test_side_by_side_shows_the_plain_page_at_the_same_place(viewer: Page) -> None:
    viewer.get_by_role("button", name="Side by side").click()
    plain = viewer.locator("#stage-plain")
    expect(plain).to_be_visible()
    assert box(plain)["x"] < box(view(viewer))["x"]
    assert box(plain)["width"] == pytest.approx(box(view(viewer))["width"], abs=1)
    assert plain.locator(".stage-layer").count() == 0
    view(viewer).focus()
    viewer.keyboard.press("1")
    viewer.keyboard.press("ArrowRight")
    settled(viewer)
    left, right = box(plain.locator(".stage-picture")), box(viewer.locator("#page-image"))
    offset = box(view(viewer))["x"] - box(plain)["x"]
    assert (right["x"] - left["x"], right["y"], right["width"]) == pytest.approx(
        (offset, left["y"], left["width"]), abs=1
    )
    # The explanation is still chosen beside it.
    viewer.get_by_role("slider", name="Heatmap").fill("30")
    expect(viewer.locator("#heat-layer")).to_have_css("opacity", "0.3")
    viewer.get_by_role("button", name="Side by side").click()
    expect(plain).to_be_hidden()


def test_side_by_side_is_stacked_on_a_phone(window: Callable[..., Any], result_path: str) -> None:
    page = window(NARROW).page
    sign_in(page)
    opened(page, result_path)
    page.get_by_role("button", name="Side by side").tap()
    plain, over = box(page.locator("#stage-plain")), box(view(page))
    assert plain["y"] + plain["height"] <= over["y"]
    assert plain["width"] == pytest.approx(over["width"], abs=1)


@pytest.mark.parametrize("has_full_screen", [True, False], ids=["native", "fallback"])
def test_full_screen_and_back(viewer: Page, has_full_screen: bool) -> None:
    if not has_full_screen:
        viewer.evaluate("delete Element.prototype.requestFullscreen")
    view(viewer).focus()
    viewer.keyboard.press("f")
    leave = viewer.get_by_role("button", name="Leave full screen")
    expect(leave).to_be_visible()
    expect(viewer.locator("#stage.is-full")).to_be_visible()
    assert box(viewer.locator("#stage")) == {"x": 0, "y": 0, "width": WIDE[0], "height": WIDE[1]}
    # Nothing is behind that could scroll, so the wheel zooms.
    viewer.mouse.move(*middle(viewer))
    fitted = settled(viewer)
    viewer.mouse.wheel(0, -120)
    assert settled(viewer) > fitted
    leave.click()
    expect(viewer.get_by_role("button", name="Full screen", exact=True)).to_be_visible()
    assert viewer.get_by_role("link", name="History").first.is_enabled()
    assert viewer.locator("[inert]").count() == 0


def test_the_page_stays_in_sight_while_one_reads_on(viewer: Page) -> None:
    viewer.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    wait_until(viewer, "window.scrollY > 100")
    at = box(view(viewer))
    assert at["y"] > 50
    assert at["y"] + at["height"] < WIDE[1]


def test_model_and_card_are_seen_without_opening_anything(viewer: Page) -> None:
    card = viewer.locator("#findings").get_by_role("link", name="model card")
    expect(card).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [NARROW, WIDE], ids=["390px", "1440px"])
def test_axe_finds_nothing_in_the_viewer(
    window: Callable[..., Any], result_path: str, size: tuple[int, int], scheme: str
) -> None:
    page = window(size, scheme).page
    sign_in(page)
    opened(page, result_path)
    page.get_by_role("button", name="Side by side").click()
    page.get_by_role("button", name="Callipers").click()
    page.get_by_role("button", name="Time span").click()
    page.get_by_role("button", name="Voltage span").click()
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    wide, visible = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert wide <= visible


@pytest.fixture
def printed(viewer: Page) -> Iterator[pdfium.PdfDocument]:
    view(viewer).focus()
    viewer.keyboard.press("1")
    settled(viewer)
    document = pdfium.PdfDocument(viewer.pdf(prefer_css_page_size=True))
    yield document
    document.close()


def test_a_result_is_printed_on_one_sheet_with_its_notice(printed: pdfium.PdfDocument) -> None:
    assert len(printed) == 1
    text = printed[0].get_textpage().get_text_bounded()
    for words in ("Research use only", "Heart rate", "Read by", "viewed.png"):
        assert words in text
    for words in ("Callipers", "Delete page", "Upload another page"):
        assert words not in text

"""The page in the sizes a screen needs: made when somebody looks, kept, and gone with the page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from django.core.files.storage import default_storage
from django.test import Client
from django.urls import reverse
from numpy.typing import NDArray

from accounts.models import Site, User
from diagnosis import deletion, intake, renditions, viewer
from diagnosis.models import Diagnosis, Upload
from diagnosis.tracing_files import Drawn


def scan(width: int, height: int, suffix: str = ".png") -> bytes:
    """Paper with noise, too much of it to be small in bytes; each corner in a colour of its own."""
    page = np.random.default_rng(width).integers(180, 255, (height, width, 3), dtype=np.uint8)
    page[:200, :200], page[:200, -200:], page[-200:, -200:] = (0, 0, 255), (0, 255, 0), (255, 0, 0)
    done, data = cv2.imencode(suffix, page)
    assert done
    return data.tobytes()


@pytest.fixture
def take(clinician: User, site: Site) -> Callable[..., Upload]:
    def accept(width: int, height: int, suffix: str = ".png") -> Upload:
        data = scan(width, height, suffix)
        return intake.accept(data=data, original_name=f"scan{suffix}", user=clinician, site=site).uploads[0]

    return accept


def screen(browser: Client, upload: Upload, **headers: str) -> Any:
    return browser.get(reverse("diagnosis:screen_image", args=(upload.pk,)), headers=headers)


def tile(browser: Client, upload: Upload, column: int, row: int) -> Any:
    return browser.get(reverse("diagnosis:tile", args=(upload.pk, column, row)))


def decoded(response: Any) -> NDArray[np.uint8]:
    picture = cv2.imdecode(np.frombuffer(response.body, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return np.asarray(picture, dtype=np.uint8)


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_a_large_page_comes_on_a_screens_worth_of_pixels(
    browser: Client, take: Callable[..., Upload], suffix: str
) -> None:
    upload = take(3500, 2500, suffix)
    answer = screen(browser, upload)
    assert answer.headers["Content-Type"] == "image/webp"
    picture = decoded(answer)
    assert picture.shape == (1143, 1600, 3)
    # The whole page, the right way round and in its own colours (BGR).
    for corner, colour in ((picture[40, 40], 2), (picture[40, -40], 1), (picture[-40, -40], 0)):
        assert int(np.argmax(corner)) == colour
    assert len(answer.body) < Path(upload.page.path).stat().st_size / 3


def test_it_is_made_once_and_not_sent_to_a_browser_that_has_it(
    browser: Client, take: Callable[..., Upload], monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = take(2600, 1400)
    first = screen(browser, upload)
    Path(upload.page.path).unlink()  # nothing could be made any more
    assert screen(browser, upload).body == first.body
    again = screen(browser, upload, **{"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.body) == (304, b"")


def test_a_small_page_is_its_own_screen_copy(browser: Client, take: Callable[..., Upload]) -> None:
    upload = take(1200, 800)
    whole: Any = browser.get(reverse("diagnosis:page_image", args=(upload.pk,)))
    assert screen(browser, upload).body == whole.body
    assert not default_storage.exists(renditions.screen_name(upload))


def test_the_tiles_of_a_page_are_its_pixels_to_the_last_one(browser: Client, take: Callable[..., Upload]) -> None:
    upload = take(2300, 1100)
    assert decoded(tile(browser, upload, 0, 0)).shape == (1024, 1024, 3)
    last = decoded(tile(browser, upload, 2, 1))
    assert last.shape == (1100 - 1024, 2300 - 2048, 3)
    assert int(np.argmax(last[40, 200])) == 0
    assert tile(browser, upload, 3, 0).status_code == 404
    assert tile(browser, upload, 0, 2).status_code == 404


def test_where_the_page_is_lost_there_is_nothing_to_make(browser: Client, take: Callable[..., Upload]) -> None:
    upload = take(2600, 1400)
    Path(upload.page.path).unlink()
    assert screen(browser, upload).status_code == 404
    assert tile(browser, upload, 0, 0).status_code == 404


def test_what_was_made_of_a_page_goes_with_it(
    browser: Client, take: Callable[..., Upload], clinician: User, administrator: User
) -> None:
    upload, kept = take(2600, 1400), take(2700, 1400)
    for one in (upload, kept):
        assert screen(browser, one).status_code == tile(browser, one, 0, 0).status_code == 200
    deletion.delete(upload, clinician)
    deletion.erase(upload, administrator)
    assert not Path(default_storage.path(renditions.folder(upload))).exists() or not any(
        Path(default_storage.path(renditions.folder(upload))).iterdir()
    )
    assert default_storage.exists(renditions.screen_name(kept))


def test_a_page_erased_meanwhile_leaves_nothing_behind(take: Callable[..., Upload]) -> None:
    upload = take(2600, 1400)
    Upload.objects.filter(pk=upload.pk).delete()
    renditions.make_screen_copy(upload)
    renditions.make_tiles(upload)
    assert not any(path.is_file() for path in Path(default_storage.path(renditions.folder(upload))).rglob("*"))


def test_the_viewer_is_told_where_to_find_the_page(take: Callable[..., Upload]) -> None:
    small, middle, large = (viewer.pictures(take(*size)) for size in ((1200, 800), (2600, 1400), (4000, 2200)))
    assert (small.screen_width, small.whole_url, small.tile_url) == (1200, "", "")
    assert middle.screen_width == 1600
    assert middle.whole_url.endswith("/page/")
    assert not middle.tile_url
    assert large.tile_url.endswith("/tiles/0/0/")
    assert not large.whole_url


def test_the_scale_of_the_page_comes_with_the_gain_that_was_read(
    browser: Client, take: Callable[..., Upload], read: Callable[..., Diagnosis]
) -> None:
    values = {"px_per_mm": 7.87, "rotation_deg": -1.5, "layout": "4x2.5"}
    done = read(take(300, 200), tracing=Drawn(values, {"gain_mm_per_mv": 5.0, "leads": []}, "<svg/>"))
    text = browser.get(done.get_absolute_url()).content.decode()
    assert 'data-px-per-mm="7.87" data-rotation-deg="-1.5" data-gain="5.0"' in text


def test_a_page_whose_scale_was_not_read_claims_none(
    browser: Client, take: Callable[..., Upload], read: Callable[..., Diagnosis]
) -> None:
    done = read(take(300, 200), tracing=Drawn({"reason": "scale_unknown"}))
    assert "data-px-per-mm" not in browser.get(done.get_absolute_url()).content.decode()

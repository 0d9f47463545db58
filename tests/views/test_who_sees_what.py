"""A table: every address × everyone who may ask → what they get."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, reverse

from accounts.models import User
from diagnosis import tracing_files
from diagnosis.models import Diagnosis, Upload
from diagnosis.urls import urlpatterns

# Who asks, in the order of the columns below. The page is the clinician's; each name is a fixture.
ASKERS = ("clinician", "colleague", "reviewer", "api_client_user", "administrator", "other_clinician", "nobody")

# address → method and status for each asker. 302 is a redirect: to the log-in for nobody, onwards for the others.
TABLE: dict[str, tuple[str, tuple[int, ...]]] = {
    "upload": ("get", (200, 200, 200, 200, 200, 200, 302)),
    "upload_rows": ("get", (200, 200, 200, 200, 200, 200, 302)),
    "history": ("get", (200, 200, 200, 200, 200, 200, 302)),
    "result": ("get", (200, 200, 200, 200, 200, 404, 302)),
    "result_status": ("get", (200, 200, 200, 200, 200, 404, 302)),
    "tracing": ("get", (200, 200, 200, 200, 200, 404, 302)),
    "explain": ("post", (302, 302, 302, 302, 302, 404, 302)),
    "read_again": ("post", (302, 302, 302, 302, 302, 404, 302)),
    "delete_upload": ("get", (200, 403, 200, 403, 200, 404, 302)),
    "restore_upload": ("post", (404, 404, 404, 404, 404, 404, 302)),
    "page_image": ("get", (200, 200, 200, 200, 200, 404, 401)),
    "thumbnail": ("get", (200, 200, 200, 200, 200, 404, 401)),
    "original": ("get", (200, 200, 200, 200, 200, 404, 401)),
    "heat_layer": ("get", (200, 200, 200, 200, 200, 404, 401)),
    "overlay": ("get", (200, 200, 200, 200, 200, 404, 401)),
    "traces": ("get", (200, 200, 200, 200, 200, 404, 401)),
    "model_card": ("get", (200, 200, 200, 200, 200, 200, 302)),
}
KEY_OF = {
    **dict.fromkeys(("result", "result_status", "tracing", "explain", "read_again"), "diagnosis"),
    **dict.fromkeys(("page_image", "thumbnail", "original", "delete_upload", "restore_upload"), "upload"),
    **dict.fromkeys(("heat_layer", "overlay"), "heatmap"),
    "traces": "tracing",
    "model_card": "model",
}
CELLS = [
    (name, method, asker, status)
    for name, (method, statuses) in TABLE.items()
    for asker, status in zip(ASKERS, statuses, strict=True)
]


@pytest.fixture
def done(take_in: Callable[..., Upload], read: Callable[..., Diagnosis]) -> Diagnosis:
    tracing = tracing_files.Drawn({"layout": "4x2.5"}, {"leads": []}, "<svg/>")
    return read(take_in(patient_reference="P-1", note="a note of ours"), tracing=tracing)


@pytest.fixture
def visit(
    request: pytest.FixtureRequest, signed_in: Callable[[User], Client], nobody: Client
) -> Callable[[str], Client]:
    """The browser of one of ``ASKERS``."""
    return lambda asker: nobody if asker == "nobody" else signed_in(request.getfixturevalue(asker))


def address(name: str, done: Diagnosis) -> str:
    keys: dict[str, Any] = {
        "diagnosis": done.pk,
        "upload": done.upload_id,
        "heatmap": done.heatmaps.get().pk,
        "tracing": done.tracing.pk,
        "model": done.model_version_id,
    }
    kwargs = {"pk": keys[KEY_OF[name]]} if name in KEY_OF else {}
    return reverse(f"diagnosis:{name}", kwargs=kwargs)


def test_the_table_has_a_row_for_every_address() -> None:
    assert {pattern.name for pattern in urlpatterns if isinstance(pattern, URLPattern)} == set(TABLE)


@pytest.mark.parametrize(("name", "method", "asker", "status"), CELLS, ids=[f"{c[0]}-{c[2]}" for c in CELLS])
def test_each_address_answers_each_asker_as_the_table_says(
    name: str, method: str, asker: str, status: int, done: Diagnosis, visit: Callable[[str], Client]
) -> None:
    response = getattr(visit(asker), method)(address(name, done))
    assert response.status_code == status
    if asker == "nobody" and status == 302:
        assert response.url.startswith(reverse("accounts:login"))


@pytest.mark.parametrize("name", ["page_image", "thumbnail", "original", "heat_layer", "overlay", "traces", "result"])
def test_a_deleted_page_is_gone_for_everyone(name: str, done: Diagnosis, visit: Callable[[str], Client]) -> None:
    path = address(name, done)
    visit("clinician").post(reverse("diagnosis:delete_upload", kwargs={"pk": done.upload_id}))
    for asker in ASKERS[:-1]:
        assert visit(asker).get(path).status_code == 404, asker


def test_lists_show_a_stranger_nothing_of_the_other_site(done: Diagnosis, visit: Callable[[str], Client]) -> None:
    stranger = visit("other_clinician")
    rows = stranger.get(reverse("diagnosis:upload_rows"), {"id": str(done.pk)}).content.decode()
    history = stranger.get(reverse("diagnosis:history")).content.decode()
    for text in (rows, history):
        assert str(done.pk) not in text
        assert "P-1" not in text
    assert "No pages yet" in history


@pytest.mark.parametrize("asker", ["colleague", "api_client_user", "other_clinician", "nobody"])
def test_those_who_may_not_delete_cannot_do_it_by_posting_either(
    asker: str, done: Diagnosis, visit: Callable[[str], Client]
) -> None:
    visit(asker).post(reverse("diagnosis:delete_upload", kwargs={"pk": done.upload_id}))
    done.upload.refresh_from_db()
    assert done.upload.deleted_at is None


@pytest.mark.parametrize("name", ["result", "history", "upload", "result_status"])
def test_pages_with_patients_stay_in_no_cache(name: str, done: Diagnosis, browser: Client) -> None:
    assert "no-store" in browser.get(address(name, done)).headers["Cache-Control"]

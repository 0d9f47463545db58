"""A table: every address × everyone who may ask → what they get."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, reverse

from accounts.models import User
from diagnosis import tracing_files
from diagnosis.documents import rendering, requests
from diagnosis.documents.models import Document
from diagnosis.documents.urls import urlpatterns as document_patterns
from diagnosis.fhir.urls import urlpatterns as fhir_patterns
from diagnosis.models import Diagnosis, Upload
from diagnosis.review import reporting
from diagnosis.review.models import Report
from diagnosis.saved_filters import keeping
from diagnosis.urls import urlpatterns

# Who asks, in the order of the columns below. The page is the clinician's; each name is a fixture.
ASKERS = ("clinician", "colleague", "reviewer", "api_client_user", "administrator", "other_clinician", "nobody")

# address → method and status for each asker. 302 is a redirect: to the log-in for nobody, onwards for the others.
TABLE: dict[str, tuple[str, tuple[int, ...]]] = {
    "upload": ("get", (200, 200, 200, 200, 200, 200, 302)),
    "upload_rows": ("get", (200, 200, 200, 200, 200, 200, 302)),
    "history": ("get", (200, 200, 200, 200, 200, 200, 302)),
    "history_count": ("get", (200, 200, 200, 200, 200, 200, 302)),
    "history_export": ("get", (200, 200, 200, 200, 200, 200, 302)),
    "result": ("get", (200, 200, 200, 200, 200, 404, 302)),
    "result_status": ("get", (200, 200, 200, 200, 200, 404, 302)),
    "tracing": ("get", (200, 200, 200, 200, 200, 404, 302)),
    "explain": ("post", (302, 302, 302, 302, 302, 404, 302)),
    "read_again": ("post", (302, 302, 302, 302, 302, 404, 302)),
    "details": ("get", (200, 200, 200, 200, 200, 404, 302)),
    "delete_upload": ("get", (200, 403, 200, 403, 200, 404, 302)),
    "restore_upload": ("post", (404, 404, 404, 404, 404, 404, 302)),
    "page_image": ("get", (200, 200, 200, 200, 200, 404, 401)),
    "screen_image": ("get", (200, 200, 200, 200, 200, 404, 401)),
    "tile": ("get", (200, 200, 200, 200, 200, 404, 401)),
    "thumbnail": ("get", (200, 200, 200, 200, 200, 404, 401)),
    "original": ("get", (200, 200, 200, 200, 200, 404, 401)),
    "heat_layer": ("get", (200, 200, 200, 200, 200, 404, 401)),
    "overlay": ("get", (200, 200, 200, 200, 200, 404, 401)),
    "traces": ("get", (200, 200, 200, 200, 200, 404, 401)),
    "model_card": ("get", (200, 200, 200, 200, 200, 200, 302)),
    # The report. Only clinicians of the site come to the steps that write.
    "review:report": ("get", (302, 302, 302, 302, 302, 404, 302)),
    "review:sign": ("get", (200, 200, 200, 403, 403, 404, 302)),
    "review:send_back": ("get", (302, 302, 302, 403, 403, 404, 302)),
    "review:amend": ("get", (200, 200, 200, 403, 403, 404, 302)),
    "review:discard": ("get", (200, 200, 200, 403, 403, 404, 302)),
    "review:blind": ("post", (302, 302, 302, 302, 302, 404, 302)),
    "patients:patients": ("get", (200, 200, 200, 200, 200, 200, 302)),
    "patients:patient": ("get", (200, 200, 200, 200, 200, 404, 302)),
    "patients:compare": ("get", (200, 200, 200, 200, 200, 404, 302)),
    "documents:request": ("post", (302, 302, 302, 302, 302, 404, 302)),
    "documents:document": ("get", (200, 200, 200, 200, 200, 404, 302)),
    "documents:document_status": ("get", (200, 200, 200, 200, 200, 404, 302)),
    "documents:pdf": ("get", (200, 200, 200, 200, 200, 404, 401)),
    "documents:verify": ("get", (200, 200, 200, 200, 200, 200, 302)),
    "documents:verify_code": ("get", (200, 200, 200, 200, 200, 404, 302)),
    "fhir:download": ("get", (200, 200, 200, 200, 200, 404, 302)),
    "saved_filters": ("get", (200, 200, 200, 200, 200, 200, 302)),
    # Everybody has filters of their own, and sees no colleague's.
    "rename_filter": ("post", (302, 404, 404, 404, 404, 404, 302)),
    "delete_filter": ("post", (302, 404, 404, 404, 404, 404, 302)),
}
# These rooms are checked against a table of their own: tests/worklist/test_pages.py.
ELSEWHERE = {"worklist"}
KEY_OF = {
    **dict.fromkeys(("result", "result_status", "tracing", "explain", "read_again"), "diagnosis"),
    **dict.fromkeys(("page_image", "screen_image", "thumbnail", "original"), "upload"),
    **dict.fromkeys(("tile", "details", "delete_upload", "restore_upload"), "upload"),
    **dict.fromkeys(("heat_layer", "overlay"), "heatmap"),
    **dict.fromkeys((f"review:{step}" for step in ("report", "sign", "send_back", "amend", "discard")), "diagnosis"),
    **dict.fromkeys(("review:blind", "documents:request", "fhir:download"), "diagnosis"),
    **dict.fromkeys(("documents:document", "documents:document_status", "documents:pdf"), "document"),
    **dict.fromkeys(("rename_filter", "delete_filter"), "filter"),
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
    keys: dict[str, Callable[[], Any]] = {
        "diagnosis": lambda: done.pk,
        "upload": lambda: done.upload_id,
        "heatmap": lambda: done.heatmaps.get().pk,
        "tracing": lambda: done.tracing.pk,
        "model": lambda: done.model_version_id,
        "document": lambda: _document(done).pk,
        "filter": lambda: keeping.save(done.upload.uploaded_by, name="Mine", query="label=mi").pk,
    }
    kwargs = {"pk": keys[KEY_OF[name]]()} if name in KEY_OF else {}
    if name == "tile":
        kwargs |= {"column": 0, "row": 0}
    if name == "patients:patient":
        kwargs = {"site": done.upload.site_id, "reference": "P-1"}
    if name == "documents:verify_code":
        kwargs = {"code": _signed(done).code}
    if name in ("review:sign", "review:discard"):
        reporting.save_draft(diagnosis=done, author=done.upload.uploaded_by, verdict="agree")
    if name == "review:amend":
        _signed(done)
    path = reverse(name if name.partition(":")[0] in ("documents", "fhir") else f"diagnosis:{name}", kwargs=kwargs)
    return f"{path}?a={done.pk}&b={done.pk}" if name == "patients:compare" else path


def _document(done: Diagnosis) -> Document:
    document = requests.request(done, requested_by=done.upload.uploaded_by)
    rendering.render(str(document.pk), task_id="a-task")
    return document


def _signed(done: Diagnosis) -> Report:
    user = done.upload.uploaded_by
    draft = reporting.save_draft(diagnosis=done, author=user, verdict="agree")
    return reporting.sign(report=draft, user=user, proof=Report.Proof.PASSWORD, seen=draft.token)


def names(patterns: Iterable[Any], prefix: str = "") -> Iterator[str]:
    for pattern in patterns:
        if isinstance(pattern, URLPattern):
            yield f"{prefix}{pattern.name}"
        elif pattern.namespace not in ELSEWHERE:
            yield from names(pattern.url_patterns, f"{pattern.namespace}:" if pattern.namespace else prefix)


def test_the_table_has_a_row_for_every_address() -> None:
    rooms = (("", urlpatterns), ("documents:", document_patterns), ("fhir:", fhir_patterns))
    assert {name for prefix, patterns in rooms for name in names(patterns, prefix)} == set(TABLE)


@pytest.mark.parametrize(("name", "method", "asker", "status"), CELLS, ids=[f"{c[0]}-{c[2]}" for c in CELLS])
def test_each_address_answers_each_asker_as_the_table_says(
    name: str, method: str, asker: str, status: int, done: Diagnosis, visit: Callable[[str], Client]
) -> None:
    response = getattr(visit(asker), method)(address(name, done))
    assert response.status_code == status
    if asker == "nobody" and status == 302:
        assert response.url.startswith(reverse("accounts:login"))


@pytest.mark.parametrize(
    "name",
    ["page_image", "screen_image", "tile", "thumbnail", "original", "heat_layer", "overlay", "traces", "result"],
)
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

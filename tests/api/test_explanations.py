"""Explanations over the API: what there is to choose from, asking, and following."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import override_settings
from rest_framework.test import APIClient
from rest_framework.throttling import ScopedRateThrottle

from accounts.models import User
from diagnosis import deletion, explanations, pipeline
from diagnosis.heatmap_files import DrawnHeatmap
from diagnosis.models import Diagnosis, Explanation, ModelVersion
from tests.api.test_problems_and_schema import problem_of


@pytest.fixture
def done(queued: Diagnosis, claim: Any, reading: Any) -> Diagnosis:
    pipeline.finish(claim(queued), reading())
    queued.refresh_from_db()
    return queued


@pytest.fixture
def url(done: Diagnosis) -> str:
    return f"/api/v1/diagnoses/{done.pk}/explanations/"


def ended(explanation: Explanation) -> None:
    claimed = explanations.claim(explanation.pk, task_id="one")
    assert claimed is not None
    explanations.finish(claimed, DrawnHeatmap(claimed.method, claimed.label, b"layer", b"overlay"), {"local_r2": 0.4})


def test_every_method_is_listed_with_its_verdict_and_its_state(
    client: APIClient, url: str, done: Diagnosis, model: ModelVersion
) -> None:
    model.explanations = {"lime": {"passes_randomisation": False}, "saliency": {"passes_randomisation": True}}
    model.save()
    client.post(url, {"method": "lime"}, format="json")
    found = {method["name"]: method for method in client.get(url).json()}
    assert "spatial_attention" not in found
    assert {name: method["randomisation_check"] for name, method in found.items()} == {
        **dict.fromkeys(found, "not_tested"),
        "lime": "failed",
        "saliency": "passed",
    }
    assert (found["grad_cam"]["status"], found["grad_cam"]["label"]) == ("done", "mi")
    assert found["grad_cam"]["heatmap"]["layer_url"].endswith("/layer/")
    assert (found["lime"]["status"], found["lime"]["explanation"]["progress"]) == ("queued", 0)
    assert (found["saliency"]["status"], found["saliency"]["explanation"]) == ("not_requested", None)
    assert all(method["title"] and method["summary"] and method["source"] for method in found.values())


def test_the_list_narrows_by_class_and_by_state(client: APIClient, url: str) -> None:
    client.post(url, {"method": "lime", "label": "normal"}, format="json")

    def names(**query: str) -> list[str]:
        return [method["name"] for method in client.get(url, query).json()]

    assert names(status="queued") == []
    assert names(status="done") == ["grad_cam"]
    assert names(status="queued", label="normal") == ["lime"]
    assert names(status="done", label="normal") == []


def test_a_request_is_accepted_followed_and_shown(client: APIClient, url: str) -> None:
    accepted = client.post(url, {"method": "lime", "label": "normal"}, format="json")
    assert accepted.status_code == 202
    body = accepted.json()
    assert accepted["Location"] == body["url"]
    assert (body["method"], body["label"], body["status"], body["heatmap"]) == ("lime", "normal", "queued", None)
    ended(Explanation.objects.get(pk=body["id"]))
    body = client.get(body["url"]).json()
    assert (body["status"], body["progress"], body["details"]) == ("done", 100, {"local_r2": 0.4})
    for key, content in (("url", b"overlay"), ("layer_url", b"layer")):
        picture: Any = client.get(body["heatmap"][key])
        assert b"".join(picture) == content


def test_asking_again_answers_200_with_what_is_there(client: APIClient, url: str) -> None:
    first = client.post(url, {"method": "lime"}, format="json")
    again = client.post(url, {"method": "lime", "label": "mi"}, format="json")
    assert (again.status_code, again.json(), again["Location"]) == (200, first.json(), first["Location"])
    of_the_reading = client.post(url, {"method": "grad_cam"}, format="json")
    assert (of_the_reading.status_code, of_the_reading.json()["status"]) == (200, "done")


def test_a_failure_has_words_and_asking_again_starts_anew(client: APIClient, url: str) -> None:
    first = client.post(url, {"method": "lime"}, format="json").json()
    claimed = explanations.claim(first["id"], task_id="one")
    assert claimed is not None
    explanations.fail(claimed, "model_gone", "secret path", final=True)
    failed = client.get(first["url"])
    assert (failed.json()["status"], failed.json()["reason"]) == ("failed", "model_gone")
    assert "no longer installed" in failed.json()["message"]
    assert b"secret path" not in failed.content
    again = client.post(url, {"method": "lime"}, format="json")
    assert (again.status_code, again.json()["id"] == first["id"]) == (202, False)


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({}, "validation_error"),
        ({"method": "lime", "label": "gout"}, "validation_error"),
        ({"method": "tea_leaves"}, "unknown_method"),
        ({"method": "lime", "label": "covid19"}, "unknown_label"),
    ],
)
def test_what_cannot_be_explained_is_a_problem(client: APIClient, url: str, wanted: Any, code: str) -> None:
    assert problem_of(client.post(url, wanted, format="json")) == (400, code)


@pytest.mark.parametrize("query", [{"label": "gout"}, {"status": "lost"}])
def test_a_filter_that_is_none_is_a_problem(client: APIClient, url: str, query: dict[str, str]) -> None:
    assert problem_of(client.get(url, query)) == (400, "validation_error")


def test_a_page_that_was_not_read_yet_is_a_conflict(client: APIClient, queued: Diagnosis, model: ModelVersion) -> None:
    url = f"/api/v1/diagnoses/{queued.pk}/explanations/"
    assert problem_of(client.post(url, {"method": "lime"}, format="json")) == (409, "not_done")
    assert problem_of(client.get(url)) == (409, "not_done")


def test_others_and_deleted_pages_do_not_exist(
    client: APIClient,
    sign_in: Callable[[User], APIClient],
    other_clinician: User,
    clinician: User,
    done: Diagnosis,
    url: str,
) -> None:
    made = client.post(url, {"method": "lime"}, format="json").json()
    stranger = sign_in(other_clinician)

    def answers(asker: APIClient) -> list[tuple[int, str]]:
        asked = asker.post(url, {"method": "saliency"}, format="json")
        return [problem_of(answer) for answer in (asker.get(url), asked, asker.get(made["url"]))]

    assert answers(stranger) == [(404, "not_found")] * 3
    deletion.delete(done.upload, clinician)
    assert answers(client) == [(404, "not_found")] * 3
    assert Explanation.objects.count() == 1


@override_settings(ISOLINE_MAX_WAITING_EXPLANATIONS=1)
def test_too_many_waiting_requests_are_refused(client: APIClient, url: str) -> None:
    client.post(url, {"method": "lime"}, format="json")
    assert problem_of(client.post(url, {"method": "saliency"}, format="json")) == (429, "too_many_waiting")


def test_requests_have_a_rate_of_their_own(client: APIClient, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ScopedRateThrottle, "THROTTLE_RATES", {"explain": "1/min"})
    assert client.post(url, {"method": "lime"}, format="json").status_code == 202
    assert problem_of(client.post(url, {"method": "lime"}, format="json")) == (429, "throttled")
    assert client.get(url).status_code == 200

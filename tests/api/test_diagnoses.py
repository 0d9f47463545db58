"""Following a diagnosis and searching the history over the API."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from diagnosis import deletion, intake, pipeline
from diagnosis.models import Diagnosis, Upload
from tests.diagnosis.files import encoded


def address(diagnosis: Diagnosis) -> str:
    return f"/api/v1/diagnoses/{diagnosis.pk}/"


def test_a_waiting_diagnosis_has_no_result_yet(client: APIClient, queued: Diagnosis) -> None:
    body = client.get(address(queued)).json()
    assert {key: body[key] for key in ("status", "reason", "message", "label", "abstained", "confidence")} == {
        "status": "queued",
        "reason": "",
        "message": "",
        "label": None,
        "abstained": False,
        "confidence": None,
    }
    assert (body["probabilities"], body["model"], body["heatmaps"], body["crop"]) == ({}, None, [], None)
    assert body["finished_at"] is None


def test_a_result_has_everything_needed_to_judge_it(
    client: APIClient, queued: Diagnosis, claim: Any, reading: Any, model: Any
) -> None:
    pipeline.finish(claim(queued), reading())
    body = client.get(address(queued)).json()
    assert (body["status"], body["label"], body["abstained"], body["confidence"]) == ("done", "mi", False, 0.8)
    assert body["probabilities"] == {"normal": 0.1, "abnormal_heartbeat": 0.05, "history_mi": 0.05, "mi": 0.8}
    assert body["model"] == {"name": "test_model", "version": "1", "sha256": "a" * 64}
    assert body["warnings"] == ["grid_not_found"]
    assert body["crop"] == {"x": 1, "y": 2, "width": 300, "height": 200}
    assert body["upload"]["sha256"] == queued.upload.sha256
    assert body["created_at"] < body["started_at"] < body["finished_at"]
    (heatmap,) = body["heatmaps"]
    assert (heatmap["method"], heatmap["label"]) == ("grad_cam", "mi")


def test_an_answer_from_the_traces_says_so_and_what_else_was_found(
    client: APIClient, queued: Diagnosis, claim: Any, reading: Any
) -> None:
    body = client.get(address(queued)).json()
    found = [body[name] for name in ("answered_by", "possible", "second_opinion", "distance")]
    assert found == [None, [], None, None]
    second = {"normal": 0.75, "mi": 0.25}
    from_traces = reading(answered_by="traces", possible=("mi", "normal"), second_opinion=second, distance=1.25)
    pipeline.finish(claim(queued), from_traces)
    body = client.get(address(queued)).json()
    assert (body["answered_by"], body["possible"]) == ("traces", ["mi", "normal"])
    assert (body["second_opinion"], body["distance"]) == (second, 1.25)


def test_pictures_of_a_result_need_the_same_token(
    client: APIClient, sign_in: Any, queued: Diagnosis, claim: Any, reading: Any, other_clinician: User
) -> None:
    pipeline.finish(claim(queued), reading())
    body = client.get(address(queued)).json()
    (heatmap,) = body["heatmaps"]
    for url, content in ((heatmap["url"], b"overlay"), (heatmap["layer_url"], b"layer")):
        answer = client.get(url)
        assert (answer.status_code, b"".join(answer.streaming_content)) == (200, content)
        assert sign_in(other_clinician).get(url).status_code == 404
        assert APIClient().get(url).status_code == 401
    page = client.get(body["page_url"])
    assert (page.status_code, page["Content-Type"]) == (200, "image/png")
    page.close()


def test_an_abstention_shows_as_such(client: APIClient, queued: Diagnosis, claim: Any, reading: Any) -> None:
    pipeline.finish(claim(queued), reading(abstained=True, confidence=0.4))
    body = client.get(address(queued)).json()
    assert (body["status"], body["abstained"]) == ("done", True)


def test_a_rejected_page_says_why(client: APIClient, queued: Diagnosis, claim: Any) -> None:
    pipeline.reject(claim(queued), "not_an_ecg_page")
    body = client.get(address(queued)).json()
    assert (body["status"], body["reason"]) == ("rejected", "not_an_ecg_page")
    assert body["message"].startswith("This does not look like an ECG page.")


def test_a_failure_says_what_to_do_and_keeps_the_technical_error_in_the_house(
    client: APIClient, queued: Diagnosis, claim: Any
) -> None:
    pipeline.fail(claim(queued), "internal_error", "Traceback: secret path", final=True)
    answer = client.get(address(queued))
    assert (answer.json()["status"], answer.json()["reason"]) == ("failed", "internal_error")
    assert "secret" not in answer.content.decode()


def test_an_attempt_that_will_be_repeated_is_no_news(client: APIClient, queued: Diagnosis, claim: Any) -> None:
    pipeline.fail(claim(queued), "internal_error", "Traceback: boom")
    body = client.get(address(queued)).json()
    assert (body["status"], body["reason"], body["message"]) == ("queued", "", "")


def test_what_one_may_not_see_does_not_exist(
    client: APIClient, sign_in: Any, queued: Diagnosis, other_clinician: User, clinician: User
) -> None:
    stranger = sign_in(other_clinician)
    assert stranger.get(address(queued)).status_code == 404
    assert stranger.get("/api/v1/diagnoses/").json()["results"] == []
    deletion.delete(queued.upload, clinician)
    assert client.get(address(queued)).status_code == 404


@pytest.fixture
def history(clinician: User, site: Any, claim: Any, reading: Any) -> list[Diagnosis]:
    """Oldest first: MI, not sure, waiting."""
    made = []
    for seed in range(3):
        upload: Upload = intake.accept(
            data=encoded("PNG", seed),
            original_name=f"{seed}.png",
            user=clinician,
            site=site,
            patient_reference=f"P-{seed}",
        ).uploads[0]
        made.append(upload.diagnoses.get())
    pipeline.finish(claim(made[0]), reading())
    pipeline.finish(claim(made[1]), reading(abstained=True))
    return made


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [2, 1, 0]),
        ("label=mi", [0]),
        ("label=not_sure", [1]),
        ("state=queued", [2]),
        ("search=P-1", [1]),
        ("since=2000-01-01&until=2099-12-31&state=&label=&search=", [2, 1, 0]),
        ("until=2000-01-01", []),
        ("site=North Hospital", [2, 1, 0]),
        ("site=Nowhere", []),
        ("site=987654321", []),
        ("agreement=none", [2, 1, 0]),
        ("agreement=override", []),
        ("reviewer=nobody", []),
        ("model=aaaaaaaa", [1, 0]),
        ("model=bbbb", []),
        ("confidence_min=0.8", [1, 0]),
        ("confidence_max=0.79", []),
    ],
)
def test_the_history_s_filters_work_here_too(
    client: APIClient, history: list[Diagnosis], query: str, expected: list[int]
) -> None:
    found = client.get(f"/api/v1/diagnoses/?{query}").json()["results"]
    assert [row["id"] for row in found] == [str(history[index].pk) for index in expected]


@pytest.mark.parametrize(
    "query",
    [
        "label=flu",
        "state=dead",
        "since=yesterday",
        "until=2020-13-01",
        "agreement=maybe",
        "model=x",
        "confidence_min=2",
    ],
)
def test_a_filter_that_makes_no_sense_is_a_problem_and_not_an_empty_list(client: APIClient, query: str) -> None:
    answer = client.get(f"/api/v1/diagnoses/?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "validation_error")
    assert [error["field"] for error in answer.json()["errors"]] == [query.partition("=")[0]]


def test_the_history_comes_in_pages(client: APIClient, history: list[Diagnosis]) -> None:
    first = client.get("/api/v1/diagnoses/?page_size=2&state=").json()
    assert (set(first), len(first["results"]), first["previous"]) == ({"next", "previous", "results"}, 2, None)
    second = client.get(first["next"]).json()
    assert ([row["id"] for row in second["results"]], second["next"]) == ([str(history[0].pk)], None)
    back = client.get(second["previous"]).json()
    assert [row["id"] for row in back["results"]] == [row["id"] for row in first["results"]]


@pytest.mark.parametrize("place", ["before=x", "after=x", "before=MjAyNi0wMS0wMSBubw", "before=%00"])
def test_a_place_that_is_none_is_a_problem(client: APIClient, history: list[Diagnosis], place: str) -> None:
    beyond = client.get(f"/api/v1/diagnoses/?{place}")
    assert (beyond.status_code, beyond.json()["code"]) == (404, "not_found")


def test_a_page_of_history_costs_few_queries(
    client: APIClient, history: list[Diagnosis], django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(10):  # one notes that the token was used
        assert client.get("/api/v1/diagnoses/").status_code == 200

"""Requests that are sent again, because their sender never heard the answer."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from diagnosis import housekeeping, intake, pipeline
from diagnosis.idempotency import keys
from diagnosis.idempotency.models import KeptAnswer
from diagnosis.models import Diagnosis, Explanation, Upload
from tests.api.conftest import client, send, sign_in  # noqa: F401
from tests.diagnosis.conftest import claim, model, queued, reading, upload  # noqa: F401
from tests.diagnosis.files import encoded

KEY = {"HTTP_IDEMPOTENCY_KEY": "order-1"}


@pytest.fixture
def keyed(client: APIClient) -> APIClient:  # noqa: F811
    client.credentials(**client._credentials, **KEY)
    return client


@pytest.fixture
def explain(keyed: APIClient, queued: Diagnosis, claim: Any, reading: Any) -> Any:  # noqa: F811
    pipeline.finish(claim(queued), reading())
    address = f"/api/v1/diagnoses/{queued.pk}/explanations/"
    return lambda method="lime": keyed.post(address, {"method": method})


def test_the_same_upload_again_gets_the_first_answer(keyed: APIClient, send: Any) -> None:  # noqa: F811
    first = send(keyed, note="a")
    again = send(keyed, note="a")
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again.json()["duplicate_of"] is None
    assert again["Location"] == first["Location"]
    assert again["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first
    assert Upload.objects.count() == 1


def test_without_a_key_the_second_is_a_duplicate_as_ever(client: APIClient, send: Any) -> None:  # noqa: F811
    first = send(client)
    assert send(client).json()["duplicate_of"] == first.json()["id"]
    assert not KeptAnswer.objects.exists()


@pytest.mark.parametrize("change", [{"note": "b"}, {"name": "other.png"}, {"data": encoded("PNG", 5)}])
def test_the_key_does_not_fit_another_request(keyed: APIClient, send: Any, change: dict[str, Any]) -> None:  # noqa: F811
    send(keyed, note="a")
    again = send(keyed, **({"note": "a"} | change))
    assert (again.status_code, again.json()["code"]) == (422, "idempotency_key_reused")
    assert Upload.objects.count() == 1


def test_an_explanation_asked_for_again_is_the_same_answer(explain: Any) -> None:
    first = explain()
    Explanation.objects.update(progress=40)
    again = explain()
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.json() == first.json()
    assert again["Idempotency-Replayed"] == "true"
    assert explain("score_cam").json()["code"] == "idempotency_key_reused"


def test_a_refusal_frees_the_key(keyed: APIClient, send: Any) -> None:  # noqa: F811
    assert send(keyed, data=b"no picture").status_code == 415
    assert send(keyed).status_code == 201


def test_an_error_of_ours_frees_the_key(keyed: APIClient, send: Any, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    def broken(**_: object) -> None:
        raise RuntimeError

    keyed.raise_request_exception = False
    with monkeypatch.context() as patch:
        patch.setattr(intake, "accept", broken)
        assert send(keyed).status_code == 500
    assert send(keyed).status_code == 201


def test_while_the_first_is_under_way_the_second_is_told_to_wait(
    keyed: APIClient,
    send: Any,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real, inside = intake.accept, []

    def slow(**fields: Any) -> Any:
        monkeypatch.setattr(intake, "accept", real)
        inside.append(send(keyed, note="a"))
        return real(**fields)

    monkeypatch.setattr(intake, "accept", slow)
    assert send(keyed, note="a").status_code == 201
    (second,) = inside
    assert (second.status_code, second.json()["code"]) == (409, "idempotency_in_flight")
    assert second["Retry-After"] == "2"
    assert Upload.objects.count() == 1


def test_a_key_whose_request_died_is_free_after_a_while(clinician: User) -> None:
    died = keys.take(clinician, "k", "f")
    with pytest.raises(keys.InFlight):
        keys.take(clinician, "k", "f")
    KeptAnswer.objects.update(started_at=timezone.now() - keys.GIVEN_UP_AFTER)
    taken = keys.take(clinician, "k", "f")
    # The first one was only slow: its answer does not replace that of the second.
    keys.keep(died, status=201, body="1", location="")
    keys.keep(taken, status=201, body="2", location="")
    assert keys.take(clinician, "k", "f").body == "2"


def test_keys_are_each_user_s_own(clinician: User, reviewer: User) -> None:
    keys.take(clinician, "k", "f")
    assert keys.take(reviewer, "k", "another").status is None


def test_after_a_day_a_key_is_forgotten(keyed: APIClient, send: Any) -> None:  # noqa: F811
    send(keyed)
    KeptAnswer.objects.update(created_at=timezone.now() - timedelta(hours=23))
    housekeeping.sweep()
    assert send(keyed)["Idempotency-Replayed"] == "true"
    KeptAnswer.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert "Idempotency-Replayed" not in send(keyed), "even before it is swept away"
    KeptAnswer.objects.update(created_at=timezone.now() - timedelta(hours=25))
    housekeeping.sweep()
    assert not KeptAnswer.objects.exists()


@pytest.mark.parametrize("key", ["", "with space", "ä", "x" * 81])
def test_a_key_that_is_none_is_refused(client: APIClient, send: Any, key: str) -> None:  # noqa: F811
    client.credentials(**client._credentials, HTTP_IDEMPOTENCY_KEY=key)
    answer = send(client)
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_invalid")


def test_json_in_another_order_is_the_same_request(explain: Any, keyed: APIClient) -> None:
    first = explain()
    address = f"/api/v1/diagnoses/{first.json()['diagnosis']}/explanations/"
    again = keyed.post(address, json.dumps({"method": "lime"}, indent=4), content_type="application/json")
    assert again["Idempotency-Replayed"] == "true"

"""Who is asking, where, within which limits, and what reads the pages."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.settings import api_settings
from rest_framework.test import APIClient

from accounts.models import Site, User
from accounts.tokens import make_token
from diagnosis.api.throttling import RoleThrottle, WorkThrottle
from diagnosis.models import ModelVersion


def test_me_says_who_and_with_which_scopes(clinician: User, site: Site, other_site: Site) -> None:
    row, token = make_token(user=clinician, name="x", wanted=["account:read"], days=1, made_by=clinician)
    me = APIClient(HTTP_AUTHORIZATION=f"Token {token}").get("/api/v1/me/").json()
    assert (me["username"], me["role"], me["scopes"]) == ("carla", "clinician", ["account:read"])
    assert me["sites"] == [{"id": site.pk, "name": "North Hospital", "is_active": True}]
    assert me["token_expires_at"][:16] == row.expiry.isoformat()[:16]
    assert me["limits"]["upload_bytes"] == 25 * 2**20


@pytest.mark.parametrize(
    ("who", "seen"),
    [("clinician", {"North Hospital"}), ("administrator", {"North Hospital", "South Hospital"})],
)
def test_sites_are_those_of_the_account(
    who: str, seen: set[str], site: Site, other_site: Site, sign_in: Any, request: pytest.FixtureRequest
) -> None:
    api = sign_in(request.getfixturevalue(who))
    assert {each["name"] for each in api.get("/api/v1/sites/").json()} == seen


def test_models_are_listed_with_the_active_one(client: APIClient, model: ModelVersion) -> None:
    former = ModelVersion.objects.create(name="former", version="0", sha256="b" * 64, path="nowhere", card="# Card")
    listed = {each["id"]: each["is_active"] for each in client.get("/api/v1/models/").json()}
    assert listed == {model.pk: True, former.pk: False}


def test_a_model_tells_its_card_and_how_far_its_explanations_may_be_believed(
    client: APIClient, model: ModelVersion
) -> None:
    model.architecture = "custom_cnn"
    model.card = "# Card"
    model.explanations = {"grad_cam": {"passes_randomisation": True}, "lime": {"passes_randomisation": False}}
    model.save()
    body = client.get(f"/api/v1/models/{model.pk}/").json()
    judged = {each["name"]: each["randomisation_check"] for each in body["explanations"]}
    assert body["card"] == "# Card"
    assert (judged["grad_cam"], judged["lime"], judged["saliency"]) == ("passed", "failed", "not_tested")
    assert "path" not in body, "where it lies is nobody's business"
    assert client.get("/api/v1/models/999/").status_code == 404


@pytest.fixture
def rates(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    chosen = dict.fromkeys(api_settings.DEFAULT_THROTTLE_RATES, "1000/min")
    for throttle in (RoleThrottle, WorkThrottle):
        monkeypatch.setattr(throttle, "THROTTLE_RATES", chosen)
    return chosen


def test_every_role_has_a_rate_of_its_own_and_is_told_what_is_left(
    rates: dict[str, str], sign_in: Any, clinician: User, api_client_user: User
) -> None:
    rates |= {"clinician": "2/min", "api_client": "5/min"}
    person, machine = sign_in(clinician), sign_in(api_client_user)
    answer = person.get("/api/v1/me/")
    assert (answer["RateLimit-Limit"], answer["RateLimit-Remaining"]) == ("2", "1")
    assert 0 < int(answer["RateLimit-Reset"]) <= 60
    person.get("/api/v1/me/")
    refused = person.get("/api/v1/me/")
    assert (refused.status_code, refused.json()["code"]) == (429, "throttled")
    assert 0 < int(refused["Retry-After"]) <= 60
    assert refused["RateLimit-Remaining"] == "0"
    assert machine.get("/api/v1/me/")["RateLimit-Limit"] == "5"


def test_the_nearest_of_several_limits_is_told(rates: dict[str, str], client: APIClient, send: Any) -> None:
    rates |= {"upload": "3/min"}
    assert send(client)["RateLimit-Limit"] == "3"
    assert client.get("/api/v1/me/")["RateLimit-Limit"] == "1000"


def test_a_body_of_two_megabytes_is_refused_unread(db: None) -> None:
    answer = APIClient().post("/api/v1/token/", b'{"username": "%s"}' % (b"x" * 2**21), content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (413, "request_too_large")

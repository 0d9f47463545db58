"""Reports over the API: people write and sign, machines read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice
from rest_framework.test import APIClient

from accounts import tokens
from accounts.models import Site, User
from diagnosis.models import Diagnosis
from diagnosis.review import reporting
from diagnosis.review.models import Report

Write = Callable[..., Report]
SignIn = Callable[[User], APIClient]


@pytest.fixture
def client(sign_in: SignIn, clinician: User) -> APIClient:
    return sign_in(clinician)


def address(diagnosis: Diagnosis, step: str = "") -> str:
    return f"/api/v1/diagnoses/{diagnosis.pk}/report/{step}"


def code(answer: Any) -> tuple[int, str]:
    assert answer["Content-Type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


def test_a_report_from_draft_to_amendment(client: APIClient, done: Diagnosis, password: str) -> None:
    assert client.get(address(done)).json() == {"open": None, "signed": None, "earlier": []}
    content = {"verdict": "override", "label": "normal", "findings": ["lbbb"], "comment": "old"}
    begun = client.put(address(done), content)
    draft = begun.json()
    assert begun.status_code == 201
    assert begun["Location"] == draft["url"]
    assert (draft["state"], draft["author"], draft["signatures"], draft["intact"]) == ("draft", "carla", [], True)
    assert draft["findings"] == [{"code": "lbbb", "name": "Left bundle branch block, complete", "snomed": "733534002"}]
    changed = client.put(address(done), content | {"comment": "new", "token": draft["token"]})
    assert changed.status_code == 200
    signed = client.post(address(done, "sign/"), {"password": password, "token": changed.json()["token"]}).json()
    assert (signed["state"], signed["signatures"][0]["user"], len(signed["fingerprint"])) == ("signed", "carla", 64)
    amendment = client.post(address(done, "amend/"), {"reason": "typo"})
    assert (amendment.status_code, amendment.json()["version"]) == (201, 2)
    standing = client.get(address(done)).json()
    assert (standing["open"]["version"], standing["signed"]["version"]) == (2, 1)
    client.post(address(done, "sign/"), {"password": password, "token": amendment.json()["token"]})
    standing = client.get(address(done)).json()
    assert (standing["open"], standing["signed"]["version"]) == (None, 2)
    assert [version["state"] for version in standing["earlier"]] == ["amended"]


def test_a_diagnosis_names_its_report(client: APIClient, done: Diagnosis, write: Write, sign: Write) -> None:
    path = f"/api/v1/diagnoses/{done.pk}/"
    assert client.get(path).json()["report"] is None
    report = sign(write())
    for body in (client.get(path).json(), client.get("/api/v1/diagnoses/").json()["results"][0]):
        brief = body["report"]
        assert (brief["state"], brief["verdict"], brief["label"]) == ("signed", "agree", "mi")
        assert brief["signed_at"]
        assert client.get(brief["url"]).json()["id"] == str(report.pk)
        assert body["report_url"].endswith(address(done))


def test_lists_of_diagnoses_ask_for_all_reports_at_once(
    client: APIClient, take_in: Any, read: Any, write: Write, django_assert_max_num_queries: Any
) -> None:
    for seed in range(20, 26):
        write("agree", diagnosis=read(take_in(seed)))
    with django_assert_max_num_queries(10):
        assert len(client.get("/api/v1/diagnoses/").json()["results"]) == 6


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"verdict": "agree", "label": "normal"}, (400, "label_without_override")),
        ({"verdict": "unreadable", "findings": ["lbbb"]}, (400, "unreadable_has_findings")),
        ({"verdict": "maybe"}, (400, "validation_error")),
        ({"findings": ["hiccups"]}, (400, "validation_error")),
        ({"verdict": "agree", "token": "an-old-one"}, (409, "no_draft")),
    ],
)
def test_what_cannot_be_saved_says_why(
    client: APIClient, done: Diagnosis, content: dict[str, Any], expected: tuple[int, str]
) -> None:
    assert code(client.put(address(done), content)) == expected
    assert not Report.objects.exists()


def test_without_the_present_token_nothing_is_changed_signed_or_discarded(
    client: APIClient, done: Diagnosis, write: Write, password: str
) -> None:
    write("agree")
    assert code(client.put(address(done), {"verdict": "unreadable"})) == (409, "changed_meanwhile")
    signing = {"password": password, "token": "an-old-one"}
    assert code(client.post(address(done, "sign/"), signing)) == (409, "changed_meanwhile")
    assert code(client.delete(address(done))) == (400, "validation_error")
    assert code(client.delete(f"{address(done)}?token=an-old-one")) == (409, "changed_meanwhile")
    assert Report.objects.get().verdict == "agree"


def test_a_draft_is_discarded(client: APIClient, done: Diagnosis, write: Write) -> None:
    assert client.delete(f"{address(done)}?token={write().token}").status_code == 204
    assert not Report.objects.exists()
    assert code(client.delete(f"{address(done)}?token=x")) == (409, "no_draft")


def test_wrong_passwords_end_in_the_lock_out(client: APIClient, done: Diagnosis, write: Write, password: str) -> None:
    body = {"password": "wrong", "token": write().token}
    codes = [code(client.post(address(done, "sign/"), body)) for _ in range(5)]
    assert codes == [(403, "wrong_password")] * 4 + [(429, "locked_out")]
    locked = client.post(address(done, "sign/"), body | {"password": password})
    assert code(locked) == (429, "locked_out")
    assert locked["Retry-After"] == "900"
    assert Report.objects.get().state == "draft"


def test_a_token_alone_signs_nothing_and_with_a_second_factor_each_signature_takes_a_code(
    client: APIClient, clinician: User, done: Diagnosis, write: Write, password: str
) -> None:
    body = {"token": write().token}
    assert code(client.post(address(done, "sign/"), body)) == (400, "proof_missing")
    app = TOTPDevice.objects.create(user=clinician, name="app")
    assert code(client.post(address(done, "sign/"), body | {"password": password})) == (400, "proof_missing")
    assert code(client.post(address(done, "sign/"), body | {"otp": "000000"})) == (403, "wrong_code")
    # The pause after a wrong code has a test of its own.
    TOTPDevice.objects.update(throttling_failure_count=0)
    signed = client.post(address(done, "sign/"), body | {"otp": f"{totp(app.bin_key):06d}"})
    assert [one["proof"] for one in signed.json()["signatures"]] == ["totp"]


def test_the_second_signature_is_somebody_else_s(
    sign_in: SignIn,
    client: APIClient,
    four_eyes: Site,
    done: Diagnosis,
    write: Write,
    reviewer: User,
    password: str,
) -> None:
    once = client.post(address(done, "sign/"), {"password": password, "token": write().token}).json()
    assert once["state"] == "awaiting_second"
    body = {"password": password, "token": once["token"]}
    assert code(client.post(address(done, "sign/"), body)) == (403, "same_signer")
    back = sign_in(reviewer).post(address(done, "send-back/"), {"reason": "axis"}).json()
    assert (back["state"], back["sent_back_because"], back["signatures"]) == ("draft", "axis", [])
    again = client.post(address(done, "sign/"), {"password": password, "token": back["token"]}).json()
    twice = sign_in(reviewer).post(address(done, "sign/"), {"password": password, "token": again["token"]}).json()
    assert (twice["state"], [one["user"] for one in twice["signatures"]]) == ("signed", ["carla", "rosa"])


@pytest.mark.parametrize(
    ("person", "reads", "writes"),
    [
        ("clinician", 200, 201),
        ("reviewer", 200, 201),
        ("administrator", 200, 403),
        ("api_client_user", 200, 403),
        ("other_clinician", 404, 404),
    ],
)
def test_who_reads_and_who_writes(
    sign_in: SignIn,
    request: pytest.FixtureRequest,
    done: Diagnosis,
    person: str,
    reads: int,
    writes: int,
) -> None:
    client = sign_in(request.getfixturevalue(person))
    assert client.get(address(done)).status_code == reads
    assert client.put(address(done), {"verdict": "agree"}).status_code == writes


def test_a_machine_cannot_sign_with_its_own_password(
    sign_in: SignIn,
    api_client_user: User,
    done: Diagnosis,
    write: Write,
    password: str,
) -> None:
    client = sign_in(api_client_user)
    body = {"password": password, "token": write().token}
    assert client.post(address(done, "sign/"), body).status_code == 403
    assert Report.objects.get().state == "draft"


def test_reports_are_listed_by_state_signer_and_day(
    sign_in: SignIn,
    client: APIClient,
    take_in: Any,
    read: Any,
    write: Write,
    sign: Write,
    reviewer: User,
    other_clinician: User,
) -> None:
    one, two, three = (read(take_in(seed)) for seed in (31, 32, 33))
    first = sign(write("agree", diagnosis=one))
    second = sign(write("agree", diagnosis=two, by=reviewer), reviewer)
    draft = write("unreadable", diagnosis=three)

    def listed(query: str, by: APIClient = client) -> set[str]:
        answer = by.get(f"/api/v1/reports/?{query}")
        assert answer.status_code == 200, answer.json()
        return {row["id"] for row in answer.json()["results"]}

    assert listed("") == {str(report.pk) for report in (first, second, draft)}
    assert listed("state=signed") == {str(first.pk), str(second.pk)}
    assert listed("signer=rosa") == {str(second.pk)}
    assert first.signed_at
    assert len(listed(f"since={first.signed_at:%Y-%m-%d}")) == 3
    assert listed("since=2999-01-01") == set()
    assert code(client.get("/api/v1/reports/?state=perhaps")) == (400, "validation_error")
    stranger = sign_in(other_clinician)
    assert listed("", stranger) == set()
    assert code(stranger.get(f"/api/v1/reports/{first.pk}/")) == (404, "not_found")


def test_a_broken_signature_shows(client: APIClient, done: Diagnosis, write: Write, sign: Write) -> None:
    report = sign(write())
    path = f"/api/v1/reports/{report.pk}/"
    assert client.get(path).json()["intact"] is True
    Report.objects.update(verdict="unreadable")
    assert client.get(path).json()["intact"] is False


def test_amending_what_is_not_signed_is_refused(client: APIClient, done: Diagnosis, write: Write) -> None:
    write()
    assert code(client.post(address(done, "amend/"), {"reason": "typo"})) == (409, "not_signed")
    assert code(client.post(address(done, "amend/"), {"reason": " "})) == (400, "validation_error")


def test_amending_twice_is_refused(
    client: APIClient, done: Diagnosis, write: Write, sign: Write, clinician: User
) -> None:
    reporting.amend(report=sign(write()), author=clinician, reason="typo")
    assert code(client.post(address(done, "amend/"), {"reason": "again"})) == (409, "amendment_under_way")


@pytest.mark.parametrize(
    ("scope", "reads", "writes"),
    [("reports:read", 200, 403), ("reports:write", 403, 201), ("diagnoses:read", 403, 403)],
)
def test_a_token_reads_and_writes_reports_as_its_scopes_say(
    clinician: User, done: Diagnosis, scope: str, reads: int, writes: int
) -> None:
    _, key = tokens.make_token(user=clinician, name="x", wanted=[scope], days=1, made_by=clinician)
    client = APIClient(HTTP_AUTHORIZATION=f"Token {key}")
    for path in (address(done), "/api/v1/reports/"):
        assert client.get(path).status_code == reads
    assert client.put(address(done), {"verdict": "agree"}).status_code == writes
    if scope == "diagnoses:read":
        reporting.save_draft(diagnosis=done, author=clinician, verdict="agree")
        assert client.get(f"/api/v1/diagnoses/{done.pk}/").json()["report"] is None

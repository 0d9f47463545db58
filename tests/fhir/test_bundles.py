"""What is exported: valid R4, whole in itself, the same ids every time, and as far along as the report is."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from fhirclient.models.bundle import Bundle

from accounts.models import User
from accounts.scopes import ALL
from accounts.tokens import make_token
from diagnosis.fhir import bundles, codes
from diagnosis.models import Diagnosis, Upload
from diagnosis.review.findings import FINDINGS
from diagnosis.review.models import Report
from diagnosis.tracing_files import Drawn
from tests.documents.conftest import Sign

pytestmark = pytest.mark.django_db

BASE = "https://fhir.example.org/r4"


def of_type(bundle: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [entry["resource"] for entry in bundle["entry"] if entry["resource"]["resourceType"] == kind]


def the_report(bundle: dict[str, Any]) -> dict[str, Any]:
    (report,) = of_type(bundle, "DiagnosticReport")
    return report


def impressions(bundle: dict[str, Any]) -> list[dict[str, Any]]:
    """The observations that say what the page shows."""
    found = of_type(bundle, "Observation")
    return [one for one in found if one["code"]["text"] == codes.EKG_IMPRESSION.display]


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "reference":
                yield value
            else:
                yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def all_bundles(diagnosis: Diagnosis) -> list[dict[str, Any]]:
    return [
        make(diagnosis, embed_images=embed, **more)  # type: ignore[operator]
        for make, more in ((bundles.collection, {}), (bundles.transaction, {"base_url": BASE}))
        for embed in (False, True)
    ]


STATES = ("preliminary", "signed", "overruled", "amended", "not sure", "unmeasured", "no patient", "rejected")


@pytest.fixture(params=STATES)
def diagnosis(request: pytest.FixtureRequest, sign: Sign) -> Diagnosis:
    """A reading in every state that can be exported."""
    if request.param == "rejected":
        found: Diagnosis = request.getfixturevalue("rejected")
        sign(found, verdict=Report.Verdict.UNREADABLE, label="")
        return found
    read = request.getfixturevalue("read")
    changes: dict[str, Any] = {
        "not sure": {"abstained": True},
        "unmeasured": {"tracing": Drawn({"reason": "layout_unknown"})},
    }.get(request.param, {})
    found = read(**changes)
    if request.param == "no patient":
        Upload.objects.update(patient_reference="")
        found = Diagnosis.objects.get(pk=found.pk)
    if request.param in ("signed", "amended"):
        sign(found, comment="Größe < 5 & more", findings=["sinus_rhythm"])
    if request.param == "amended":
        sign(found, verdict="override", label="normal", amendment_reason="The wrong page.")
    if request.param == "overruled":
        sign(found, verdict="override", label="covid19")
    return found


def test_it_is_valid_r4(diagnosis: Diagnosis) -> None:
    for bundle in all_bundles(diagnosis):
        Bundle(json.loads(json.dumps(bundle)), strict=True)


def test_every_reference_resolves_within_the_bundle(diagnosis: Diagnosis) -> None:
    for bundle in all_bundles(diagnosis):
        known = {entry["fullUrl"] for entry in bundle["entry"]}
        assert len(known) == len(bundle["entry"])
        found = set(references(bundle["entry"]))
        assert found
        resolved = {reference if reference.startswith("urn:uuid:") else f"{BASE}/{reference}" for reference in found}
        assert resolved <= known


def test_ids_are_the_same_every_time(diagnosis: Diagnosis) -> None:
    for first, again in zip(all_bundles(diagnosis), all_bundles(diagnosis), strict=True):
        assert first == again


def test_a_transaction_puts_every_resource_at_its_id(diagnosis: Diagnosis) -> None:
    bundle = bundles.transaction(diagnosis, base_url=BASE + "/")
    assert bundle["type"] == "transaction"
    for entry in bundle["entry"]:
        place = f"{entry['resource']['resourceType']}/{entry['resource']['id']}"
        assert entry["request"] == {"method": "PUT", "url": place}
        assert entry["fullUrl"] == f"{BASE}/{place}"


def test_every_code_comes_from_the_table(diagnosis: Diagnosis) -> None:
    known = {(code.system, code.code, code.display) for code in codes.ALL}
    # Of the findings the table is the report's own; the names in it are not SNOMED's.
    known |= {(codes.SNOMED, finding.snomed, None) for finding in FINDINGS if finding.snomed}
    own = {codes.ISOLINE_CLASSES, codes.ISOLINE_FINDINGS}

    def codings(node: Any) -> Iterator[dict[str, str]]:
        if isinstance(node, dict):
            yield from node.get("coding", [])
            for value in node.values():
                yield from codings(value)
        elif isinstance(node, list):
            for value in node:
                yield from codings(value)

    found = [one for one in codings(bundles.collection(diagnosis)) if one["system"] not in own]
    assert found
    assert {(one["system"], one["code"], one.get("display")) for one in found} <= known


def test_every_code_has_a_source() -> None:
    assert all(code.source for code in codes.ALL)
    keys = [(code.system, code.code) for code in codes.ALL]
    assert len(keys) == len(set(keys))


def test_nothing_but_the_reference_is_said_of_the_patient(done: Diagnosis) -> None:
    (patient,) = of_type(bundles.collection(done), "Patient")
    assert set(patient) == {"resourceType", "id", "identifier", "managingOrganization"}
    assert [one["value"] for one in patient["identifier"]] == ["P-417"]


def test_the_same_patient_of_a_site_is_one_patient_and_of_another_site_another(
    done: Diagnosis, other_site: Any
) -> None:
    (first,) = of_type(bundles.collection(done), "Patient")
    Upload.objects.update(site=other_site)
    (other,) = of_type(bundles.collection(Diagnosis.objects.get(pk=done.pk)), "Patient")
    assert first["id"] != other["id"]
    assert first["identifier"][0]["system"] != other["identifier"][0]["system"]


def test_status_follows_the_signature(done: Diagnosis, sign: Sign) -> None:
    def statuses() -> tuple[str, set[str]]:
        bundle = bundles.collection(done)
        return the_report(bundle)["status"], {one["status"] for one in of_type(bundle, "Observation")}

    unsigned = bundles.collection(done)
    assert statuses() == ("preliminary", {"preliminary"})
    assert "Preliminary, not reviewed" in the_report(unsigned)["conclusion"]
    Report.objects.create(diagnosis=done, verdict="override", label="normal", author=done.requested_by).delete()
    sign(done)
    assert statuses() == ("final", {"final"})
    sign(done, amendment_reason="Better.")
    assert statuses() == ("amended", {"final", "amended"})


def test_a_draft_is_not_exported(done: Diagnosis, clinician: User) -> None:
    Report.objects.create(
        diagnosis=done, verdict="override", label="normal", author=clinician, comment="Half a thought"
    )
    bundle = bundles.collection(done)
    assert the_report(bundle)["status"] == "preliminary"
    assert "Half a thought" not in json.dumps(bundle)


def test_a_signed_report_concludes_as_the_clinician_does(done: Diagnosis, sign: Sign, clinician: User) -> None:
    report = sign(done, verdict="override", label="history_mi", comment="Old one.", findings=["pathological_q"])
    bundle = bundles.collection(done)
    found = the_report(bundle)
    assert found["code"]["coding"][0]["code"] == "11524-6"
    assert found["conclusionCode"][0]["coding"][0]["code"] == "164867002"
    assert found["conclusion"].startswith(
        "History of MI (Overrules the model). Pathological Q waves. Old one. Research use only."
    )
    assert found["issued"] == "2026-11-21T15:03:00+00:00"
    (_verdict, finding) = found["conclusionCode"]
    assert [(one["system"], one["code"]) for one in finding["coding"]] == [
        ("http://snomed.info/sct", "164917005"),
        (codes.ISOLINE_FINDINGS, "pathological_q"),
    ]
    assert report.code in {one["value"] for one in found["identifier"]}
    (practitioner,) = of_type(bundle, "Practitioner")
    assert practitioner["identifier"][0]["value"] == "carla"
    by_clinician, by_model = impressions(bundle)
    assert by_model["code"]["coding"][0]["code"] == "8601-7"
    assert by_clinician["performer"] == found["resultsInterpreter"]
    assert by_clinician["valueCodeableConcept"]["coding"][0]["code"] == "164867002"
    assert by_model["valueCodeableConcept"]["coding"][0]["code"] == "164865005"
    (provenance,) = of_type(bundle, "Provenance")
    (device,) = of_type(bundle, "Device")
    who = {agent["type"]["coding"][0]["code"]: agent["who"]["reference"] for agent in provenance["agent"]}
    assert who == {"author": f"urn:uuid:{device['id']}", "attester": f"urn:uuid:{practitioner['id']}"}
    assert provenance["recorded"] == "2026-11-21T15:03:00+00:00"
    assert provenance["target"] == [{"reference": f"urn:uuid:{found['id']}"}]
    assert device["identifier"][0]["value"] == f"sha256:{'c0ffee' + '0' * 58}"


def test_the_model_says_every_probability_and_not_sure_where_it_is(read: Callable[..., Diagnosis]) -> None:
    bundle = bundles.collection(read(abstained=True))
    (said,) = impressions(bundle)
    assert said["valueCodeableConcept"] == {"text": "Not sure"}
    assert said["interpretation"][0]["coding"][0]["code"] == "IND"
    shown = {one["code"]["coding"][0]["code"]: one["valueQuantity"]["value"] for one in said["component"]}
    expected = {"mi": 72, "normal": 20, "history_mi": 7, "abnormal_heartbeat": 1}
    assert shown == {f"probability-{label}": percent for label, percent in expected.items()}
    assert "conclusionCode" not in the_report(bundle)


def test_measurements_have_codes_units_limits_and_what_is_unusual(done: Diagnosis) -> None:
    rows = done.tracing.measurements["values"]
    next(row for row in rows if row["name"] == "heart_rate").update(value=41.2, unusual=True)
    next(row for row in rows if row["name"] == "qtc_fridericia").update(value=470.4, unusual=True, confidence=0.3)
    done.tracing.save()
    found = {
        one["code"].get("coding", [{"code": one["code"]["text"]}])[0]["code"]: one
        for one in of_type(bundles.collection(Diagnosis.objects.get(pk=done.pk)), "Observation")
        if "valueQuantity" in one
    }
    assert len(found) == len(rows)
    rate = found["8867-4"]
    assert rate["valueQuantity"] == {"value": 41, "unit": "/min", "system": codes.UCUM, "code": "/min"}
    assert (rate["referenceRange"][0]["low"]["value"], rate["referenceRange"][0]["high"]["value"]) == (50, 100)
    assert rate["interpretation"][0]["coding"][0]["code"] == "L"
    qtc = found["76634-5"]
    assert [one["code"] for one in qtc["code"]["coding"]] == ["76634-5", "8636-3"]
    assert qtc["interpretation"][0]["coding"][0]["code"] == "H"
    assert "Uncertain." in qtc["note"][0]["text"]
    assert found["8632-2"]["valueQuantity"]["code"] == "deg"
    assert {"8625-6", "8633-0", "8634-8"} <= set(found)
    assert "coding" not in found["RR change (RMSSD)"]["code"]


def test_pictures_are_addresses_unless_they_are_wanted_inside(done: Diagnosis) -> None:
    referenced, embedded = (bundles.collection(done, embed_images=embed) for embed in (False, True))
    page, overlay = of_type(referenced, "Media")
    assert page["content"]["url"] == f"https://isoline.test{reverse('diagnosis:page_image', args=[done.upload_id])}"
    assert overlay["content"]["url"].startswith("https://isoline.test/heatmaps/")
    assert not of_type(referenced, "Binary")
    binaries = {f"urn:uuid:{one['id']}": one for one in of_type(embedded, "Binary")}
    inside = binaries[of_type(embedded, "Media")[0]["content"]["url"]]
    with done.upload.page.open("rb") as file:
        assert base64.b64decode(inside["data"]) == file.read()
    assert len(binaries) == 2


def test_a_page_that_cannot_be_read_says_why_instead_of_a_value(rejected: Diagnosis) -> None:
    bundle = bundles.collection(rejected)
    (said,) = of_type(bundle, "Observation")
    assert "value" not in "".join(key for key in said if key.startswith("value"))
    assert said["dataAbsentReason"]["coding"][0]["code"] == "not-performed"
    assert "does not look like an ECG page" in said["dataAbsentReason"]["text"]


@pytest.mark.parametrize("state", ["queued", "running", "failed"])
def test_without_a_result_there_is_nothing_to_export(
    take_in: Callable[..., Upload], browser: Client, clinician: User, state: str
) -> None:
    diagnosis = take_in().diagnoses.get()
    Diagnosis.objects.update(state=state)
    answer = browser.get(reverse("fhir:download", args=[diagnosis.pk]), follow=True)
    assert "There is nothing to export yet." in answer.content.decode()
    problem: Any = browser.get(reverse("api:diagnosis-fhir", args=[diagnosis.pk]))
    assert (problem.status_code, problem.json()["code"]) == (409, "not_read")
    assert problem.headers["Content-Type"] == "application/problem+json"


def test_download_and_api_give_the_same_to_those_who_see_the_page(
    done: Diagnosis, clinician: User, other_clinician: User, signed_in: Callable[[User], Client], nobody: Client
) -> None:
    addresses = [reverse(name, args=[done.pk]) for name in ("fhir:download", "api:diagnosis-fhir")]
    answers = [signed_in(clinician).get(address) for address in addresses]
    for answer in answers:
        assert answer.headers["Content-Type"] == "application/fhir+json"
        assert answer.headers["Content-Disposition"] == f'attachment; filename="ecg-report-{done.pk}.fhir.json"'
    assert json.loads(answers[0].content) == json.loads(answers[1].content) == bundles.collection(done)
    assert [signed_in(other_clinician).get(address).status_code for address in addresses] == [404, 404]
    assert [nobody.get(address).status_code for address in addresses] == [302, 401]


def test_a_token_opens_it_and_a_wrong_wish_is_refused(done: Diagnosis, clinician: User, nobody: Client) -> None:
    _row, token = make_token(user=clinician, name="EHR", wanted=ALL, days=1, made_by=clinician)
    headers = {"Authorization": f"Token {token}"}
    address = reverse("api:diagnosis-fhir", args=[done.pk])
    embedded: Any = nobody.get(address, {"images": "embedded"}, headers=headers)
    assert of_type(embedded.json(), "Binary")
    assert nobody.get(address, {"images": "painted"}, headers=headers).status_code == 400


def test_markup_in_a_comment_stays_text(done: Diagnosis, sign: Sign) -> None:
    sign(done, comment="<script>alert(1)</script>")
    narrative = the_report(bundles.collection(done))["text"]["div"]
    assert "<script>" not in narrative
    assert "&lt;script&gt;" in narrative


def test_who_took_an_export_is_noted(done: Diagnosis, browser: Client) -> None:
    from accounts.audit.models import Entry

    for name in ("fhir:download", "api:diagnosis-fhir"):
        browser.get(reverse(name, args=[done.pk]))
    noted = Entry.objects.filter(target_id=str(done.upload_id), details={"file": "fhir"}).order_by("pk")
    assert [entry.action for entry in noted] == ["page.downloaded", "page.fetched"]


def test_a_token_needs_the_scope_of_reports(done: Diagnosis, clinician: User, nobody: Client) -> None:
    _row, token = make_token(
        user=clinician, name="small", wanted=["diagnoses:read", "pages:read"], days=1, made_by=clinician
    )
    headers = {"Authorization": f"Token {token}"}
    refused: Any = nobody.get(reverse("api:diagnosis-fhir", args=[done.pk]), headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (403, "missing_scope")

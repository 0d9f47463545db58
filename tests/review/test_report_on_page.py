"""The report's part of the result page: each state drawn, each step with and without scripts, nothing lost."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.models import Site, User
from diagnosis.models import Diagnosis
from diagnosis.review import reporting, selectors
from diagnosis.review.models import Report
from tests.second_factor.test_managing_it import make_passkey

Write = Callable[..., Report]
SignIn = Callable[[User], Client]
HTMX = {"HX-Request": "true"}
AUTOSAVE = HTMX | {"HX-Target": "review-saved"}


def page(client: Client, diagnosis: Diagnosis) -> str:
    return client.get(diagnosis.get_absolute_url()).content.decode()


def address(diagnosis: Diagnosis, step: str = "report") -> str:
    return reverse(f"diagnosis:review:{step}", kwargs={"pk": diagnosis.pk})


def words(text: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())


def token(text: str) -> str:
    found = re.search(r'name="token" id="review-token" value="([^"]*)"', text)
    assert found
    return found[1]


def save(client: Client, diagnosis: Diagnosis, seen: str = "", **fields: Any) -> Any:
    return client.post(address(diagnosis), {"token": seen, **fields}, headers=AUTOSAVE)


def test_a_page_without_a_report_calls_for_one(browser: Client, done: Diagnosis) -> None:
    text = page(browser, done)
    assert "Nobody has reported on this page yet. What do you read?" in text
    assert token(text) == ""
    assert "Myocardial infarction</small>" in text, "what one agrees with is named"
    assert "checked" not in text.partition('id="review-form"')[2].partition("</form>")[0]


@pytest.mark.parametrize("kind", ["unsure", "rejected"])
def test_where_the_model_gave_no_answer_nobody_can_agree(
    browser: Client, take_in: Any, read: Any, reject: Any, kind: str
) -> None:
    diagnosis = read(take_in(2), abstained=True) if kind == "unsure" else reject(take_in(2))
    assert re.search(r'value="agree"[^>]*disabled', page(browser, diagnosis))
    assert save(browser, diagnosis, verdict="agree").status_code == 409


def test_a_page_that_failed_is_not_reported_and_one_that_waits_shows_nothing_yet(
    browser: Client, take_in: Any, fail: Any
) -> None:
    assert "cannot be reported on" in page(browser, fail(take_in(2)))
    waiting = page(browser, take_in(3).diagnoses.get())
    assert 'id="review"' in waiting, "so that the result can bring the report with it"
    assert "review-form" not in waiting


def test_the_end_of_a_reading_brings_the_report_s_form(browser: Client, take_in: Any, read: Any) -> None:
    ended = read(take_in(4))
    answer = browser.get(reverse("diagnosis:result_status", args=[ended.pk]), {"seen": "running"}, headers=HTMX)
    assert 'hx-swap-oob="innerHTML:#review"' in answer.content.decode()
    assert 'id="review-form"' in answer.content.decode()


def test_a_draft_saves_itself_and_the_next_save_goes_on_from_it(browser: Client, done: Diagnosis) -> None:
    first = save(browser, done, verdict="override", label="normal", findings=["lbbb"], comment="so far")
    assert first.status_code == 200
    assert re.search(r"Saved \d\d:\d\d", first.content.decode())
    second = save(browser, done, token(first.content.decode()), verdict="override", comment="so far so good")
    assert second.status_code == 200
    draft = Report.objects.get()
    assert (draft.comment, draft.label, draft.findings, draft.revision) == ("so far so good", "", [], 2)
    text = page(browser, done)
    assert "so far so good</textarea>" in text
    assert re.search(r'value="override"[^>]*checked', text)


def test_nothing_written_makes_no_draft(browser: Client, done: Diagnosis) -> None:
    assert save(browser, done, comment=" ").status_code == 200
    assert not Report.objects.exists()


def test_what_the_verdict_hides_is_no_part_of_the_report(browser: Client, done: Diagnosis) -> None:
    save(browser, done, verdict="unreadable", label="mi", findings=["lbbb"], comment="smudged")
    draft = Report.objects.get()
    assert (draft.verdict, draft.label, draft.findings, draft.comment) == ("unreadable", "", [], "smudged")


def test_a_colleague_s_change_meanwhile_shows_both_texts(
    browser: Client, done: Diagnosis, write: Write, reviewer: User
) -> None:
    seen = write("agree").token
    theirs = write("override", by=reviewer, comment="rosa reads fibrillation")
    answer = save(browser, done, seen, verdict="override", comment="carla reads sinus rhythm")
    text = answer.content.decode()
    assert (answer.status_code, answer.headers["HX-Retarget"]) == (409, "#review")
    assert "rosa reads fibrillation" in text
    assert "carla reads sinus rhythm</textarea>" in text
    assert "Saved by rosa" in words(text)
    assert 'hx-trigger="input' not in text, "it must not overwrite by itself"
    assert Report.objects.get().comment == "rosa reads fibrillation"
    # Now on purpose.
    assert token(text) == theirs.token
    assert save(browser, done, token(text), verdict="override", comment="carla reads sinus rhythm").status_code == 200
    assert Report.objects.get().comment == "carla reads sinus rhythm"


def test_without_scripts_a_conflict_is_a_page_with_both_texts(
    browser: Client, done: Diagnosis, write: Write, reviewer: User
) -> None:
    write("override", by=reviewer, comment="rosa was first")
    answer = browser.post(address(done), {"verdict": "override", "comment": "carla too", "token": ""})
    assert answer.status_code == 409
    assert "rosa was first" in answer.content.decode()
    assert "carla too</textarea>" in answer.content.decode()


def test_what_was_written_while_somebody_signed_is_shown_to_be_kept(
    browser: Client, done: Diagnosis, write: Write, sign: Write
) -> None:
    seen = write("agree").token
    sign(Report.objects.get())
    answer = save(browser, done, seen, verdict="override", comment="a long text")
    assert answer.status_code == 409
    assert "What you had written" in answer.content.decode()
    assert "a long text" in answer.content.decode()


def test_signing_asks_for_the_password_and_says_what_it_means(browser: Client, done: Diagnosis) -> None:
    answer = browser.post(address(done), {"verdict": "agree", "then": "sign"}, headers=HTMX)
    dialog = answer.content.decode().partition("<dialog")[2]
    assert 'type="password"' in dialog
    assert "From then on it never changes" in dialog
    assert "Myocardial infarction" in dialog
    assert Report.objects.get().state == "draft"


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [({}, "Choose whether you agree"), ({"verdict": "override"}, "Say what you see instead")],
)
def test_an_incomplete_draft_is_not_signed_but_kept(
    browser: Client, done: Diagnosis, fields: dict[str, str], sentence: str
) -> None:
    answer = browser.post(address(done), fields | {"then": "sign"}, headers=HTMX)
    assert answer.status_code in (409, 422)
    assert sentence in answer.content.decode()
    assert "<dialog" not in answer.content.decode()


def test_the_right_password_signs(browser: Client, done: Diagnosis, write: Write, password: str) -> None:
    draft = write("agree", comment="checked")
    answer = browser.post(address(done, "sign"), {"password": password, "token": draft.token}, headers=HTMX)
    signed = Report.objects.get()
    text = words(answer.content.decode())
    assert signed.state == "signed"
    for shown in ("Myocardial infarction agrees with the model", "carla", signed.printed_code, signed.fingerprint[:16]):
        assert shown in text
    assert "review-form" not in answer.content.decode()


def test_wrong_passwords_lose_neither_draft_nor_session(
    browser: Client, done: Diagnosis, write: Write, password: str
) -> None:
    draft = write("override", comment="a long text")
    codes = []
    for _ in range(6):
        answer = browser.post(address(done, "sign"), {"password": "wrong", "token": draft.token}, headers=HTMX)
        codes.append(answer.status_code)
        assert "<dialog" in answer.content.decode()
    assert codes == [422] * 4 + [429] * 2
    assert "Too many wrong entries" in answer.content.decode()
    locked = browser.post(address(done, "sign"), {"password": password, "token": draft.token}, headers=HTMX)
    assert locked.status_code == 429
    assert Report.objects.get().state == "draft"
    assert "a long text</textarea>" in page(browser, done), "still logged in, still there"


def test_with_a_second_factor_the_dialog_asks_for_its_code(
    browser: Client, done: Diagnosis, write: Write, clinician: User, password: str
) -> None:
    app = TOTPDevice.objects.create(user=clinician, name="app")
    browser = _verified(browser, app)
    draft = write("agree", comment="a long text")
    dialog = browser.get(address(done, "sign"), headers=HTMX).content.decode()
    assert 'name="code"' in dialog
    assert 'name="password"' not in dialog
    wrong = browser.post(address(done, "sign"), {"password": password, "token": draft.token}, headers=HTMX)
    assert wrong.status_code == 422
    assert "Nothing was signed" in wrong.content.decode()
    browser.post(address(done, "sign"), {"code": f"{totp(app.bin_key):06d}", "token": draft.token}, headers=HTMX)
    assert Report.objects.get().signed_with == "totp"


def test_a_passkey_is_asked_for_on_a_page_of_its_own(
    browser: Client, done: Diagnosis, write: Write, clinician: User
) -> None:
    browser = _verified(browser, make_passkey(clinician))
    draft = write("agree")
    answer = browser.post(address(done), {"verdict": "agree", "token": draft.token, "then": "sign"}, headers=HTMX)
    assert answer.headers["HX-Redirect"] == address(done, "sign")
    asked = browser.get(address(done, "sign")).content.decode()
    assert "data-passkey-proof" in asked
    assert "js/passkey.js" in asked
    assert browser.post(address(done, "sign"), {"token": draft.token}).status_code == 422
    browser.get(address(done, "sign"))
    session = browser.session
    session["passkey_proved_at"] = [clinician.pk, time.time()]
    session.save()
    browser.post(address(done, "sign"), {"token": draft.token})
    assert Report.objects.get().signed_with == "passkey"


def _verified(browser: Client, device: Any) -> Client:
    """As after a log-in with the second factor."""
    session = browser.session
    session["otp_device_id"] = device.persistent_id
    session.save()
    return browser


def test_without_scripts_each_step_is_a_page(browser: Client, done: Diagnosis, password: str) -> None:
    saved = browser.post(address(done), {"verdict": "agree", "comment": "plain", "then": "sign"})
    assert saved.headers["Location"] == address(done, "sign")
    asked = browser.get(address(done, "sign")).content.decode()
    seen = re.search(r'name="token" value="([^"]+)"', asked)
    assert seen
    refused = browser.post(address(done, "sign"), {"password": "wrong", "token": seen[1]})
    assert (refused.status_code, "not your password" in refused.content.decode()) == (422, True)
    signed = browser.post(address(done, "sign"), {"password": password, "token": seen[1]})
    assert signed.headers["Location"] == f"{done.get_absolute_url()}#review"
    assert "amended" not in page(browser, done)
    assert browser.post(address(done, "amend"), {"reason": ""}).status_code == 422
    assert browser.post(address(done, "amend"), {"reason": "typo"}).status_code == 302
    assert "Amendment because: typo" in page(browser, done)


def test_the_second_reader_sees_the_first_signature_and_the_first_only_waits(
    browser: Client, signed_in: SignIn, four_eyes: Site, done: Diagnosis, write: Write, sign: Write, reviewer: User
) -> None:
    sign(write())
    mine, theirs = page(browser, done), page(signed_in(reviewer), done)
    assert "Somebody else of your site has to sign too" in mine
    assert "Sign second" not in mine
    assert "Take back…" in mine
    assert "Sign second…" in theirs
    assert "Send back…" in theirs


def test_sent_back_it_says_by_whom_and_why(
    browser: Client, signed_in: SignIn, four_eyes: Site, done: Diagnosis, write: Write, sign: Write, reviewer: User
) -> None:
    sign(write())
    answer = signed_in(reviewer).post(address(done, "send_back"), {"reason": "look at V2"}, headers=HTMX)
    assert answer.status_code == 200
    assert "rosa sent this back: look at V2" in words(page(browser, done))


def test_every_version_stays_readable(
    browser: Client, done: Diagnosis, write: Write, sign: Write, clinician: User
) -> None:
    first = sign(write("override", label="normal", comment="what was said first"))
    draft = reporting.amend(report=first, author=clinician, reason="wrong class")
    text = page(browser, done)
    assert "what was said first" in text, "the signed one beside its amendment"
    assert "Draft of version 2" in text
    sign(reporting.save_draft(diagnosis=done, author=clinician, verdict="agree", seen=draft.token))
    text = page(browser, done)
    earlier = text.partition('data-version="1"')[2].partition("</details>")[0]
    assert "what was said first" in earlier
    assert first.printed_code in earlier
    assert "Version 2, amended because: wrong class" in words(text)


def test_a_broken_signature_is_said_to_be_one(browser: Client, done: Diagnosis, write: Write, sign: Write) -> None:
    sign(write())
    assert "Signature broken" not in page(browser, done)
    Report.objects.update(comment="never said")
    assert "Signature broken" in page(browser, done)


def test_a_draft_is_discarded_only_after_asking(browser: Client, done: Diagnosis, write: Write) -> None:
    draft = write()
    assert "Discard this draft?" in browser.get(address(done, "discard"), headers=HTMX).content.decode()
    assert Report.objects.exists()
    browser.post(address(done, "discard"), {"token": draft.token}, headers=HTMX)
    assert not Report.objects.exists()


@pytest.mark.parametrize("step", ["report", "sign", "amend", "send_back", "discard"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_of_another_site_s_page_there_is_no_report(
    signed_in: SignIn, done: Diagnosis, other_clinician: User, step: str, method: str
) -> None:
    assert getattr(signed_in(other_clinician), method)(address(done, step)).status_code == 404


def test_who_is_not_logged_in_is_sent_to_log_in(nobody: Client, done: Diagnosis) -> None:
    assert nobody.get(address(done)).headers["Location"].startswith("/accounts/login/")


@pytest.mark.parametrize("person", ["administrator", "api_client_user"])
def test_who_is_no_clinician_sees_the_report_and_writes_none(
    signed_in: SignIn, request: pytest.FixtureRequest, done: Diagnosis, write: Write, person: str
) -> None:
    client = signed_in(request.getfixturevalue(person))
    assert "Nobody has reported" in page(client, done)
    draft = write(comment="not finished")
    text = page(client, done)
    assert "carla is writing a report" in words(text)
    assert "not finished" not in text
    assert "review-form" not in text
    for step, fields in (
        ("report", {"verdict": "unreadable", "token": draft.token}),
        ("sign", {"password": "correct horse battery", "token": draft.token}),
        ("discard", {"token": draft.token}),
    ):
        assert client.post(address(done, step), fields, headers=HTMX).status_code == 403, step
    assert Report.objects.get().verdict == "agree"


def test_the_delete_button_goes_with_the_signature_and_the_refusal_says_why(
    browser: Client, done: Diagnosis, write: Write, sign: Write
) -> None:
    draft = write()
    delete = reverse("diagnosis:delete_upload", args=[done.upload_id])
    assert delete in page(browser, done)
    sign(draft)
    assert delete not in page(browser, done)
    refused = browser.post(delete)
    assert refused.status_code == 403
    assert "only an administrator can delete it" in refused.content.decode()


# --- What waits next -----------------------------------------------------------------------------


@pytest.fixture
def line(take_in: Any, read: Any, reject: Any, fail: Any) -> dict[str, Diagnosis]:
    """Pages in the order in which they came in."""
    return {
        "first": read(take_in(11)),
        "failed": fail(take_in(12)),
        "rejected": reject(take_in(13)),
        "waiting": take_in(14).diagnoses.get(),
        "last": read(take_in(15), abstained=True),
    }


def names(line: dict[str, Diagnosis], found: Any) -> list[str]:
    by_key = {diagnosis.pk: name for name, diagnosis in line.items()}
    return [by_key[diagnosis.pk] for diagnosis in found]


def test_what_waits_for_a_report_is_the_oldest_that_was_read(line: dict[str, Diagnosis], clinician: User) -> None:
    assert names(line, selectors.waiting_for_review(clinician)) == ["first", "rejected", "last"]


def test_next_goes_on_and_starts_again(line: dict[str, Diagnosis], clinician: User) -> None:
    after = {name: selectors.next_to_review(clinician, after=line[name]) for name in ("first", "rejected", "last")}
    assert after == {"first": line["rejected"], "rejected": line["last"], "last": line["first"]}


@pytest.mark.parametrize(
    ("person", "sees"),
    [
        ("clinician", True),
        ("reviewer", True),
        ("site_administrator", True),
        ("administrator", False),
        ("api_client_user", False),
        ("other_clinician", False),
    ],
)
def test_pages_wait_for_those_who_may_report(
    line: dict[str, Diagnosis], request: pytest.FixtureRequest, person: str, sees: bool
) -> None:
    assert selectors.waiting_for_review(request.getfixturevalue(person)).exists() is sees


def test_a_signed_page_no_longer_waits_and_one_signed_once_waits_for_the_other(
    line: dict[str, Diagnosis], four_eyes: Site, write: Write, sign: Write, clinician: User, reviewer: User
) -> None:
    once = sign(write("agree", diagnosis=line["first"]))
    assert "first" not in names(line, selectors.waiting_for_review(clinician))
    assert "first" in names(line, selectors.waiting_for_review(reviewer))
    sign(once, reviewer)
    assert "first" not in names(line, selectors.waiting_for_review(reviewer))


def test_only_the_newest_reading_of_a_page_waits(take_in: Any, read: Any, clinician: User, model: Any) -> None:
    from diagnosis import pipeline

    upload = take_in(16)
    read(upload)
    pipeline.requeue(upload.diagnoses.first(), requested_by=clinician)
    newest = read(upload)
    assert list(selectors.waiting_for_review(clinician)) == [newest]


def test_after_signing_the_next_page_is_one_step_away(
    browser: Client, line: dict[str, Diagnosis], write: Write, sign: Write
) -> None:
    sign(write("agree", diagnosis=line["first"]))
    text = page(browser, line["first"])
    assert re.search(rf'id="review-next" href="{line["rejected"].get_absolute_url()}"', text)


def test_the_session_survives_a_signature(browser: Client, done: Diagnosis, write: Write, password: str) -> None:
    before = browser.cookies[settings.SESSION_COOKIE_NAME].value
    browser.post(address(done, "sign"), {"password": password, "token": write().token}, headers=HTMX)
    assert browser.cookies[settings.SESSION_COOKIE_NAME].value == before
    assert browser.get("/").status_code == 200


# --- Reading before the model's reading is shown --------------------------------------------------


@pytest.fixture
def blind(browser: Client, done: Diagnosis) -> Client:
    browser.post(address(done, "blind"), {"blind": "yes"})
    return browser


def test_who_wants_to_read_first_is_asked_for_a_reading_and_not_for_agreement(blind: Client, done: Diagnosis) -> None:
    form = page(blind, done).partition('id="review-form"')[2].partition("</form>")[0]
    assert 'name="own"' in form
    assert 'value="agree"' not in form
    assert "Myocardial infarction</small>" not in form
    blind.post(address(done, "blind"), {"blind": "no"})
    assert 'value="agree"' in page(blind, done)


@pytest.mark.parametrize(
    ("own", "verdict", "label"),
    [
        ("mi", "agree", "mi"),
        ("normal", "override", "normal"),
        ("other", "override", ""),
        ("unreadable", "unreadable", ""),
    ],
)
def test_one_s_own_reading_turns_out_to_agree_or_not(
    blind: Client, done: Diagnosis, own: str, verdict: str, label: str
) -> None:
    answer = blind.post(address(done), {"own": own, "comment": "mine", "then": "reveal"}, follow=True)
    draft = Report.objects.get()
    assert (draft.verdict, draft.label, draft.comment) == (verdict, label, "mine")
    assert "is-blind" not in answer.content.decode()
    assert re.search(rf'value="{verdict}"[^>]*checked', answer.content.decode())


def test_nothing_is_shown_before_one_has_read(blind: Client, done: Diagnosis) -> None:
    answer = blind.post(address(done), {"own": "", "comment": "mine", "then": "reveal"})
    assert answer.status_code == 409
    assert "Choose what you read first" in answer.content.decode()
    assert "mine</textarea>" in answer.content.decode()


def test_what_one_writes_meanwhile_saves_itself_without_showing_anything(blind: Client, done: Diagnosis) -> None:
    assert save(blind, done, own="mi", comment="half").status_code == 200
    assert Report.objects.get().verdict == ""
    assert "is-blind" in page(blind, done)

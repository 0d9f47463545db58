"""Draft, signature, second signature, amendment: what is allowed to whom, and what never happens."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection

from accounts.audit.models import Entry
from accounts.models import Site, User
from diagnosis import deletion
from diagnosis.models import Diagnosis
from diagnosis.review import reporting
from diagnosis.review.models import Report, ReportIsFixed
from diagnosis.review.refusals import CannotReport
from diagnosis.webhooks.models import Delivery, Webhook

Write = Callable[..., Report]
Make = Callable[..., Any]


def act(action: str, report: Report | None, diagnosis: Diagnosis, user: User) -> str:
    """Do one thing to a report; what came of it in a word."""
    seen = report.token if report else ""
    try:
        match action:
            case "save":
                reporting.save_draft(diagnosis=diagnosis, author=user, verdict="unreadable", seen=seen)
            case "discard":
                assert report
                reporting.discard(report=report, user=user, seen=seen)
            case "sign":
                assert report
                reporting.sign(report=report, user=user, proof=Report.Proof.PASSWORD, seen=seen)
            case "send_back":
                assert report
                reporting.send_back(report=report, user=user, reason="look again")
            case "amend":
                assert report
                reporting.amend(report=report, author=user, reason="wrong class")
    except CannotReport as refused:
        return refused.code
    except PermissionDenied:
        return "forbidden"
    return "ok"


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("none", {"save": "ok"}),
        (
            "draft",
            {"save": "ok", "discard": "ok", "sign": "ok", "send_back": "not_awaiting_second", "amend": "not_signed"},
        ),
        (
            "awaiting_second",
            {
                "save": "awaiting_second",
                "discard": "awaiting_second",
                "sign": "ok",
                "send_back": "ok",
                "amend": "not_signed",
            },
        ),
        (
            "signed",
            {
                "save": "already_signed",
                "discard": "already_signed",
                "sign": "already_signed",
                "send_back": "not_awaiting_second",
                "amend": "ok",
            },
        ),
        (
            "amending",
            {"save": "ok", "discard": "ok", "sign": "ok", "send_back": "not_awaiting_second", "amend": "not_signed"},
        ),
        (
            "amended",
            {
                "save": "already_signed",
                "discard": "already_signed",
                "sign": "already_signed",
                "send_back": "not_awaiting_second",
                "amend": "not_signed",
            },
        ),
    ],
)
@pytest.mark.parametrize("action", ["save", "discard", "sign", "send_back", "amend"])
def test_what_can_be_done_in_which_state(
    in_state: Make, done: Diagnosis, reviewer: User, state: str, action: str, expected: dict[str, str]
) -> None:
    if action not in expected:
        return
    assert act(action, in_state(state), done, reviewer) == expected[action]


@pytest.mark.parametrize(
    ("state", "action"),
    [
        ("none", "save"),
        ("draft", "save"),
        ("draft", "discard"),
        ("draft", "sign"),
        ("awaiting_second", "sign"),
        ("awaiting_second", "send_back"),
        ("signed", "amend"),
    ],
)
@pytest.mark.parametrize(
    ("role", "expected"),
    [
        ("reviewer", "ok"),
        ("site_administrator", "ok"),
        ("administrator", "forbidden"),
        ("api_client_user", "forbidden"),
        ("other_clinician", "forbidden"),
    ],
)
def test_who_may_do_it(
    in_state: Make,
    done: Diagnosis,
    request: pytest.FixtureRequest,
    state: str,
    action: str,
    role: str,
    expected: str,
) -> None:
    assert act(action, in_state(state), done, request.getfixturevalue(role)) == expected


@pytest.mark.parametrize("action", ["save", "sign"])
def test_nobody_reports_for_a_site_that_is_closed(
    write: Write, done: Diagnosis, clinician: User, site: Site, action: str
) -> None:
    draft = write()
    site.is_active = False
    site.save()
    assert act(action, draft, done, clinician) == "forbidden"


CONFIDENT, UNSURE, REJECTED, QUEUED, FAILED = "confident", "unsure", "rejected", "queued", "failed"


@pytest.fixture
def reading(take_in: Make, read: Make, reject: Make, fail: Make) -> Callable[[str], Diagnosis]:
    def make(kind: str) -> Diagnosis:
        upload = take_in(7)
        match kind:
            case "unsure":
                return read(upload, abstained=True)
            case "rejected":
                return reject(upload)
            case "failed":
                return fail(upload)
            case "queued":
                return upload.diagnoses.get()
        return read(upload)

    return make


@pytest.mark.parametrize(
    ("kind", "content", "saved", "signed"),
    [
        (CONFIDENT, {"verdict": "agree"}, "ok", "ok"),
        (CONFIDENT, {"verdict": "agree", "findings": ["lbbb"], "comment": "old"}, "ok", "ok"),
        (CONFIDENT, {"verdict": "agree", "label": "normal"}, "label_without_override", None),
        (CONFIDENT, {"verdict": "override", "label": "normal"}, "ok", "ok"),
        (CONFIDENT, {"verdict": "override", "findings": ["atrial_fibrillation"]}, "ok", "ok"),
        (CONFIDENT, {"verdict": "override", "comment": "artefact"}, "ok", "ok"),
        (CONFIDENT, {"verdict": "override"}, "ok", "override_says_nothing"),
        (CONFIDENT, {"verdict": "override", "comment": "  \n"}, "ok", "override_says_nothing"),
        (CONFIDENT, {"verdict": "override", "label": "mi"}, "ok", "label_is_the_models"),
        (CONFIDENT, {"verdict": "unreadable"}, "ok", "ok"),
        (CONFIDENT, {"verdict": "unreadable", "label": "mi"}, "label_without_override", None),
        (CONFIDENT, {"verdict": "unreadable", "findings": ["lbbb"]}, "unreadable_has_findings", None),
        (CONFIDENT, {"verdict": "", "comment": "half"}, "ok", "verdict_missing"),
        (CONFIDENT, {"verdict": "perhaps"}, "verdict_unknown", None),
        (CONFIDENT, {"verdict": "override", "label": "flu"}, "label_unknown", None),
        (CONFIDENT, {"verdict": "override", "findings": ["hiccups"]}, "finding_unknown", None),
        (CONFIDENT, {"verdict": "override", "comment": "x" * 4001}, "comment_too_long", None),
        (CONFIDENT, {"verdict": "override", "comment": "a\x00b"}, "comment_invalid", None),
        (UNSURE, {"verdict": "agree"}, "nothing_to_agree_with", None),
        (UNSURE, {"verdict": "override", "label": "mi"}, "ok", "ok"),
        (REJECTED, {"verdict": "agree"}, "nothing_to_agree_with", None),
        (REJECTED, {"verdict": "override", "label": "normal"}, "ok", "ok"),
        (REJECTED, {"verdict": "unreadable"}, "ok", "ok"),
        (QUEUED, {"verdict": "unreadable"}, "not_read", None),
        (FAILED, {"verdict": "unreadable"}, "not_read", None),
    ],
)
def test_what_a_report_may_say(
    reading: Make, clinician: User, sign: Write, kind: str, content: dict[str, Any], saved: str, signed: str | None
) -> None:
    diagnosis = reading(kind)

    def outcome(do: Callable[[], object]) -> str:
        try:
            do()
        except CannotReport as refused:
            return refused.code
        return "ok"

    assert outcome(lambda: reporting.save_draft(diagnosis=diagnosis, author=clinician, **content)) == saved
    if signed is None:
        assert not Report.objects.exists()
    else:
        assert outcome(lambda: sign(Report.objects.get())) == signed
        assert Report.objects.get().state == ("signed" if signed == "ok" else "draft")


def test_agreeing_stores_the_model_s_class_and_findings_come_in_the_table_s_order(write: Write) -> None:
    draft = write("agree", findings=["lbbb", "sinus_rhythm", "lbbb"], comment=" two\r\nlines ")
    assert (draft.label, draft.findings, draft.comment) == ("mi", ["sinus_rhythm", "lbbb"], "two\nlines")


def test_a_colleague_s_change_makes_them_the_author(write: Write, reviewer: User) -> None:
    first = write("agree")
    second = write("override", by=reviewer, label="normal")
    assert (second.pk, second.author, second.revision) == (first.pk, reviewer, 2)


def test_who_writes_on_an_old_text_is_told_and_overwrites_nothing(
    write: Write, done: Diagnosis, clinician: User, reviewer: User
) -> None:
    mine = write("agree")
    write("override", by=reviewer, label="normal")
    with pytest.raises(CannotReport) as refused:
        reporting.save_draft(diagnosis=done, author=clinician, verdict="unreadable", seen=mine.token)
    assert refused.value.code == "changed_meanwhile"
    assert refused.value.current is not None
    assert (refused.value.current.verdict, refused.value.current.author) == ("override", reviewer)
    assert Report.objects.get().verdict == "override"


def test_saving_what_stands_there_is_never_refused(write: Write, done: Diagnosis, reviewer: User) -> None:
    draft = write("agree", comment="same")
    again = reporting.save_draft(diagnosis=done, author=reviewer, verdict="agree", comment="same", seen="an old one")
    assert (again.token, again.author) == (draft.token, draft.author)


@pytest.mark.parametrize("action", ["sign", "discard"])
def test_nobody_signs_or_discards_what_they_have_not_seen(
    write: Write, reviewer: User, clinician: User, done: Diagnosis, action: str
) -> None:
    seen_before = write("agree")
    write("unreadable", by=reviewer)
    assert act(action, seen_before, done, clinician) == "changed_meanwhile"
    assert Report.objects.get().state == "draft"


def test_a_signature_names_its_signer(write: Write, sign: Write, clinician: User) -> None:
    signed = sign(write())
    signed.refresh_from_db()
    assert (signed.state, signed.signed_by, signed.signed_with) == ("signed", clinician, "password")
    assert signed.signed_at is not None
    assert len(signed.fingerprint) == 64
    assert signed.second_signed_by is None


def test_four_eyes_are_two_people_s(
    four_eyes: Site, write: Write, sign: Write, done: Diagnosis, clinician: User, reviewer: User
) -> None:
    once = sign(write())
    assert once.state == "awaiting_second"
    assert act("sign", once, done, clinician) == "same_signer"
    twice = sign(once, reviewer)
    assert (twice.state, twice.signed_by, twice.second_signed_by) == ("signed", clinician, reviewer)
    assert twice.fingerprint != once.fingerprint


def test_a_report_changed_between_two_signatures_is_not_signed(
    four_eyes: Site, write: Write, sign: Write, done: Diagnosis, reviewer: User
) -> None:
    once = sign(write("override", comment="as signed"))
    Report.objects.filter(pk=once.pk).update(comment="as smuggled in")
    assert act("sign", Report.objects.get(), done, reviewer) == "signature_broken"


def test_sent_back_it_is_a_draft_without_signature_and_with_the_reason(
    four_eyes: Site, write: Write, sign: Write, reviewer: User
) -> None:
    back = reporting.send_back(report=sign(write(comment="text")), user=reviewer, reason=" axis\n wrong ")
    assert (back.state, back.signed_by, back.signed_at, back.fingerprint) == ("draft", None, None, "")
    assert (back.sent_back_by, back.sent_back_because, back.comment) == (reviewer, "axis wrong", "text")
    assert sign(back).sent_back_because == ""


@pytest.mark.parametrize(("reason", "code"), [("  ", "reason_missing"), ("x" * 401, "reason_too_long")])
def test_an_amendment_needs_its_reason(write: Write, sign: Write, clinician: User, reason: str, code: str) -> None:
    signed = sign(write())
    with pytest.raises(CannotReport) as refused:
        reporting.amend(report=signed, author=clinician, reason=reason)
    assert refused.value.code == code
    assert Report.objects.count() == 1


def test_the_signed_version_holds_until_the_amendment_is_signed_and_stays_readable(
    write: Write, sign: Write, done: Diagnosis, reviewer: User
) -> None:
    first = sign(write("override", label="normal", comment="first"))
    draft = reporting.amend(report=first, author=reviewer, reason="wrong class")
    assert (draft.version, draft.label, draft.comment, draft.amendment_reason) == (2, "normal", "first", "wrong class")
    assert act("amend", first, done, reviewer) == "amendment_under_way"
    assert draft.code != first.code
    first.refresh_from_db()
    assert first.state == "signed"

    draft = write("agree", by=reviewer)
    sign(draft, reviewer)
    assert [(row.version, row.state, row.label) for row in Report.objects.all()] == [
        (2, "signed", "mi"),
        (1, "amended", "normal"),
    ]


def test_a_discarded_amendment_leaves_the_signed_version(write: Write, sign: Write, clinician: User) -> None:
    signed = sign(write())
    draft = reporting.amend(report=signed, author=clinician, reason="no")
    reporting.discard(report=draft, user=clinician, seen=draft.token)
    assert Report.objects.get().state == "signed"


@pytest.mark.parametrize("state", ["signed", "amended"])
def test_a_signed_row_can_be_neither_saved_nor_deleted(in_state: Make, state: str) -> None:
    report = in_state(state)
    report.comment = "changed"
    # Not even when it calls itself a draft again.
    report.state = "draft"
    for change in (report.save, report.delete, lambda: report.save(update_fields=["comment"])):
        with pytest.raises(ReportIsFixed):
            change()
    report.refresh_from_db()
    assert (report.state, report.comment) == (state, "seen twice")


def test_nothing_is_reported_on_a_page_that_was_deleted_meanwhile(
    write: Write, done: Diagnosis, clinician: User
) -> None:
    draft = write()
    deletion.delete(done.upload, clinician)
    for action in ("save", "sign", "discard"):
        assert act(action, draft, done, clinician) == "page_deleted"


def test_signatures_and_what_undoes_them_are_in_the_audit_log(
    four_eyes: Site, write: Write, sign: Write, done: Diagnosis, clinician: User, reviewer: User
) -> None:
    back = reporting.send_back(report=sign(write()), user=reviewer, reason="axis")
    signed = sign(sign(back), reviewer)
    draft = reporting.amend(report=signed, author=clinician, reason="typo")
    reporting.discard(report=draft, user=clinician, seen=draft.token)
    entries = list(Entry.objects.filter(action__startswith="report.").order_by("pk"))
    assert [(entry.action, entry.actor_name) for entry in entries] == [
        ("report.signed", "carla"),
        ("report.sent_back", "rosa"),
        ("report.signed", "carla"),
        ("report.signed", "rosa"),
        ("report.amendment_begun", "carla"),
        ("report.discarded", "carla"),
    ]
    assert entries[3].details["fingerprint"] == signed.fingerprint
    assert entries[3].target_id == str(signed.pk)
    assert (entries[5].target_id, entries[5].details["version"]) == (entries[4].target_id, 2)


def test_webhooks_hear_of_what_holds_and_not_of_drafts(
    four_eyes: Site, write: Write, sign: Write, clinician: User, reviewer: User
) -> None:
    Webhook.objects.create(
        site=four_eyes, name="archive", url="https://archive.invalid/", events=["report.signed", "report.amended"]
    )
    once = sign(write())
    assert not Delivery.objects.exists()
    signed = sign(once, reviewer)
    amended = sign(sign(reporting.amend(report=signed, author=clinician, reason="typo")), reviewer)
    told = Delivery.objects.order_by("created_at")
    assert [delivery.event for delivery in told] == ["report.signed", "report.amended"]
    assert all(str(row.pk) in str(delivery.body) for row, delivery in zip((signed, amended), told, strict=True))


@pytest.mark.django_db(transaction=True)
def test_of_two_who_begin_at_the_same_moment_one_is_told(done: Diagnosis, clinician: User, reviewer: User) -> None:
    together = threading.Barrier(2)
    outcomes: list[str] = []

    def begin(user: User) -> None:
        together.wait(10)
        try:
            reporting.save_draft(diagnosis=done, author=user, verdict="override", comment=user.username)
            outcomes.append("ok")
        except CannotReport as refused:
            outcomes.append(refused.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=begin, args=(user,)) for user in (clinician, reviewer)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(outcomes) == ["changed_meanwhile", "ok"]
    assert Report.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_signatures_at_the_same_moment_one_counts(
    write: Write, done: Diagnosis, clinician: User, reviewer: User
) -> None:
    draft = write()
    together = threading.Barrier(2)
    outcomes: list[str] = []

    def put(user: User) -> None:
        together.wait(10)
        try:
            outcomes.append(act("sign", draft, done, user))
        finally:
            connection.close()

    threads = [threading.Thread(target=put, args=(user,)) for user in (clinician, reviewer)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(outcomes) == ["already_signed", "ok"]
    assert Report.objects.get().state == "signed"

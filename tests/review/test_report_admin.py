"""Reports in the admin: to be looked at, never touched."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from diagnosis.review.models import Report

Write = Callable[..., Report]
LIST = "admin:review_report_changelist"


@pytest.fixture
def admin(signed_in: Callable[[User], Client], administrator: User) -> Client:
    return signed_in(administrator)


def test_the_list_shows_what_was_said_beside_what_the_model_said(
    admin: Client, done: Any, write: Write, sign: Write
) -> None:
    sign(write("override", label="normal"))
    text = admin.get(reverse(LIST)).content.decode()
    assert "Overrules the model · Signed" in text
    assert '<td class="field-label">Normal</td>' in text
    assert '<td class="field-model_said">Myocardial infarction</td>' in text
    assert "North Hospital" in text


@pytest.mark.parametrize(("query", "count"), [("", 2), ("agrees=yes", 1), ("agrees=no", 1), ("state__exact=signed", 1)])
def test_it_is_filtered(
    admin: Client, take_in: Any, read: Any, write: Write, sign: Write, query: str, count: int
) -> None:
    sign(write("agree", diagnosis=read(take_in(41))))
    write("override", diagnosis=read(take_in(42)), comment="no")
    answer = admin.get(f"{reverse(LIST)}?{query}")
    assert answer.context["cl"].result_count == count


def test_a_report_is_shown_and_cannot_be_changed_added_or_deleted(admin: Client, write: Write, sign: Write) -> None:
    report = sign(write("agree", findings=["lbbb"]))
    page = reverse("admin:review_report_change", args=[report.pk])
    text = admin.get(page).content.decode()
    assert report.printed_code in text
    assert "Left bundle branch block, complete" in text
    assert admin.post(page, {"comment": "changed"}).status_code == 403
    assert admin.get(reverse("admin:review_report_add")).status_code == 403
    assert admin.post(reverse("admin:review_report_delete", args=[report.pk]), {"post": "yes"}).status_code == 403
    assert Report.objects.get().comment == ""


@pytest.mark.parametrize("person", ["clinician", "reviewer", "site_administrator"])
def test_nobody_else_gets_in(
    signed_in: Callable[[User], Client], request: pytest.FixtureRequest, write: Write, person: str
) -> None:
    write()
    assert signed_in(request.getfixturevalue(person)).get(reverse(LIST)).status_code in (302, 403)

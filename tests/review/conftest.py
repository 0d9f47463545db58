"""Readings to report on, people to do it, and a report in every state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from accounts.models import Role, Site, User
from diagnosis.models import Diagnosis, Upload
from diagnosis.review import reporting
from diagnosis.review.models import Report
from tests.api.conftest import sign_in  # noqa: F401
from tests.conftest import PASSWORD
from tests.views.conftest import (  # noqa: F401
    browser,
    fail,
    model,
    nobody,
    read,
    reject,
    signed_in,
    start,
    take_in,
)

Write = Callable[..., Report]


@pytest.fixture
def site_administrator(site: Site) -> User:
    user = User.objects.create_user("sina", "sina@hospital.invalid", PASSWORD, role=Role.SITE_ADMINISTRATOR)
    user.sites.add(site)
    return user


@pytest.fixture
def four_eyes(site: Site) -> Site:
    site.four_eyes = True
    site.save()
    return site


@pytest.fixture
def done(take_in: Callable[..., Upload], read: Callable[..., Diagnosis]) -> Diagnosis:  # noqa: F811
    """A reading that says myocardial infarction."""
    return read(take_in(1))


@pytest.fixture
def write(request: pytest.FixtureRequest, clinician: User) -> Write:
    """The clinician's draft, or a change of it; on the reading `done` unless another is named."""

    def save(
        verdict: str = "agree", *, diagnosis: Diagnosis | None = None, by: User = clinician, **content: Any
    ) -> Report:
        diagnosis = diagnosis or request.getfixturevalue("done")
        draft = Report.objects.filter(diagnosis=diagnosis, state="draft").first()
        return reporting.save_draft(
            diagnosis=diagnosis, author=by, verdict=verdict, seen=draft.token if draft else "", **content
        )

    return save


@pytest.fixture
def sign(clinician: User) -> Write:
    def put(report: Report, by: User = clinician) -> Report:
        return reporting.sign(report=report, user=by, proof=Report.Proof.PASSWORD, seen=report.token)

    return put


@pytest.fixture
def in_state(
    write: Write, sign: Write, site: Site, clinician: User, reviewer: User
) -> Callable[[str], tuple[Report | None, User]]:
    """A report in a state; `amending` is a draft beside a signed version."""

    def make(state: str) -> Report | None:
        if state == "none":
            return None
        report = write("override", label="normal", comment="seen twice")
        if state == "draft":
            return report
        if state == "awaiting_second":
            Site.objects.filter(pk=site.pk).update(four_eyes=True)
            return sign(report)
        report = sign(report)
        if state == "signed":
            return report
        draft = reporting.amend(report=report, author=reviewer, reason="second thoughts")
        if state == "amending":
            return draft
        sign(draft, reviewer)
        report.refresh_from_db()
        return report

    return make  # type: ignore[return-value]

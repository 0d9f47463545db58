"""Two sites with people, machines and pages of their own, and an administrator of the first."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts.audit.log import record
from accounts.models import ApiToken, Role, Site, User
from accounts.scopes import ALL
from accounts.tokens import make_token
from diagnosis import deletion, explanations
from tests.views.conftest import (  # noqa: F401  (fixtures)
    browser,
    colleague,
    fail,
    model,
    nobody,
    read,
    reject,
    signed_in,
    start,
    take_in,
)
from tests.views.pictures import picture

# Every kind of row that a site administrator sees some of: what it is called in the addresses of the admin.
KINDS = {
    "person": "accounts_user",
    "place": "accounts_site",
    "token": "accounts_apitoken",
    "page": "diagnosis_upload",
    "reading": "diagnosis_diagnosis",
    "explanation": "diagnosis_explanation",
    "entry": "audit_entry",
}


def make(name: str, role: Role, *sites: Site) -> User:
    user = User.objects.create_user(name, f"{name}@hospital.invalid", role=role)
    user.sites.set(sites)
    return user


@pytest.fixture
def sita(site: Site) -> User:
    return make("sita", Role.SITE_ADMINISTRATOR, site)


@pytest.fixture
def office(client: Client, sita: User) -> Client:
    client.force_login(sita)
    return client


def _of(where: Site, prefix: str, read: Any, seed: int) -> dict[str, Any]:  # noqa: F811
    from diagnosis import intake

    person = make(f"{prefix}-clinician", Role.CLINICIAN, where)
    machine = make(f"{prefix}-gateway", Role.API_CLIENT, where)
    token, _ = make_token(user=machine, name="gateway", wanted=ALL, days=1, made_by=machine)
    taken = [
        intake.accept(data=picture(seed + n), original_name=f"{prefix}-{n}.png", user=person, site=where).uploads[0]
        for n in range(2)
    ]
    reading = read(taken[0])
    deletion.delete(taken[1], person)
    taken[1].refresh_from_db()
    return {
        "person": person,
        "machine": machine,
        "place": where,
        "token": token,
        "page": taken[0],
        "deleted page": taken[1],
        "reading": reading,
        "explanation": explanations.request(reading, method="saliency", requested_by=person)[0],
        "entry": record("page.viewed", actor=person, target=taken[0], site=where),
    }


@pytest.fixture
def own(site: Site, read: Any) -> dict[str, Any]:  # noqa: F811
    """One row of every kind at the site that ``sita`` administers."""
    return _of(site, "own", read, 10)


@pytest.fixture
def foreign(other_site: Site, read: Any) -> dict[str, Any]:  # noqa: F811
    """The same at the other site."""
    return _of(other_site, "foreign", read, 20)


@pytest.fixture
def both(site: Site, other_site: Site) -> User:
    """Somebody who belongs to both sites."""
    return make("both", Role.CLINICIAN, site, other_site)


@pytest.fixture
def persons_token(own: dict[str, Any]) -> ApiToken:
    """The token of a person of the own site."""
    return make_token(user=own["person"], name="x", wanted=ALL, days=1, made_by=own["person"])[0]

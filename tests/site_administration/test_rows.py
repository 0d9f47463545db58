"""What a site administrator sees and does in Django admin, and that the other site does not exist for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import ApiToken, Role, User
from diagnosis.models import Diagnosis, Explanation, Upload
from tests.site_administration.conftest import KINDS, make


def listed(client: Client, kind: str, query: str = "") -> set[Any]:
    answer = client.get(reverse(f"admin:{KINDS[kind]}_changelist") + query)
    assert answer.status_code == 200
    return {row.pk for row in answer.context["cl"].queryset}


def act(client: Client, kind: str, action: str, *rows: Any) -> Any:
    form = {"action": action, "_selected_action": [str(row.pk) for row in rows], "confirmed": "yes", "post": "yes"}
    return client.post(reverse(f"admin:{KINDS[kind]}_changelist"), form, follow=True)


@pytest.mark.parametrize("kind", KINDS)
def test_lists_and_pages_hold_own_rows_and_no_others(
    office: Client, own: dict[str, Any], foreign: dict[str, Any], kind: str
):
    seen = listed(office, kind)
    page = f"admin:{KINDS[kind]}_change"

    assert own[kind].pk in seen
    assert foreign[kind].pk not in seen
    assert office.get(reverse(page, args=[own[kind].pk])).status_code == 200
    assert office.get(reverse(page, args=[foreign[kind].pk])).status_code in (302, 404)
    assert office.post(reverse(page, args=[foreign[kind].pk]), {"role": "reviewer"}).status_code in (302, 403, 404)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("role", [Role.CLINICIAN, Role.REVIEWER, Role.API_CLIENT])
def test_other_roles_of_the_site_do_not_enter(signed_in: Any, own: dict[str, Any], kind: str, role: Role):
    client = signed_in(make("x", role, own["place"]))

    assert client.get(reverse(f"admin:{KINDS[kind]}_changelist")).status_code in (302, 403)
    assert client.get(reverse("admin:index"), follow=True).status_code == 403


@pytest.mark.parametrize("kind", KINDS)
def test_an_administrator_finds_the_rows_of_both_sites(
    signed_in: Any, administrator: User, own: dict[str, Any], foreign: dict[str, Any], kind: str
):
    assert {own[kind].pk, foreign[kind].pk} <= listed(signed_in(administrator), kind)


def test_an_administrator_of_no_site_any_more_finds_nothing(office: Client, sita: User, own: dict[str, Any]):
    sita.sites.clear()

    assert {kind: listed(office, kind) for kind in KINDS} == {kind: set() for kind in KINDS}


@pytest.mark.parametrize(
    "name",
    [
        *("diagnosis_modelversion", "shadow_trial", "axes_accessattempt", "operations_workersign"),
        *("operations_retentionrule", "webhooks_webhook", "webhooks_delivery", "second_factor_rolepolicy"),
        *("login_sessions_sessionrecord", "invitations_invitation"),
    ],
)
def test_what_is_the_installations_is_closed(office: Client, own: dict[str, Any], name: str):
    assert office.get(reverse(f"admin:{name}_changelist")).status_code == 403
    assert reverse(f"admin:{name}_changelist") not in office.get(reverse("admin:index")).text


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "token"])
def test_nothing_but_tokens_is_deleted_here(office: Client, own: dict[str, Any], kind: str):
    row = own[kind]

    assert office.post(reverse(f"admin:{KINDS[kind]}_delete", args=[row.pk]), {"post": "yes"}).status_code == 403
    act(office, kind, "delete_selected", row)
    assert type(row).objects.filter(pk=row.pk).exists()


# --- Actions -------------------------------------------------------------------------------------


def state(rows: dict[str, Any]) -> tuple[Any, ...]:
    """What actions change, of one site."""
    place = rows["place"]
    return (
        sorted(Upload.objects.filter(site=place, deleted_at=None).values_list("original_name", flat=True)),
        Upload.objects.filter(site=place).count(),
        Diagnosis.objects.filter(upload__site=place).count(),
        ApiToken.objects.filter(user__sites=place).count(),
    )


#         kind, action, row          what the own site is like afterwards (pages, all pages, readings, tokens)
ACTIONS = [
    ("page", "delete_pages", "page", lambda live, all_, readings, tokens: ([], all_, readings, tokens)),
    (
        *("page", "restore_pages", "deleted page"),
        lambda live, all_, readings, tokens: (["own-0.png", "own-1.png"], all_, readings, tokens),
    ),
    ("page", "erase_pages", "deleted page", lambda *before: before),
    ("reading", "requeue", "reading", lambda live, all_, readings, tokens: (live, all_, readings + 1, tokens)),
    ("token", "delete_selected", "token", lambda live, all_, readings, tokens: (live, all_, readings, tokens - 1)),
]


@pytest.mark.parametrize(("kind", "action", "row", "after"), ACTIONS, ids=[action[1] for action in ACTIONS])
def test_actions_change_own_rows_and_leave_foreign_ones(
    office: Client,
    own: dict[str, Any],
    foreign: dict[str, Any],
    kind: str,
    action: str,
    row: str,
    after: Callable[..., tuple[Any, ...]],
):
    before, foreign_before = state(own), state(foreign)

    act(office, kind, action, foreign[row])
    assert (state(own), state(foreign)) == (before, foreign_before)
    act(office, kind, action, own[row], foreign[row])

    assert state(own) == after(*before)
    assert state(foreign) == foreign_before


def test_a_failed_explanation_is_asked_for_again_for_own_sites_alone(
    office: Client, own: dict[str, Any], foreign: dict[str, Any]
):
    Explanation.objects.update(state=Explanation.State.FAILED, reason="internal_error")

    act(office, "explanation", "try_again", own["explanation"], foreign["explanation"])

    assert own["reading"].explanations.count() == 2
    assert foreign["reading"].explanations.count() == 1


def test_the_token_of_a_person_is_their_own_business(office: Client, own: dict[str, Any], persons_token: ApiToken):
    act(office, "token", "delete_selected", persons_token)

    assert persons_token.pk not in listed(office, "token")
    assert ApiToken.objects.filter(pk=persons_token.pk).exists()


def test_tokens_are_made_for_machines_of_own_sites_only(office: Client, own: dict[str, Any], foreign: dict[str, Any]):
    def asked(row: User) -> int:
        return office.get(reverse("admin:accounts_user_token", args=[row.pk])).status_code

    assert asked(own["machine"]) == 200
    assert {asked(own["person"]), asked(foreign["machine"]), asked(foreign["person"])} == {404}
    own["machine"].sites.add(foreign["place"])
    assert asked(own["machine"]) == 404


# --- Filters and figures -------------------------------------------------------------------------


def test_filters_offer_own_sites_only_and_find_nothing_at_others(
    office: Client, own: dict[str, Any], foreign: dict[str, Any], both: User
):
    for kind, field in (("person", "sites"), ("page", "site"), ("reading", "upload__site")):
        text = office.get(reverse(f"admin:{KINDS[kind]}_changelist")).text
        assert "South Hospital" not in text
        assert listed(office, kind, f"?{field}__id__exact={own['place'].pk}") == listed(office, kind)
    assert listed(office, "person", f"?sites__id__exact={foreign['place'].pk}") == set()
    assert office.get(f"{reverse('admin:accounts_user_changelist')}?sites={foreign['place'].pk}").status_code == 400


def test_the_front_page_counts_own_pages_and_names_no_worker(
    office: Client, own: dict[str, Any], foreign: dict[str, Any], signed_in: Any, administrator: User
):
    from django.utils import timezone

    from diagnosis.operations.models import WorkerSign

    WorkerSign.objects.create(name="worker@cellar", queues=["diagnose"], seen_at=timezone.now())
    mine = office.get(reverse("admin:index"))
    theirs = signed_in(administrator).get(reverse("admin:index"))

    assert sum(day.count for day in mine.context["figures"]["days"]) == 2
    assert sum(day.count for day in theirs.context["figures"]["days"]) == 4
    assert "worker@cellar" not in mine.text
    assert "worker@cellar" in theirs.text

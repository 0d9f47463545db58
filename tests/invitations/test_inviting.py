"""From an invitation to an account."""

from __future__ import annotations

import re
from datetime import timedelta
from smtplib import SMTPException
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.invitations import inviting
from accounts.invitations.models import Invitation
from accounts.invitations.rules import may_grant, roles_granted_by
from accounts.models import Role, Site, User
from accounts.second_factor.models import RolePolicy

PAGE = "/accounts/invitations/"
NEW = "a much longer sentence"
PERSON = {"username": "nadia", "first_name": "Nadia", "last_name": "Nowak", "password1": NEW, "password2": NEW}


@pytest.fixture
def site_administrator(site: Site, password: str) -> User:
    user = User.objects.create_user("sita", "sita@hospital.invalid", password, role=Role.SITE_ADMINISTRATOR)
    user.sites.add(site)
    return user


@pytest.fixture
def office(client: Client, site_administrator: User) -> Client:
    client.force_login(site_administrator)
    return client


def invite(office: Client, *sites: Site, email: str = "nadia@hospital.invalid", role: str = "clinician") -> Any:
    return office.post(PAGE, {"email": email, "role": role, "sites": [site.pk for site in sites]}, follow=True)


def link_in(letter: Any) -> str:
    return re.search(r"http://testserver(/accounts/invitations/accept/\S+)", letter.body).group(1)


@pytest.fixture
def link(office: Client, site: Site) -> str:
    invite(office, site)
    return link_in(mail.outbox[-1])


@pytest.mark.parametrize(
    ("role", "granted"),
    [
        (Role.CLINICIAN, ()),
        (Role.REVIEWER, ()),
        (Role.API_CLIENT, ()),
        (Role.SITE_ADMINISTRATOR, (Role.CLINICIAN, Role.REVIEWER, Role.SITE_ADMINISTRATOR)),
        (Role.ADMINISTRATOR, (Role.CLINICIAN, Role.REVIEWER, Role.SITE_ADMINISTRATOR, Role.ADMINISTRATOR)),
    ],
)
def test_nobody_grants_a_role_above_their_own(db: None, role: str, granted: tuple[Role, ...]):
    user = User.objects.create_user("x", role=role)

    assert roles_granted_by(user) == granted
    user.is_active = False
    assert roles_granted_by(user) == ()


def test_a_site_administrator_grants_own_sites_only(site_administrator: User, site: Site, other_site: Site):
    assert may_grant(site_administrator, Role.CLINICIAN, [site])
    assert not may_grant(site_administrator, Role.CLINICIAN, [site, other_site])
    assert not may_grant(site_administrator, Role.CLINICIAN, [])
    assert not may_grant(site_administrator, Role.ADMINISTRATOR, [site])


@pytest.mark.parametrize("who", ["clinician", "reviewer"])
def test_the_page_does_not_exist_for_others(client: Client, who: str, request: pytest.FixtureRequest):
    client.force_login(request.getfixturevalue(who))

    assert client.get(PAGE).status_code == 404
    assert client.post(PAGE, {}).status_code == 404
    assert PAGE not in client.get("/accounts/").text


def test_the_account_page_leads_there(office: Client):
    assert PAGE in office.get("/accounts/").text


def test_an_invitation_becomes_an_account_with_its_role_and_sites(office: Client, link: str, site: Site):
    (letter,) = mail.outbox
    assert letter.to == ["nadia@hospital.invalid"]
    assert "sita invites you to Isoline as Clinician" in letter.body
    guest = Client()
    form = guest.get(link)
    assert "at least 10 characters" in form.text

    answer = guest.post(link, PERSON, follow=True)

    nadia = User.objects.get(username="nadia")
    assert (nadia.email, nadia.role, list(nadia.sites.all())) == ("nadia@hospital.invalid", Role.CLINICIAN, [site])
    assert nadia.check_password(NEW)
    assert not nadia.is_staff
    assert "Your account is ready" in answer.text
    assert "nadia@" not in office.get(PAGE).text


def test_the_role_cannot_be_chosen_by_the_guest(link: str):
    Client().post(link, {**PERSON, "role": "administrator", "is_superuser": "on", "email": "x@evil.example"})

    nadia = User.objects.get(username="nadia")
    assert (nadia.role, nadia.is_superuser, nadia.email) == (Role.CLINICIAN, False, "nadia@hospital.invalid")


def test_where_the_role_asks_for_a_second_factor_the_guest_is_led_to_it(link: str):
    RolePolicy.objects.update_or_create(role=Role.CLINICIAN, defaults={"second_factor_required": True})

    answer = Client().post(link, PERSON, follow=True)

    assert answer.redirect_chain[-1] == ("/accounts/second-factor/", 302)


def test_the_link_works_once(link: str):
    Client().post(link, PERSON)

    answer = Client().post(link, {**PERSON, "username": "nadia2"})

    assert answer.status_code == 410
    assert "no longer works" in answer.text
    assert not User.objects.filter(username="nadia2").exists()


def test_a_weak_password_or_a_taken_name_costs_nothing(link: str, clinician: User):
    guest = Client()

    weak = guest.post(link, {**PERSON, "password1": "nadia", "password2": "nadia"})
    taken = guest.post(link, {**PERSON, "username": "CARLA"})

    assert "too short" in weak.text
    assert "already exists" in taken.text
    assert guest.post(link, PERSON).status_code == 302


@pytest.mark.parametrize(
    "spoil", ["older", "withdrawn", "sent_again", "inviter_gone", "inviter_demoted", "inviter_lost_the_site", "forged"]
)
def test_a_link_that_must_not_work(
    office: Client, link: str, site_administrator: User, spoil: str, monkeypatch: pytest.MonkeyPatch
):
    invitation = Invitation.objects.get()
    if spoil == "older":
        invitation.expires_at = timezone.now() - timedelta(seconds=1)
        invitation.save()
    elif spoil == "withdrawn":
        office.post(reverse("accounts:invitations:withdraw", args=[invitation.pk]))
    elif spoil == "sent_again":
        office.post(reverse("accounts:invitations:resend", args=[invitation.pk]))
    elif spoil == "inviter_gone":
        User.objects.filter(pk=site_administrator.pk).update(is_active=False)
    elif spoil == "inviter_demoted":
        User.objects.filter(pk=site_administrator.pk).update(role=Role.CLINICIAN)
    elif spoil == "inviter_lost_the_site":
        site_administrator.sites.clear()
    else:
        link = link[:-3] + "x/"

    assert Client().get(link).status_code == 410
    assert Client().post(link, PERSON).status_code == 410
    assert not User.objects.filter(username="nadia").exists()


def test_the_signature_alone_ends_after_seven_days(link: str, monkeypatch: pytest.MonkeyPatch):
    now = inviting.signing.time.time()
    Invitation.objects.update(expires_at=timezone.now() + timedelta(days=30))
    assert Client().get(link).status_code == 200
    monkeypatch.setattr(inviting.signing.time, "time", lambda: now + 7 * 24 * 3600 + 1)

    assert Client().get(link).status_code == 410


def test_the_database_keeps_only_a_digest_of_the_secret(link: str):
    secret = link.removeprefix("/accounts/invitations/accept/").partition(":")[0]

    assert secret not in str(list(Invitation.objects.values()))


def test_sending_again_makes_a_new_link_for_seven_more_days(office: Client, link: str):
    Invitation.objects.update(expires_at=timezone.now() - timedelta(days=1))
    assert "expired" in office.get(PAGE).text

    office.post(reverse("accounts:invitations:resend", args=[Invitation.objects.get().pk]))

    assert Client().post(link_in(mail.outbox[-1]), PERSON).status_code == 302


def test_one_address_is_invited_once(office: Client, site: Site, clinician: User, link: str):
    assert "open invitation to this address" in invite(office, site, email="Nadia@hospital.invalid").text
    assert "account with this address" in invite(office, site, email=clinician.email.upper()).text
    assert Invitation.objects.count() == 1


def test_forms_that_ask_for_more_than_one_may_give_are_refused(office: Client, site: Site, other_site: Site):
    assert "not one of the available choices" in invite(office, site, role="administrator").text
    assert "not one of the available choices" in invite(office, other_site).text
    assert "at least one site" in invite(office).text
    assert not Invitation.objects.exists()
    assert not mail.outbox


def test_a_mail_server_that_is_down_loses_nothing(office: Client, site: Site, monkeypatch: pytest.MonkeyPatch):
    def refuse(*args: Any, **kwargs: Any) -> int:
        raise SMTPException("451 try later")

    with monkeypatch.context() as patch:
        patch.setattr(mail.EmailMessage, "send", refuse)
        answer = invite(office, site)
    assert "did not take the invitation" in answer.text
    assert "not sent" in answer.text

    office.post(reverse("accounts:invitations:resend", args=[Invitation.objects.get().pk]))

    assert len(mail.outbox) == 1


def test_who_sees_which_open_invitations(
    site_administrator: User, administrator: User, site: Site, other_site: Site, password: str
):
    other = User.objects.create_user("otis", role=Role.SITE_ADMINISTRATOR)
    other.sites.add(other_site)
    both = User.objects.create_user("bo", role=Role.SITE_ADMINISTRATOR)
    both.sites.add(site, other_site)
    desks = {}
    for user in (site_administrator, administrator, other, both):
        desks[user.username] = Client()
        desks[user.username].force_login(user)
    invite(desks["sita"], site, email="north@x.invalid")
    invite(desks["otis"], other_site, email="south@x.invalid")
    invite(desks["bo"], site, other_site, email="both@x.invalid")
    invite(desks["ada"], email="top@x.invalid", role="administrator")

    seen = {
        name: {word for word in ("north", "south", "both", "top") if f"{word}@x.invalid" in desk.get(PAGE).text}
        for name, desk in desks.items()
    }

    assert seen == {
        "sita": {"north"},
        "otis": {"south"},
        "bo": {"north", "south", "both"},
        "ada": {"north", "south", "both", "top"},
    }
    hidden = Invitation.objects.get(email="south@x.invalid")
    assert desks["sita"].post(reverse("accounts:invitations:withdraw", args=[hidden.pk])).status_code == 404
    assert desks["sita"].post(reverse("accounts:invitations:resend", args=[hidden.pk])).status_code == 404


def test_somebody_who_is_logged_in_does_not_use_it_up(office: Client, link: str):
    answer = office.post(link, PERSON)

    assert "have an account already" in answer.text
    assert Client().get(link).status_code == 200


def test_django_admin_shows_sends_and_withdraws(client: Client, administrator: User, site: Site):
    client.force_login(administrator)
    assert client.get(reverse("admin:invitations_invitation_add")).url == PAGE
    invite(client, site)
    invitation = Invitation.objects.get()
    changelist = reverse("admin:invitations_invitation_changelist")
    assert "nadia@hospital.invalid" in client.get(changelist).text

    again = client.post(changelist, {"action": "send_these_again", "_selected_action": [invitation.pk]}, follow=True)
    gone = client.post(changelist, {"action": "withdraw_these", "_selected_action": [invitation.pk]}, follow=True)

    assert "1 invitation sent again" in again.text
    assert len(mail.outbox) == 2
    assert "1 invitation withdrawn" in gone.text
    assert Client().get(link_in(mail.outbox[-1])).status_code == 410

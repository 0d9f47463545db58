"""Changing a password, and getting back in without one."""

from __future__ import annotations

import re

from django.contrib.auth.hashers import identify_hasher
from django.core import mail
from django.test import Client
from django.urls import reverse

from accounts.models import ApiToken, User

NEW = "a much longer sentence"


def test_a_new_password_replaces_the_old_one_and_ends_other_sessions_and_tokens(
    client: Client, clinician: User, password: str
):
    elsewhere = Client()
    elsewhere.force_login(clinician)
    ApiToken.objects.create(user=clinician)
    client.force_login(clinician)

    response = client.post(
        reverse("accounts:password_change"),
        {"old_password": password, "new_password1": NEW, "new_password2": NEW},
        follow=True,
    )

    assert "has been changed" in response.text
    clinician.refresh_from_db()
    assert clinician.check_password(NEW)
    assert client.get(reverse("accounts:account")).status_code == 200
    assert elsewhere.get(reverse("accounts:account")).status_code == 302
    assert not ApiToken.objects.filter(user=clinician).exists()


def test_a_weak_password_is_refused_with_the_reason_at_its_field(client: Client, clinician: User, password: str):
    client.force_login(clinician)

    response = client.post(
        reverse("accounts:password_change"),
        {"old_password": password, "new_password1": "password", "new_password2": "password"},
    )

    assert "too common" in response.text
    assert 'href="#id_new_password2"' in response.text
    clinician.refresh_from_db()
    assert clinician.check_password(password)


def test_a_forgotten_password_is_replaced_through_a_link_that_works_once(client: Client, clinician: User):
    response = client.post(reverse("accounts:password_reset"), {"email": clinician.email}, follow=True)
    assert "Check your mail" in response.text
    (letter,) = mail.outbox
    assert letter.to == [clinician.email]
    link = re.search(r"http://testserver(/accounts/password/new/\S+)", letter.body).group(1)

    form = client.get(link, follow=True)
    saved = client.post(form.request["PATH_INFO"], {"new_password1": NEW, "new_password2": NEW}, follow=True)

    assert "Log in with it" in saved.text
    clinician.refresh_from_db()
    assert clinician.check_password(NEW)
    assert "no longer works" in Client().get(link, follow=True).text


def test_nobody_learns_from_the_reset_form_who_has_an_account(client: Client, clinician: User):
    address = reverse("accounts:password_reset")
    known = client.post(address, {"email": clinician.email}, follow=True)
    unknown = client.post(address, {"email": "nobody@hospital.invalid"}, follow=True)

    assert known.redirect_chain == unknown.redirect_chain
    # All but the form tokens, which differ with every answer.
    shown, other = (re.sub(r'value="\w{64}"', "", page.text.partition("<main")[2]) for page in (known, unknown))
    assert shown == other != ""
    assert len(mail.outbox) == 1


def test_passwords_are_kept_as_argon2(clinician: User, settings):
    from ecgsite.settings import base

    settings.PASSWORD_HASHERS = base.PASSWORD_HASHERS
    clinician.set_password(NEW)

    assert identify_hasher(clinician.password).algorithm == "argon2"

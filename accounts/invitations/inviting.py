"""Inviting, sending again, withdrawing, accepting."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterable
from hashlib import sha256
from smtplib import SMTPException
from typing import Final

from django.core import signing
from django.core.mail import send_mail
from django.db import transaction
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit.actions import Action
from accounts.audit.log import record
from accounts.models import Site, User

from .models import VALID_FOR, Invitation, end_of_validity
from .rules import may_grant

logger = logging.getLogger(__name__)

_SIGNER: Final = signing.TimestampSigner(salt="accounts.invitations")


class InvitationRefused(Exception):
    """It cannot be done; ``str()`` says why, ``field`` at which field of the form."""

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class MailNotSent(Exception):
    """The invitation stands, but the mail server did not take it."""

    def __init__(self) -> None:
        super().__init__(
            _("The mail server did not take the invitation. It is kept below: press “Send again” when mail works.")
        )


def invite(*, by: User, email: str, role: str, sites: Iterable[Site], request: HttpRequest) -> Invitation:
    """Write an invitation down and send it.

    Raises:
        InvitationRefused: ``by`` may not grant this, or the address has an account or an invitation already.
        MailNotSent: it is written down but not sent.
    """
    sites = list(sites)
    if not may_grant(by, role, sites):
        raise InvitationRefused(_("You cannot give this role at these sites."))
    with transaction.atomic():
        # Two at once for one address must not make two accounts.
        User.objects.select_for_update().get(pk=by.pk)
        if User.objects.filter(email__iexact=email).exists():
            raise InvitationRefused(_("There is an account with this address already."), "email")
        if Invitation.objects.filter(email__iexact=email, accepted_at=None, withdrawn_at=None).exists():
            raise InvitationRefused(
                _("There is an open invitation to this address already. Send it again, or withdraw it first."), "email"
            )
        secret, digest = _new_secret()
        invitation = Invitation.objects.create(email=email, role=role, invited_by=by, secret_sha256=digest)
        invitation.sites.set(sites)
        _note(Action.INVITATION_MADE, invitation, by=by)
    _send(invitation, secret, request)
    return invitation


def send_again(invitation: Invitation, *, by: User, request: HttpRequest) -> None:
    """A new link for another seven days; the old one stops working.

    Raises:
        InvitationRefused: it is accepted or withdrawn.
        MailNotSent: the new link is not sent; the old one has stopped working all the same.
    """
    secret, digest = _new_secret()
    still_open = Invitation.objects.filter(pk=invitation.pk, accepted_at=None, withdrawn_at=None)
    with transaction.atomic():
        if not still_open.update(secret_sha256=digest, expires_at=end_of_validity()):
            raise InvitationRefused(_("This invitation is not open any more."))
        _note(Action.INVITATION_SENT_AGAIN, invitation, by=by)
    invitation.refresh_from_db()
    _send(invitation, secret, request)


def withdraw(invitation: Invitation, *, by: User) -> bool:
    """Make the link stop working; False if the invitation was not open."""
    still_open = Invitation.objects.filter(pk=invitation.pk, accepted_at=None, withdrawn_at=None)
    with transaction.atomic():
        withdrawn = still_open.update(withdrawn_at=timezone.now())
        if withdrawn:
            _note(Action.INVITATION_WITHDRAWN, invitation, by=by)
    return bool(withdrawn)


def find(token: str) -> Invitation | None:
    """The invitation that the token of a link opens: open, in time, and of somebody who may still grant it."""
    try:
        secret = _SIGNER.unsign(token, max_age=VALID_FOR)
    except signing.BadSignature:
        return None
    invitation = (
        Invitation.objects.filter(secret_sha256=_digest(secret), accepted_at=None, withdrawn_at=None)
        .select_related("invited_by")
        .first()
    )
    if invitation is None or invitation.has_expired:
        return None
    granted = may_grant(invitation.invited_by, invitation.role, invitation.sites.all())
    return invitation if granted else None


def accept(invitation: Invitation, *, user: User) -> User:
    """Make the account: ``user`` is a new one with name and password, not saved yet.

    Raises:
        InvitationRefused: somebody was faster, with the same link.
    """
    with transaction.atomic():
        used = Invitation.objects.filter(pk=invitation.pk, accepted_at=None, withdrawn_at=None)
        if not used.update(accepted_at=timezone.now()):
            raise InvitationRefused(_("This invitation has been used already."))
        user.email = invitation.email
        user.role = invitation.role
        user.save()
        user.sites.set(invitation.sites.all())
        Invitation.objects.filter(pk=invitation.pk).update(accepted_by=user)
        _note(Action.INVITATION_ACCEPTED, invitation, by=user)
    return user


def _note(action: Action, invitation: Invitation, *, by: User) -> None:
    sites = list(invitation.sites.all())
    record(
        action,
        actor=by,
        target=invitation,
        # As with people: of several sites, none learns of another's business.
        site=sites[0] if len(sites) == 1 else None,
        details={"role": invitation.role, "sites": sorted(site.pk for site in sites)},
    )


def _new_secret() -> tuple[str, str]:
    secret = secrets.token_urlsafe(32)
    return secret, _digest(secret)


def _digest(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()


def _send(invitation: Invitation, secret: str, request: HttpRequest) -> None:
    path = reverse("accounts:invitations:accept", args=[_SIGNER.sign(secret)])
    context = {
        "invitation": invitation,
        "inviter": invitation.invited_by.get_full_name() or invitation.invited_by.get_username(),
        "link": request.build_absolute_uri(path),
        "days": VALID_FOR.days,
    }
    subject = render_to_string("invitations/mail/invitation_subject.txt", context).strip()
    try:
        send_mail(subject, render_to_string("invitations/mail/invitation.txt", context), None, [invitation.email])
    except (SMTPException, OSError) as error:
        logger.warning("An invitation could not be sent: %s", error)
        raise MailNotSent from error
    Invitation.objects.filter(pk=invitation.pk).update(sent_at=timezone.now())

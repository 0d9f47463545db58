"""API tokens: made with a password, stored as a hash; they end by time, by hand or with the password."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from . import scopes
from .administering import users_wholly_administered_by
from .audit.actions import Action
from .audit.log import record
from .audit.selectors import home_of
from .models import ApiToken, Role, User

logger = logging.getLogger(__name__)

MAX_NAME_LENGTH: Final = 80
MAX_TOKENS: Final = 50
# ``last_used_at`` is written at most this often, not with every request.
USE_NOTED_EVERY: Final = timedelta(minutes=1)


class TokenRefused(ValueError):
    """No token is made.

    Attributes:
        field: which of the wishes is at fault: name, scopes, days; "" where it is none of them.
        code: stable identifier for machines.
    """

    def __init__(self, field: str, code: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.code = code


def open_token(user: User) -> tuple[str, datetime]:
    """Make a token with every scope, for ``ISOLINE_TOKEN_HOURS``.

    Returns:
        The token, readable only this once, and when it expires.
    """
    with transaction.atomic():
        row, token = ApiToken.objects.create(user=user, scopes=list(scopes.ALL), created_by=user)
        _note(Action.TOKEN_OPENED, user, [row], by=user)
    return token, row.expiry


def make_token(*, user: User, name: str, wanted: Iterable[str], days: int, made_by: User) -> tuple[ApiToken, str]:
    """Make a token with a name, some scopes and an end.

    Args:
        user: whose rights it carries.
        name: what its owner calls it, up to 80 characters.
        wanted: scopes, at least one.
        days: how long it lasts, up to ``ISOLINE_TOKEN_MAX_DAYS``.
        made_by: the owner, or an administrator.

    Returns:
        The row, and the token, readable only this once.

    Raises:
        TokenRefused: with what to change.
    """
    name, wanted = " ".join(name.split()), list(wanted)
    longest: int = settings.ISOLINE_TOKEN_MAX_DAYS
    if not name or len(name) > MAX_NAME_LENGTH:
        raise TokenRefused("name", "invalid", _("Give it a name of up to 80 characters."))
    if not wanted:
        raise TokenRefused("scopes", "empty", _("Choose at least one scope."))
    if unknown := sorted(set(wanted) - set(scopes.ALL)):
        raise TokenRefused("scopes", "unknown_scope", _("There is no scope %(name)s.") % {"name": unknown[0]})
    if not 1 <= days <= longest:
        text = ngettext("Choose 1 day.", "Choose between 1 and %(longest)d days.", longest) % {"longest": longest}
        raise TokenRefused("days", "out_of_range", text)
    if live_tokens(user).count() >= MAX_TOKENS:
        text = _("There are %(count)d tokens already. Revoke one that is not used any more.") % {"count": MAX_TOKENS}
        raise TokenRefused("", "too_many_tokens", text)
    with transaction.atomic():
        row, token = ApiToken.objects.create(
            user=user, expiry=timedelta(days=days), name=name, scopes=scopes.in_order(wanted), created_by=made_by
        )
        _note(Action.TOKEN_OPENED, user, [row], by=made_by)
    logger.info("API token %s of user %s made by user %s for %d day(s)", row.pk, user.pk, made_by.pk, days)
    return row, token


def live_tokens(user: User) -> QuerySet[ApiToken]:
    """The user's tokens that have not expired, newest first."""
    return _live().filter(user=user)


def tokens_managed_by(user: User) -> QuerySet[ApiToken]:
    """Tokens that the user may see and revoke: the own ones, every one for administrators, for site administrators
    those of the machines of their own sites."""
    every = _live()
    if not user.is_active:
        return every.none()
    if user.is_administrator:
        return every
    machines = users_wholly_administered_by(user).filter(role=Role.API_CLIENT)
    return every.filter(Q(user=user) | Q(user__in=machines))


def machine_accounts_of(user: User) -> QuerySet[User]:
    """Accounts that the user makes tokens for, beside the own one: machines', for those who administer them wholly. Of
    people, only they themselves: who has a person's token can act in that person's name."""
    administered = users_wholly_administered_by(user)
    return administered.filter(role=Role.API_CLIENT, is_active=True, is_superuser=False)


def revoke(token: ApiToken, *, revoked_by: User) -> None:
    """End one token."""
    logger.info("API token %s of user %s revoked by user %s", token.pk, token.user_id, revoked_by.pk)
    with transaction.atomic():
        token.delete()
        _note(Action.TOKEN_CLOSED, token.user, [token], by=revoked_by)


def revoke_tokens(user: User, *, by: User | None) -> None:
    """End every token of the user; ``by`` is who does it, None on the server."""
    with transaction.atomic():
        open_ones = list(ApiToken.objects.filter(user=user))
        ApiToken.objects.filter(pk__in=[token.pk for token in open_ones]).delete()
        if open_ones:
            _note(Action.TOKEN_CLOSED, user, open_ones, by=by)


def _note(action: Action, user: User, tokens: list[ApiToken], *, by: User | None) -> None:
    # The part of a token that Django admin shows as well.
    keys = [token.token_key for token in tokens]
    record(action, actor=by, target=user, site=home_of(user), details={"tokens": keys})


def note_use(token: ApiToken) -> None:
    """Remember that it was used just now."""
    now = timezone.now()
    if token.last_used_at is None or now - token.last_used_at >= USE_NOTED_EVERY:
        # Asked for again in the database: of requests at the same moment one writes.
        due = Q(last_used_at__isnull=True) | Q(last_used_at__lte=now - USE_NOTED_EVERY)
        ApiToken.objects.filter(due, pk=token.pk).update(last_used_at=now)
        token.last_used_at = now


def _live() -> QuerySet[ApiToken]:
    live: QuerySet[ApiToken] = ApiToken.objects.filter(expiry__gt=timezone.now()).select_related("user", "created_by")
    return live

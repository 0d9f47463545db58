"""Who sends this token."""

from __future__ import annotations

import re
from typing import Any, Final

from django.utils.translation import gettext as _
from knox.auth import TokenAuthentication
from rest_framework.exceptions import AuthenticationFailed

from .models import ApiToken, User
from .tokens import note_use

# Anything else cannot be one of ours, and need not reach the database.
_LIKE_A_TOKEN: Final = re.compile(rb"[A-Za-z0-9_]{16,128}")


class ApiTokenAuthentication(TokenAuthentication):
    """``Authorization: Token …``; remembers when a token was last used."""

    def authenticate_credentials(self, token: bytes) -> tuple[User, ApiToken]:
        if not _LIKE_A_TOKEN.fullmatch(token):
            raise AuthenticationFailed(_("The API token is not valid."))
        user, row = super().authenticate_credentials(token)
        note_use(row)
        return user, row

    def authenticate(self, request: Any) -> tuple[User, ApiToken] | None:
        pair: tuple[User, ApiToken] | None = super().authenticate(request)
        return pair

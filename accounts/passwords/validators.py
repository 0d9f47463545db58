"""A new password is none of the last few."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.hashers import check_password
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from .history import remember
from .models import PastPassword


class NotUsedBeforeValidator:
    """Refuses the last ``count`` passwords of a user, the present one among them.

    Django calls ``password_changed`` whenever a user with a new password is saved, so every way of changing it
    (account page, reset by mail, Django admin, command line) is remembered; ``history`` remembers the first one.
    """

    def __init__(self, count: int = 5) -> None:
        self.count = count

    def validate(self, password: str, user: Any = None) -> None:
        if user is None or user.pk is None:
            return
        hashes = [
            user.password,
            *PastPassword.objects.filter(user=user).values_list("password", flat=True)[: self.count],
        ]
        if any(check_password(password, known) for known in dict.fromkeys(hashes)):
            raise ValidationError(
                _("You have used this password before. Choose one that is none of your last %(count)d.")
                % {"count": self.count},
                code="password_used_before",
            )

    def password_changed(self, password: str, user: Any = None) -> None:
        if user is None or user.pk is None:
            return
        remember(user)
        kept = PastPassword.objects.filter(user=user).values_list("pk", flat=True)[: self.count]
        PastPassword.objects.filter(user=user).exclude(pk__in=list(kept)).delete()

    def get_help_text(self) -> str:
        return _("Your password can’t be one of your last %(count)d.") % {"count": self.count}

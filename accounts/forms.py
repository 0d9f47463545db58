"""The forms for logging in and for API tokens. They and Django's own are drawn by crispy forms through
``templates/includes/form.html``."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.forms import AuthenticationForm
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from .audit.signals import refuse_log_in
from .models import ApiToken, Role, User
from .scopes import Scope
from .second_factor.forms import ProofForm
from .second_factor.proof import ProofRefused, asked_of, prove
from .tokens import MAX_NAME_LENGTH, TokenRefused, make_token


class SignInForm(AuthenticationForm):
    error_messages = {  # noqa: RUF012  (as Django declares it)
        **AuthenticationForm.error_messages,
        "invalid_login": _("User name and password do not match. Check both; the password is case-sensitive."),
        "machine_account": _("This account is for programs. They log in with a token from the API."),
    }

    def confirm_login_allowed(self, user: Any) -> None:
        super().confirm_login_allowed(user)
        if user.role == Role.API_CLIENT:
            refuse_log_in(user.get_username(), self.request, reason="machine_account")
            raise ValidationError(self.error_messages["machine_account"], code="machine_account")


class TokenForm(ProofForm):
    """What an API token is to be; making it asks who sits here, because a token outlives the log-in."""

    name = forms.CharField(
        label=_("Name"), max_length=MAX_NAME_LENGTH, help_text=_("What will use it, e.g. “ECG cart, ward 3”.")
    )
    scopes = forms.MultipleChoiceField(
        label=_("It may"), choices=Scope.choices, widget=forms.CheckboxSelectMultiple, required=True
    )
    days = forms.TypedChoiceField(label=_("It ends after"), coerce=int, initial=90)
    field_order = ("name", "scopes", "days", "password", "code")

    def __init__(self, *args: Any, request: HttpRequest, owner: User, **kwargs: Any) -> None:
        asking: Any = request.user
        super().__init__(*args, asked=asked_of(asking), **kwargs)
        self.fields[self.proof_field].help_text = _("Asked for again, because a token outlives your log-in.")
        self._request = request
        self._owner = owner
        longest: int = settings.ISOLINE_TOKEN_MAX_DAYS
        choices = sorted({days for days in (1, 7, 30, 90, 180, 365) if days < longest} | {longest})
        days_field: Any = self.fields["days"]
        days_field.choices = [
            (days, ngettext("%(days)d day", "%(days)d days", days) % {"days": days}) for days in choices
        ]

    def clean(self) -> dict[str, Any]:
        wanted = super().clean() or {}
        proof = {name: wanted.pop(name) for name in ("password", "code") if name in wanted}
        # A code counts once; one is not used up by a form that has to be filled in again.
        if not self.errors:
            try:
                prove(self._request, **proof)
            except ProofRefused as refused:
                self.add_error(self.proof_field, ValidationError(refused.message, refused.code))
        return wanted

    def make(self) -> tuple[ApiToken, str] | None:
        """The row and the token, or None with what is wrong in ``errors``."""
        asking: Any = self._request.user
        try:
            return make_token(
                user=self._owner,
                name=self.cleaned_data["name"],
                wanted=self.cleaned_data["scopes"],
                days=self.cleaned_data["days"],
                made_by=asking,
            )
        except TokenRefused as refused:
            self.add_error(refused.field or None, str(refused))
        return None
